"""Recipes as columns, and columns that lie: bundle.format.index."""

from functools import partial
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundle.errors import Malformed
from bundle.format.codecs import Packed
from bundle.format.index import (
    Archive,
    Concat,
    Copy,
    Frame,
    Index,
    Literal,
    Pack,
    Patch,
    Rebased,
    Step,
    Stream,
    decode_frame,
    decode_index,
    encode_frame,
    encode_index,
    sources_of,
)

BASE, ROOM, RELEASE = 5, 100, 1000
STEPS = [
    Step(Patch(0, 3), 0),
    Step(Literal(), 4),
    Step(Copy(2, 100), None, 50),
    Step(Concat((BASE + 2, BASE + 1)), 1),
    Step(Archive(BASE + 2, (1, BASE + 1), (6, 26)), 9),
    Step(Rebased(3, 17), 8),
]


def NO_STREAM(_: int) -> bool:  # noqa: N802
    return False


FRAME = encode_frame(STEPS, [Pack(0, Packed(0, 10, 10)), Pack(4, Packed(1, 5, 20))], NO_STREAM)


def test_steps_come_back() -> None:
    """[F-30]"""
    assert list(decode_frame(FRAME, BASE, NO_STREAM, "here")) == STEPS
    assert FRAME.kinds == bytes([2, 0, 0x81, 3, 4, 5])
    assert FRAME.places == [0, 4, -3, 8, -1] and FRAME.sizes == [50]
    assert FRAME.sources == [0, 2, 5, -1, 1, -6, 5, -3]
    assert FRAME.numbers == [3, 100, 2, 2, 6, 26, 17]


def archives(source: st.SearchStrategy[int], parts: tuple[int, ...]) -> st.SearchStrategy[Archive]:
    """Archives of these parts, whatever the engines."""
    return st.builds(Archive, source, st.just(parts), st.tuples(*[st.integers(1, 30) for _ in parts]))


@given(st.data())
def test_any_steps_come_back(data: st.DataObject) -> None:
    steps = []
    for number in range(data.draw(st.integers(0, 12))):
        source = st.integers(0, BASE + number - 1)
        parts = st.lists(source, max_size=4).map(tuple)
        count = st.integers(0, 2**53 - 1)
        recipe = data.draw(
            st.just(Literal())
            | st.builds(Copy, source, count)
            | st.builds(Patch, source, count)
            | st.builds(Rebased, source, count)
            | st.builds(Concat, parts)
            | parts.flatmap(partial(archives, source))
        )
        place = data.draw(st.none() | st.integers(0, 500_000))
        steps.append(Step(recipe, place, data.draw(count) if place is None else None))
    assert list(decode_frame(encode_frame(steps, [], NO_STREAM), BASE, NO_STREAM, "here")) == steps


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"kinds": FRAME.kinds[:-1] + b"\x08"}, "kind 8 is unknown"),
        ({"kinds": FRAME.kinds[:-1] + b"\x7f"}, "kind 127 is unknown"),
        ({"kinds": b""}, "too long"),
        ({"kinds": FRAME.kinds + b"\0"}, "too short"),
        ({"places": FRAME.places[:-1]}, "too short"),
        ({"places": [*FRAME.places, 1]}, "too long"),
        ({"sizes": []}, "too short"),
        ({"sizes": [50, 50]}, "too long"),
        ({"sources": FRAME.sources[:-1]}, "too short"),
        ({"sources": [*FRAME.sources, 0]}, "too long"),
        ({"sources": [-1, 3, *FRAME.sources[2:]]}, "recipe 0 uses an object that is not before it"),
        ({"sources": [5, -3, *FRAME.sources[2:]]}, "recipe 0 uses an object that is not before it"),
        ({"sources": [0, 2, 6, -2, *FRAME.sources[4:]]}, "recipe 3 uses an object that is not before it"),
        ({"numbers": FRAME.numbers[:-1]}, "too short"),
        ({"numbers": [*FRAME.numbers, 0]}, "too long"),
        ({"numbers": [-1, *FRAME.numbers[1:]]}, "a number of a recipe"),
        ({"numbers": [3, 1 << 53, *FRAME.numbers[2:]]}, "a number of a recipe"),
        ({"numbers": [3, 100, 2_000_001, *FRAME.numbers[3:]]}, "2000001 parts"),
        ({"numbers": [3, 100, 2_000_000, *FRAME.numbers[3:]]}, "too short"),
        ({"packs": FRAME.packs[::-1]}, "in order"),
        ({"packs": [FRAME.packs[0]] * 2}, "in order"),
        ({"packs": [Pack(11, Packed(0, 1, 1))]}, "known stream"),
        ({"packs": [Pack(-1, Packed(0, 1, 1))]}, "known stream"),
        ({"packs": [Pack(0, Packed(0, 0, 0))]}, "a length is not within 1"),
        ({"packs": [Pack(0, Packed(7, 1, 1))]}, "pack LITERAL: codec 7"),
        ({"packs": [Pack(0, Packed(0, 1, 2))]}, "pack LITERAL: stored"),
    ],
)
def test_columns_that_lie_are_refused(changes: dict[str, Any], word: str) -> None:
    """[F-24], [F-26], [F-30], [F-33]"""
    with pytest.raises(Malformed, match=f"^here: .*{word}"):
        list(decode_frame(msgspec.structs.replace(FRAME, **changes), BASE, NO_STREAM, "here"))


def test_a_recipe_never_uses_itself_or_a_later_one() -> None:
    """[F-33]"""
    for number in range(3):
        steps = [Step(Literal(), None, 1) for _ in range(3)]
        for source in range(BASE + number, BASE + 4):
            steps[number] = Step(Concat((0, source)), None, 1)
            with pytest.raises(Malformed, match=f"recipe {number} uses"):
                list(decode_frame(encode_frame(steps, [], NO_STREAM), BASE, NO_STREAM, "here"))


def test_the_sources_of_each_kind() -> None:
    assert [sources_of(step.recipe) for step in STEPS] == [(0,), (), (2,), (7, 6), (7, 1, 6), (3,)]


def index(base_objects: int = BASE, frames: list[Frame] | None = None) -> bytes:
    return encode_index(Index(base_objects, [], [FRAME, FRAME] if frames is None else frames))


def test_packs_fill_the_body() -> None:
    """[F-22], [F-23]"""
    assert decode_index(index(), 30, ROOM, RELEASE, "here").frames == [FRAME, FRAME]
    for length in (0, 29, 31):
        with pytest.raises(Malformed, match=f"do not fill the section's {length} bytes"):
            decode_index(index(), length, ROOM, RELEASE, "here")


def test_lengths_that_make_up_for_each_other_are_refused() -> None:
    """[F-23], [F-24]"""
    packs = [Pack(0, Packed(1, 35, 10)), Pack(1, Packed(1, -5, 10))]
    with pytest.raises(Malformed, match="negative length"):
        decode_index(index(frames=[msgspec.structs.replace(FRAME, packs=packs)]), 30, ROOM, RELEASE, "here")


@pytest.mark.parametrize("count", [-1, 4_000_001, 1 << 60])
def test_base_objects_have_a_limit(count: int) -> None:
    with pytest.raises(Malformed, match=f"{count} base objects"):
        decode_index(index(base_objects=count), 30, ROOM, RELEASE, "here")


def test_recipes_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bundle.format.index.MAX_RECIPES", 11)
    with pytest.raises(Malformed, match="more than 11 recipes"):
        decode_index(index(), 30, ROOM, RELEASE, "here")


@pytest.mark.parametrize(
    ("sizes", "room", "release", "word"),
    [
        ([[50, 50], [100]], 100, 1, None),
        ([[50, 51], [1]], 100, 1, "of 101 bytes, its section declares 100"),
        ([[1], [50, 51]], 100, 1, "of 101 bytes, its section declares 100"),
        ([[520], [520]], 520, 1, None),
        ([[520], [521]], 521, 1, "makes 1,041 bytes on the way to a release of 1"),
        ([[1], []], 1, 0, "on the way to a release of 0"),
        ([[-1], []], 1, 1, "not within 0 to"),
        ([[100, -1], []], 99, 1, "not within 0 to"),
        ([[1 << 53], []], 1 << 53, 1 << 53, "not within 0 to"),
    ],
)
def test_intermediate_results_have_room(sizes: list[list[int]], room: int, release: int, word: str | None) -> None:
    """[F-64], [F-65]"""
    data = index(frames=[msgspec.structs.replace(FRAME, sizes=column) for column in sizes])
    if word is None:
        assert decode_index(data, 30, room, release, "here").scratch_bytes == room
        return
    with pytest.raises(Malformed, match=word):
        decode_index(data, 30, room, release, "here")


def test_other_spellings_are_refused() -> None:
    """[F-3]"""
    for spoiled in (index() + b"\0", index()[:1] + b"\xcc\x05" + index()[2:], b"\x90", b""):
        with pytest.raises(Malformed, match=r"^here: "):
            decode_index(spoiled, 30, ROOM, RELEASE, "here")


def test_streams_have_the_numbers_of_the_format() -> None:
    """[F-26]"""
    names = "LITERAL ADD_LENGTH EXTRA_LENGTH SEEK SKIP CHANGE EXTRA PLACE LAYOUT OPERAND JUMP"
    assert [stream.name for stream in Stream] == names.split()
    assert list(Stream) == list(range(11))
