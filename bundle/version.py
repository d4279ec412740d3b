"""The version of the program. It stands here, too, for where nothing was installed there is no metadata to ask."""

from typing import Final

VERSION: Final = "0.1.0"
