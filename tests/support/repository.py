"""Where this checkout lies: the directory that tests start the program from."""

from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).parents[2]
