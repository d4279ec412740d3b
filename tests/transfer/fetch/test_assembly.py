"""Pieces out of chunks, whoever brings them, and their unfinished beginnings in the state file."""

from pathlib import Path

import pytest

from tests.support.contents.tiny_bundle import Shape, tiny_bundle
from transfer.disk.state_file import StateFile
from transfer.fetch.assembly import Assembly
from transfer.plan import FetchPlan

BUNDLE = tiny_bundle(Shape(full_bytes=4096 * 3))
SLOTS = FetchPlan.of(BUNDLE.verified, BUNDLE.root.sections, fresh=True).slots
BODY = [slot for slot in SLOTS if not slot.is_table]


def data_of(start: int, end: int) -> bytes:
    return BUNDLE.data[start:end]


def test_chunks_across_pieces_give_each_whole_one(tmp_path: Path) -> None:
    """[T-8]"""
    first, second, third = (slot.offset for slot in BODY)
    assembly = Assembly(SLOTS, StateFile(tmp_path / "out"))
    assert list(assembly.add(second, data_of(second, second + 4000), {None})) == []
    found = list(assembly.add(first, data_of(first, second), {None}))
    found += assembly.add(second + 4000, data_of(second + 4000, third + 10), {None})
    assert [(slot.offset, piece) for slot, piece, _ in found] == [
        (first, data_of(first, second)),
        (second, data_of(second, third)),
    ]


def test_bytes_out_of_order_within_a_piece_are_a_mistake(tmp_path: Path) -> None:
    """[T-23]: the queue hands out what is left of a piece to one connection alone."""
    assembly = Assembly(SLOTS, StateFile(tmp_path / "out"))
    with pytest.raises(AssertionError, match="in order"):
        list(assembly.add(BODY[0].offset + 1, b"x", {None}))


def test_what_is_unfinished_outlives_the_process(tmp_path: Path) -> None:
    """[T-12]"""
    offset = BODY[1].offset
    with StateFile(tmp_path / "out") as state:
        state.open(BUNDLE.verified, 0)
        assembly = Assembly(SLOTS, state)
        for start in (0, 100):
            assert list(assembly.add(offset + start, data_of(offset + start, offset + start + 100), {None})) == []
    with StateFile(tmp_path / "out") as again:
        again.open(BUNDLE.verified, 0)
        assert again.unfinished == [(offset, data_of(offset, offset + 200))]
