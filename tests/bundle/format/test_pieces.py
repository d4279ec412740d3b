"""Pieces and the hash tree: bundle.format.pieces."""

from hashlib import sha256
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundle.errors import Corrupt
from bundle.format.objects import MemoryObject
from bundle.format.pieces import HashTree, Piece, build_tables, level_lengths, pieces_of, stored_length

PIECE = 4096


def body_of(length: int) -> bytes:
    return sha256(b"%d" % length).digest() * (length // 32 + 1)


@pytest.mark.parametrize(
    ("length", "levels"),
    [
        (1, [1]),
        (4096, [4096]),
        (4097, [64, 4097]),
        (128 * 4096, [4096, 128 * 4096]),
        (128 * 4096 + 1, [64, 129 * 32, 128 * 4096 + 1]),
    ],
)
def test_levels(length: int, levels: list[int]) -> None:
    """[F-20]: 128 hashes to a piece of 4,096 bytes."""
    assert level_lengths(length, PIECE) == levels
    assert stored_length(length, PIECE) == sum(levels)


def test_the_longest_body_has_few_levels() -> None:
    """[F-20]"""
    levels = level_lengths(2**53 - 1, PIECE)
    assert len(levels) == 7 and levels[0] <= PIECE < levels[1]
    assert all(above == -(-below // PIECE) * 32 for above, below in pairwise(levels))


@given(st.integers(1, 1_200_000))
def test_pieces_cover_a_section_without_gaps(length: int) -> None:
    at = 0
    for piece in pieces_of(length, PIECE):
        assert piece.offset == at and 0 < piece.length <= PIECE
        at += piece.length
    assert at == stored_length(length, PIECE)


@pytest.mark.parametrize("length", [1, PIECE, PIECE + 1, 50_000, 600_000])
def test_from_the_front_each_piece_is_known_when_it_comes(length: int) -> None:
    """[F-20], [F-21]"""
    body = body_of(length)[:length]
    tables, top = build_tables(MemoryObject(body), PIECE)
    tree = HashTree(length, PIECE, top)
    for piece in pieces_of(length, PIECE):
        assert tree.knows(piece)
        tree.verify(piece, (tables + body)[piece.offset : piece.offset + piece.length])
    assert top == sha256((tables + body)[: min(PIECE, level_lengths(length, PIECE)[0])]).digest()


def test_a_piece_under_a_table_that_has_not_come_is_not_known() -> None:
    """[F-21]"""
    _, top = build_tables(MemoryObject(body_of(PIECE * 3)), PIECE)
    assert not HashTree(PIECE * 3, PIECE, top).knows(Piece(96, PIECE, 1, 0))


def test_every_byte_of_every_piece_counts() -> None:
    """[F-21]"""
    body = body_of(PIECE * 2 + 5)[: PIECE * 2 + 5]
    tables, top = build_tables(MemoryObject(body), PIECE)
    stored = tables + body
    tree = HashTree(len(body), PIECE, top)
    for piece in pieces_of(len(body), PIECE):
        data = stored[piece.offset : piece.offset + piece.length]
        for at in (0, len(data) // 2, len(data) - 1):
            with pytest.raises(Corrupt, match=f"{len(data)} bytes at offset {piece.offset} "):
                tree.verify(piece, data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        for wrong in (data[:-1], data + b"\0", b""):
            with pytest.raises(Corrupt):
                tree.verify(piece, wrong)
        tree.verify(piece, data)


def test_a_spoiled_table_names_nothing() -> None:
    """[F-21]: only a table that was verified makes hashes known."""
    body = body_of(PIECE * 2)[: PIECE * 2]
    tables, top = build_tables(MemoryObject(body), PIECE)
    tree = HashTree(len(body), PIECE, top)
    table, first, _ = pieces_of(len(body), PIECE)
    with pytest.raises(Corrupt):
        tree.verify(table, bytes(64))
    assert not tree.knows(first)
    tree.verify(table, tables)
    assert tree.knows(first)
