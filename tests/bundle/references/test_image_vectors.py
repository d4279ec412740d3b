"""The images of spec/vectors, made without our code, through our rules; and their generator gives them again."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bundle.format.objects import MemoryObject
from bundle.references.kinds import Kind
from bundle.references.prediction import scan
from tests.support.contents.scanned import found_in
from tests.support.repository import REPOSITORY

VECTORS = REPOSITORY / "spec" / "vectors"
IMAGES: list[dict[str, Any]] = json.loads((VECTORS / "images.json").read_text(encoding="utf-8"))["images"]


def references(data: bytes) -> dict[str, list[list[int]]] | None:
    """Per kind that is there: [offset, target], of jumps [offset, target, anchor]."""
    if not scan(MemoryObject(data)):
        return None
    return {kind.lower(): list(map(list, found)) for kind, found in found_in(data).items()}


@pytest.mark.parametrize("vector", IMAGES, ids=lambda vector: vector["name"])
def test_image(vector: dict[str, Any]) -> None:
    """[F-50], [F-51], [F-54] to [F-58]"""
    assert references(bytes.fromhex(vector["image"])) == vector["references"]


def test_every_kind_is_expected_somewhere() -> None:
    expected = {kind for vector in IMAGES for kind in vector["references"] or ()}
    assert expected == {kind.name.lower() for kind in Kind}


def test_the_generator_gives_the_same_file(tmp_path: Path) -> None:
    subprocess.run([sys.executable, VECTORS / "images.py", tmp_path], check=True)
    assert (tmp_path / "images.json").read_bytes() == (VECTORS / "images.json").read_bytes()
