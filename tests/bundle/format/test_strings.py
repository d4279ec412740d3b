"""An array of strings, read where it stands: bundle.format.strings."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundle.errors import Malformed
from bundle.format import canonical
from bundle.format.strings import Strings

# Each length at which a header becomes longer, and letters of one to four bytes.
LENGTHS = st.sampled_from([0, 1, 31, 32, 255, 256, 300])
texts = st.tuples(st.sampled_from("aé€\U0001f6a2"), LENGTHS).map(lambda found: found[0] * found[1])


def read(encoded: bytes, most: int = 100_000) -> Strings:
    return Strings(memoryview(encoded), most, "names")


@given(st.lists(texts, max_size=20), st.data())
def test_it_is_the_list_that_was_encoded(strings: list[str], data: st.DataObject) -> None:
    found = read(canonical.encode(strings))
    assert list(found) == strings and found[:] == strings and len(found) == len(strings)
    assert [found[at - len(strings)] for at in range(len(strings))] == strings
    chosen = sorted(data.draw(st.sets(st.sampled_from(range(len(strings)))))) if strings else []
    assert found.chosen(chosen) == canonical.encode([strings[at] for at in chosen])


@pytest.mark.parametrize("count", [15, 16, 65_535, 65_536])
def test_arrays_of_every_width(count: int) -> None:
    encoded = canonical.encode(["x"] * count)
    found = read(encoded)
    assert len(found) == count and found.chosen(range(count)) == encoded


@pytest.mark.parametrize(
    ("encoded", "word"),
    [
        (b"", "not an array"),
        (b"\x80", "not an array"),
        (b"\xdc\0", "canonical"),
        (b"\xdc\0\1\xa1a", "canonical"),
        (b"\xdd\0\0\0\1\xa1a", "canonical"),
        (b"\x91", "cut short"),
        (b"\x91\xa2a", "cut short"),
        (b"\x91\xd9", "cut short"),
        (b"\x91\xda\1", "cut short"),
        (b"\x91\xa1a\xa1b", "longer"),
        (b"\x91\x01", "not a string"),
        (b"\x91\xc4\1a", "not a string"),
        (b"\x91\xd9\x1f" + b"a" * 31, "canonical"),
        (b"\x91\xda\0\xff" + b"a" * 255, "canonical"),
        (b"\x91\xdb\0\1\0\0" + b"a" * 65_536, "longer one than any path"),
        (b"\x91\xa1\xff", "UTF-8"),
        (b"\x91\xa3\xed\xa0\x80", "UTF-8"),
    ],
)
def test_every_other_spelling_is_refused(encoded: bytes, word: str) -> None:
    """[F-3]"""
    with pytest.raises(Malformed, match=f"^names: .*{word}"):
        read(encoded)


def test_more_than_there_may_be_are_refused_before_they_are_read() -> None:
    with pytest.raises(Malformed, match="3 strings are more than 2"):
        read(b"\x93", most=2)


@given(st.binary(max_size=12))
def test_what_it_takes_is_what_msgspec_takes(encoded: bytes) -> None:
    """[F-3]: the same arrays of strings in canonical form, and no others."""
    try:
        expected = canonical.decode(encoded, list[str], "names")
    except Malformed:
        with pytest.raises(Malformed):
            read(encoded)
    else:
        assert list(read(encoded)) == expected == msgspec.msgpack.decode(encoded)
