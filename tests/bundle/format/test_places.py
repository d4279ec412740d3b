"""Where objects stand, by their hashes: bundle.format.places."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundle.format.places import Places, PlaceSet

ZEROS = [bytes(32), bytes(31) + b"\1", b"\1" + bytes(31), b"\xff" * 31 + b"\0", b"\xff" * 32]
digests = st.lists(st.sampled_from(ZEROS) | st.integers(0, 5).map(lambda n: sha256(bytes([n])).digest()), max_size=12)


@given(digests, digests)
def test_places_are_those_of_a_dictionary(here: list[bytes], there: list[bytes]) -> None:
    """Zeros at the end of a hash count, too, and the first of equal ones is found."""
    known: dict[bytes, int] = {}
    for place, digest in enumerate(here, 1):
        known.setdefault(digest, place)
    places, other = Places(b"".join(here)), Places(b"".join(there))
    assert places.of(other).tolist() == [known.get(digest, 0) for digest in there]
    for digest in {*here, *there, *ZEROS}:
        assert places.get(digest) == known.get(digest, 0) and (digest in places) == (digest in known)
    first = [known[digest] == place for place, digest in enumerate(here, 1)]
    assert places.new_beside(None).tolist() == first
    assert places.new_beside(other).tolist() == [a and b not in there for a, b in zip(first, here, strict=True)]


def test_what_is_nowhere_has_no_place() -> None:
    with pytest.raises(KeyError):
        Places(ZEROS[0])[ZEROS[1]]
    assert Places(ZEROS[1])[ZEROS[1]] == 1


numbers = st.sets(st.integers(0, 300))


@given(numbers, numbers)
def test_a_set_of_places_is_a_set(here: set[int], there: set[int]) -> None:
    found, other = PlaceSet(here), PlaceSet(there)
    assert list(found) == sorted(here) and len(found) == len(here) and bool(found) == bool(here)
    assert found - other == here - there and found | other == here | there and (found <= other) == (here <= there)
    assert [number for number in range(-2, 700) if number in found] == sorted(here) and None not in found
    mask = bytes(number in here for number in range(301))
    assert PlaceSet(mask=mask) == found == PlaceSet(sorted(here, reverse=True))
