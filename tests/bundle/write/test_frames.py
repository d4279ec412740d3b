"""Planned objects as steps and streams of a frame: bundle.write.frames."""

from bundle.format.index import Archive, Concat, Copy, Literal, Patch, Rebased, Shape, Stream
from bundle.write.frames import FrameBuilder, packing_key
from bundle.write.section_plan import Assembled, Cheaper, Encoded, InBase, PlannedObject
from bundle.write.tournament import Encoding

LITERAL = Encoding({Stream.LITERAL: [b"new"]})
PATCH = Encoding({Stream.ADD_LENGTH: [b"1"], Stream.EXTRA: [b""]}, 1, (4,), 9)
REBASED = Encoding({Stream.ADD_LENGTH: [b"2"], Stream.LAYOUT: [b"3"]}, 2, (4,), 9)
OUTCOMES = [LITERAL, PATCH, REBASED]


def test_each_way_gives_its_recipe_and_its_parts() -> None:
    frame = FrameBuilder(first=5)
    planned = [PlannedObject(3, way) for way in (Encoded(2), Encoded(1), Encoded(0), InBase(2))]
    numbers = [frame.add_object(item, OUTCOMES, place) for place, item in enumerate(planned)]
    assert numbers == [5, 6, 7, 8]
    assert [step.recipe for step in frame.steps] == [Rebased(4, 2), Patch(4, 1), Literal(), Copy(2, 0)]
    assert [step.place for step in frame.steps] == [0, 1, 2, 3]
    jobs = {stream: parts for stream, parts, _ in frame.stream_jobs()}
    assert jobs == {Stream.LITERAL: [b"new"], Stream.ADD_LENGTH: [b"2", b"1"], Stream.LAYOUT: [b"3"]}
    assert list(jobs) == sorted(jobs), "a stream that is empty has no pack, and the others are in order [F-26]"


def test_an_object_is_made_once_and_copied_after_that() -> None:
    frame, planned = FrameBuilder(first=0), PlannedObject(3, Encoded(0))
    assert frame.add_object(planned, OUTCOMES, 7) == 0
    assert frame.add_object(planned, OUTCOMES, None) == 0, "a part of an archive is the object itself"
    assert frame.add_object(planned, OUTCOMES, 8) == 1
    assert [step.recipe for step in frame.steps] == [Literal(), Copy(0, 0)]
    assert frame.streams[Stream.LITERAL] == [b"new"]


def test_several_sources_are_joined_once() -> None:
    """[F-39]: an intermediate result, which says how much room it takes [F-64]."""
    joined = [Encoding({Stream.ADD_LENGTH: [b"1"]}, 1, (4, 2), 9), Encoding({Stream.ADD_LENGTH: [b"1"]}, 3, (4, 2), 9)]
    frame = FrameBuilder(first=5)
    planned = [PlannedObject(3, Encoded(n)) for n in range(2)]
    assert [frame.add_object(item, joined, n) for n, item in enumerate(planned)] == [6, 7]
    assert [step.recipe for step in frame.steps] == [Concat((4, 2)), Patch(5, 1), Patch(5, 3)]
    assert [(step.place, step.size) for step in frame.steps] == [(None, 9), (0, None), (1, None)]


def test_what_an_archive_is_made_of_comes_before_it() -> None:
    """[F-33]: members without a place of their own are intermediate results, and say their size."""
    inner, kept = PlannedObject(3, Encoded(0)), PlannedObject(9, InBase(4))
    skeleton = PlannedObject(50, Encoded(1))
    frame = FrameBuilder(first=10)
    archive = PlannedObject(60, Assembled(skeleton, (inner, kept), (6, 26)))
    assert frame.add_object(archive, OUTCOMES, 1) == 12
    assert frame.steps[2].recipe == Archive(10, (11, 4), (6, 26))
    assert [(step.place, step.size) for step in frame.steps] == [(None, 50), (None, 3), (1, None)]


def test_the_shape_of_a_stream_is_made_once() -> None:
    """[F-72]: an intermediate result with a size of its own; and shapes stand behind the members [F-73]."""
    outcomes = [Encoding({Stream.ADD_LENGTH: [b"1"]}, 1, (4,), 70, of_shape=True) for _ in range(2)]
    shapes = tuple(PlannedObject(60, Encoded(n)) for n in range(2))
    member, skeleton = PlannedObject(9, InBase(4)), PlannedObject(50, InBase(3))
    frame = FrameBuilder(first=10)
    assert frame.add_object(PlannedObject(80, Assembled(skeleton, (member,) * 2, (0, 0), shapes)), outcomes, 1) == 13
    assert [step.recipe for step in frame.steps] == [
        Shape(4),
        Patch(10, 1),
        Patch(10, 1),
        Archive(3, (4, 4), (0, 0), (11, 12)),
    ]
    assert [step.size for step in frame.steps] == [70, 60, 60, None]


def test_of_two_ways_the_cheaper_one_is_taken() -> None:
    """The price of an archive is that of all its parts, of archives in it too."""
    outcomes = [Encoding({Stream.LITERAL: [b"x"]}, price=price) for price in (40, 90, 30)]
    inner = PlannedObject(9, Cheaper((Encoded(0), Encoded(1))))
    skeleton, member = PlannedObject(5, Encoded(2)), PlannedObject(9, InBase(3))
    for price, taken in ((69, Literal), (71, Archive)):
        way = Cheaper((Assembled(skeleton, (inner, member), (6, 60)), Encoded(3)))
        frame = FrameBuilder(first=10)
        frame.add_object(PlannedObject(80, way), [*outcomes, Encoding({Stream.LITERAL: [b"y"]}, price=price)], 1)
        assert isinstance(frame.steps[-1].recipe, taken)
        assert len(frame.steps) == (1 if taken is Literal else 3)


def test_members_of_all_archives_stand_in_packing_order_before_them() -> None:
    outcomes = [Encoding({Stream.LITERAL: [bytes([65 + number])]}) for number in range(6)]
    names = ["one.whl!a.pyd", "one.whl!a.py", "two.whl!b.pyd", "two.whl!b.py", "skeletons", "b.py"]
    made = [PlannedObject(1, Encoded(number)) for number in range(6)]
    inner = PlannedObject(9, Assembled(made[4], (made[2], made[3]), (1, 1)))
    archives = [PlannedObject(9, Assembled(made[4], (made[0], made[1]), (1, 1)))]
    archives.append(PlannedObject(9, Assembled(made[4], (inner, made[5]), (1, 1))))
    planned = [*archives, made[5]]
    frame = FrameBuilder(first=0)
    frame.add_members(planned, outcomes, names)
    for place, item in enumerate(planned):
        frame.add_object(item, outcomes, place)
    assert frame.streams[Stream.LITERAL] == [b"B", b"D", b"A", b"C", b"E", b"F"]
    assert [step.place for step in frame.steps if step.place is not None] == [0, 1, 2]


def test_text_is_packed_before_code() -> None:
    names = ["b-1-py3-none-any.whl", "a-1-cp311-cp311-win_amd64.whl", "z.mo", "z.po", "RECORD", "c.pyd", "c.py"]
    ordered = ["c.py", "c.pyd", "b-1-py3-none-any.whl", "a-1-cp311-cp311-win_amd64.whl"]
    assert [name for name in sorted(names, key=packing_key) if name in ordered][:2] == ["c.py", "c.pyd"]
    assert sorted(names, key=packing_key).index(ordered[2]) < sorted(names, key=packing_key).index(ordered[3])
