"""The second reader's modules, for tests that compare single rules with them.

They import one another by their bare names, of which some are names of modules of `spec/vectors`, too. So they are
kept here, and not in `sys.modules`.
"""

import importlib
import sys
from pathlib import Path
from types import ModuleType

from tests.support.repository import REPOSITORY

READER = str(REPOSITORY / "spec" / "reader")
_loaded: dict[str, ModuleType] = {}


def second(name: str) -> ModuleType:
    """A module of spec/reader, which is written from the text alone."""
    names = {path.stem for path in Path(READER).glob("*.py")}
    kept = {one: sys.modules.pop(one) for one in names & sys.modules.keys()}
    sys.modules.update(_loaded)
    sys.path.insert(0, READER)
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(READER)
        _loaded.update({one: sys.modules.pop(one) for one in names & sys.modules.keys()})
        sys.modules.update(kept)
