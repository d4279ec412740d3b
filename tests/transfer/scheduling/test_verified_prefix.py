"""The first bytes of a file: asked for again while they arrive damaged, refused when the source has them wrong."""

from collections.abc import Iterator

import pytest

from bundle.errors import Malformed
from tests.support.contents.tiny_bundle import Shape, tiny_bundle
from transfer.scheduling.verified_prefix import receive_header, receive_verified

BUNDLE = tiny_bundle(Shape(full_bytes=9000))
HEADER_BYTES = len(BUNDLE.header)


def read(data: bytes) -> bytes:
    if data != b"good":
        raise Malformed("not good")
    return data


def copies(*data: bytes) -> Iterator[bytes]:
    return iter(data)


def test_a_damaged_copy_is_asked_for_again() -> None:
    """[T-3]"""
    found = copies(b"bad", b"worse", b"good")
    assert receive_verified(lambda: next(found), read, "mirror", 5) == (b"good", b"good")


@pytest.mark.parametrize(
    "data",
    [(b"bad", b"bad"), (b"bad", b"worse", b"bad"), (b"1", b"2", b"3", b"4", b"5")],
    ids=["same", "later", "five"],
)
def test_the_same_copy_twice_or_a_fifth_one_is_refused(data: tuple[bytes, ...]) -> None:
    """[T-3]"""
    found = copies(*data, b"good")
    with pytest.raises(Malformed, match=r"^mirror: not good$"):
        receive_verified(lambda: next(found), read, "mirror", 5)
    assert next(found) == b"good"


@pytest.mark.parametrize(
    ("first_bytes", "asked"), [(4096, [(0, 4096)]), (100, [(0, 100), (100, HEADER_BYTES)])], ids=["all", "part"]
)
def test_a_header_is_asked_for_to_its_end(first_bytes: int, asked: list[tuple[int, int]]) -> None:
    """[T-2]: nothing more, if the first answer had it all."""
    ranges: list[tuple[int, int]] = []

    def receive_range(start: int, end: int) -> bytes:
        if start < end:
            ranges.append((start, end))
        return BUNDLE.data[start:end]

    assert receive_header(receive_range, first_bytes).startswith(BUNDLE.header)
    assert ranges == asked


def test_what_is_no_header_is_handed_on_as_it_came() -> None:
    """[T-3]"""
    assert receive_header(lambda start, end: b"no bundle"[start:end], 4096) == b"no bundle"
