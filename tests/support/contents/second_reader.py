"""The second reader's modules, for tests that compare single rules with them."""

import importlib
import sys
from types import ModuleType

from tests.support.repository import REPOSITORY

READER = str(REPOSITORY / "spec" / "reader")


def second(name: str) -> ModuleType:
    """A module of spec/reader, which is written from the text alone."""
    sys.path.insert(0, READER)
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(READER)
