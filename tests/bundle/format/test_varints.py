"""Varints: bundle.format.varints."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundle.errors import Malformed
from bundle.format.varints import fold, read_varints, unfold, write_varints

LIMIT = 2**53 - 1


@given(st.lists(st.integers(0, LIMIT)))
def test_numbers_come_back(values: list[int]) -> None:
    """[F-40]"""
    assert list(read_varints(write_varints(values))) == values


@given(st.integers(-(2**52), 2**52 - 1))
def test_signed_numbers_come_back(value: int) -> None:
    """[F-40]"""
    assert unfold(fold(value)) == value
    assert fold(value) == (2 * value if value >= 0 else -2 * value - 1)


@given(st.binary(max_size=12))
def test_there_is_one_spelling(data: bytes) -> None:
    """[F-40]: what is read at all is written in the same way."""
    try:
        values = list(read_varints(data))
    except Malformed:
        return
    assert write_varints(values) == data


def test_known_bytes() -> None:
    assert write_varints([0, 127, 128, 300, LIMIT]) == bytes.fromhex("007f8001ac02ffffffffffffff0f")


@pytest.mark.parametrize(
    ("data", "word"),
    [
        ("8000", "padded"),
        ("818000", "padded"),
        ("80808080808080" + "10", "over"),
        ("ffffffffffffff1f", "over"),
        ("ff" * 8 + "00", "over"),
        ("80" * 1000, "over"),
        ("80", "cut short"),
        ("05ff", "cut short"),
    ],
)
def test_padded_huge_and_cut_ones_are_refused(data: str, word: str) -> None:
    """[F-40]"""
    with pytest.raises(Malformed, match=word):
        list(read_varints(bytes.fromhex(data)))


def test_they_are_read_one_by_one() -> None:
    """A number is there as soon as its last byte is: streams are endless compared with what a recipe takes."""
    numbers = read_varints(iter(b"\x05\x80"))
    assert next(numbers) == 5
    with pytest.raises(Malformed):
        next(numbers)
