"""Bundles whose every byte a test decides, made without its encoder: the generator of spec/vectors, for tests.

All are validly signed, so that what is wrong reaches the code that judges it. `VECTORS` are those that are kept.
"""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

from bundle.errors import BundleError, Corrupt, Malformed, Revoked, Sealed, Unsupported, Untrusted
from tests.support.repository import REPOSITORY

DIRECTORY = REPOSITORY / "spec" / "vectors"
DOCUMENT: dict[str, Any] = json.loads((DIRECTORY / "vectors.json").read_text(encoding="utf-8"))
VECTORS: dict[str, dict[str, str]] = {vector["name"]: vector for vector in DOCUMENT["vectors"]}
CLASSES: dict[str, type[BundleError]] = {
    "malformed": Malformed,
    "corrupt": Corrupt,
    "untrusted": Untrusted,
    "unsupported": Unsupported,
    "revoked": Revoked,
    "sealed": Sealed,
}

sys.path.insert(0, str(DIRECTORY))
try:
    raw: Any = importlib.import_module("raw")
    streams: Any = importlib.import_module("streams")
    shapes: Any = importlib.import_module("shapes")
    sealed: Any = importlib.import_module("sealed")
finally:
    sys.path.remove(str(DIRECTORY))


def vector(name: str) -> Path:
    """The file of a vector."""
    return DIRECTORY / f"{name}.unrep"


def full(**changes: Any) -> bytes:
    """A full bundle of the vectors' target; `changes` are hooks of raw.Bundle."""
    return bytes(raw.write(raw.Bundle([raw.full()], **changes)))


def with_root(key: str, value: Any) -> bytes:
    """The same with another value in its root; raw.Raw is MessagePack as it stands."""
    return full(root=raw.replaced(key, value))


def with_paths(*paths: str, platform: str = "any") -> bytes:
    """A full bundle of files with these paths."""
    tree = [(path, 0, b"%d" % number) for number, path in enumerate(paths)]
    return bytes(raw.with_tree(sorted(tree, key=lambda item: item[0]), platform=platform))


def packed(make: Any, codec: int = 1, grow: int = 0) -> bytes:
    """A full bundle whose packs are what `make` gives for their bytes, in that codec, their sizes off by `grow`."""
    return bytes(streams.packs(make, codec, grow)())
