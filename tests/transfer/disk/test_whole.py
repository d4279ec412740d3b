"""A whole bundle file as it is read to leave shore: every byte of it, or none that is wrong."""

from pathlib import Path

import pytest

from bundle.archives.engines import present_features
from bundle.errors import Corrupt
from bundle.read.reader import open_for_display
from tests.support.contents.tiny_bundle import Shape, tiny_bundle, tree_hash
from transfer.disk.whole import read_header, whole_bundle

BUNDLE = tiny_bundle(Shape(full_bytes=50_000, delta_bytes={"old": 9_000}))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "b"
    path.write_bytes(BUNDLE.data)
    return path


def test_it_comes_whole_and_piece_by_piece(path: Path) -> None:
    """[T-50]"""
    with open_for_display(path) as bundle:
        chunks = list(whole_bundle(bundle))
    assert b"".join(chunks) == BUNDLE.data and chunks[0] == BUNDLE.header and max(map(len, chunks[1:])) <= 4096


@pytest.mark.parametrize("at", [len(BUNDLE.header), len(BUNDLE.data) - 1])
def test_a_wrong_byte_ends_it_before_its_piece_is_out(path: Path, at: int) -> None:
    """[T-50], [T-123]"""
    data = bytearray(BUNDLE.data)
    data[at] ^= 1
    path.write_bytes(data)
    given = b""
    with open_for_display(path) as bundle, pytest.raises(Corrupt, match="use the file that 'unrep build' wrote"):
        for chunk in whole_bundle(bundle):
            given += chunk
    assert BUNDLE.data.startswith(given) and len(given) <= at


def test_a_file_of_one_site_is_not_whole(path: Path) -> None:
    """[T-50]: what was not fetched are holes."""
    path.write_bytes(
        BUNDLE.holding(BUNDLE.root.delta_section(tree_hash("old"), present_features()) or BUNDLE.root.sections[0])
    )
    with open_for_display(path) as bundle, pytest.raises(Corrupt, match="fetched for one site only"):
        list(whole_bundle(bundle))


def test_a_header_that_changed_meanwhile_is_noticed(path: Path) -> None:
    """[T-52]"""
    with open_for_display(path) as bundle:
        with path.open("r+b") as file:
            file.seek(40)
            file.write(b"\xff")
        with pytest.raises(Corrupt, match="changed while it was read"):
            read_header(bundle)
