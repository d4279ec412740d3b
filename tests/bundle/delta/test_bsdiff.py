"""bsdiff, made and applied: bundle.delta.bsdiff."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundle.delta.bsdiff import Triple, make_difference
from bundle.delta.changes import CHUNK_BYTES
from bundle.errors import Malformed
from bundle.format.index import Stream
from bundle.format.varints import write_varints
from tests.support.contents.patches import applied, patched

SOURCE = bytes(range(100))


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([b"alpha ", b"beta ", b"gamma\n", bytes(range(60))]), max_size=20).map(b"".join),
    st.lists(st.sampled_from([b"alpha ", b"beta ", b"delta!", bytes(range(60))]), max_size=20).map(b"".join),
)
def test_a_difference_gives_the_target(source: bytes, target: bytes) -> None:
    """[F-36]"""
    made = make_difference(source, target)
    assert applied(source, len(target), made.triples, made.diff, made.extra) == target
    assert all(add or extra or seek for add, extra, seek in made.triples), "idle triples cost bytes"
    assert not made.triples or made.triples[-1][2] == 0, "the last seek leads nowhere"


def test_a_triple_adds_inserts_and_seeks() -> None:
    """[F-36]: modulo 256; seeks go both ways, counted from the end of what was added."""
    triples = [(3, 2, 10), (2, 0, -5), (4, 0, 0)]
    made = applied(SOURCE, 11, triples, bytes([255, 0, 1, 0, 200, 0, 0, 0, 0]), b"XY")
    assert made == bytes([255, 1, 3]) + b"XY" + bytes([13, 14 + 200]) + bytes([10, 11, 12, 13])


def test_nothing_is_made_from_nothing() -> None:
    assert applied(b"", 0, [], b"", b"") == b""


@pytest.mark.parametrize(
    ("size", "triples"),
    [
        (101, [(101, 0, 0)]),
        (2, [(0, 0, 100), (1, 1, 0)]),
        (2, [(1, 0, -2), (1, 0, 0)]),
        (1, [(1, 0, 100)]),
        (1, [(1, 0, -2)]),
        (5, [(3, 3, 0)]),
        (5, [(2, 2, 0)]),
        (5, []),
        (5, [(2**53, 0, 0)]),
        (5, [(0, 2**53, 0)]),
        (0, [(0, 0, 2**52)]),
        (0, [(0, 0, -1), (0, 0, 1)]),
    ],
)
def test_triples_out_of_bounds_are_refused(size: int, triples: list[Triple]) -> None:
    """[F-41]"""
    with pytest.raises(Malformed, match="recipe: a patch"):
        applied(SOURCE, size, triples, bytes(500), bytes(500))


def test_changes_are_sparse_and_count_copied_bytes_alone() -> None:
    """[F-36]: across triples; extra bytes in between do not count."""
    streams = {Stream.SKIP: write_varints([3, 1, 1, 2]), Stream.CHANGE: b"\1\2\xff", Stream.EXTRA: b"abcd"}
    made = patched(SOURCE, 14, [(3, 2, 0), (4, 2, 0), (3, 0, 0)], streams)
    assert made == bytes([0, 2, 2]) + b"ab" + bytes([5, 4, 5, 5]) + b"cd" + bytes([7, 8, 9])


@pytest.mark.parametrize(
    ("skips", "word"),
    [
        ([], "SKIP pack is too short"),
        ([1], "SKIP pack is too short"),
        ([2, 0], "SKIP pack is too short"),
        ([1, 5], "change beyond"),
        ([2, 0, 4], "change beyond"),
        ([6, 0, 0, 0, 0, 0, 0], "change beyond"),
        ([1, 2**53 - 1], "change beyond"),
        ([2**53 - 1], "SKIP pack is too short"),
    ],
)
def test_changes_out_of_bounds_are_refused(skips: list[int], word: str) -> None:
    """[F-36]"""
    streams = {Stream.SKIP: write_varints(skips), Stream.CHANGE: bytes(9), Stream.EXTRA: b""}
    with pytest.raises(Malformed, match=f"recipe: .*{word}"):
        patched(SOURCE, 5, [(5, 0, 0)], streams)


def test_changes_at_the_edges_of_chunks() -> None:
    """[F-36]: a long stretch is read in chunks; a change may be the first or the last of one."""
    source = bytes(2 * CHUNK_BYTES + 10)
    diff = bytearray(len(source))
    for at in (0, CHUNK_BYTES - 1, CHUNK_BYTES, 2 * CHUNK_BYTES, len(source) - 1):
        diff[at] = 1
    made = applied(source, len(source), [(len(source), 0, 0)], bytes(diff), b"", step=1 << 20)
    assert made == bytes(diff)


def test_the_ends_of_the_source_are_within_it() -> None:
    """[F-41]"""
    assert applied(SOURCE, 200, [(100, 0, -100), (100, 0, 0)], bytes(200), b"") == SOURCE * 2
    assert applied(SOURCE, 1, [(0, 0, 100), (0, 1, -100)], b"", b"x") == b"x"
