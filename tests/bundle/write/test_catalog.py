"""Which object of a base a target is compared with: bundle.write.catalog and bundle.write.section_plan."""

import random
import time
from hashlib import sha256

import pytest

from bundle.archives.counterparts import Shapes
from bundle.delta.sketch import sketch
from bundle.format.index import AS_IT_IS, Shape
from bundle.read.work_limit import FREE_BYTES, MAX_SHAPED, WorkLimit
from bundle.write import section_plan
from bundle.write.catalog import Candidate, Catalog, Wanted, blank, skeleton_label
from bundle.write.openings import Member, Opening
from bundle.write.section_plan import Assembled, Closed, Encoded, InBase, SectionPlan


def digest(content: bytes) -> bytes:
    return sha256(content).digest()


def catalog(*labels: str) -> Catalog:
    """Objects numbered from 1, each as long as its number."""
    made = Catalog(len(labels) + 1, lambda contents: map(sketch, contents))
    for number, label in enumerate(labels, 1):
        made.add(Candidate(number, label, number, b"x" * number), digest(label.encode()))
    return made


def like(made: Catalog, label: str, content: bytes, size: int) -> Candidate | None:
    """The counterpart of one object."""
    return made.like([Wanted(label, content, size)])[0]


@pytest.mark.parametrize(
    ("label", "blanked"),
    [
        ("pandas-2.2.1-cp311.whl", "pandas-#-cp#.whl"),
        ("pandas-2.2.2-cp311.whl", "pandas-#-cp#.whl"),
        ("lib/x_1_20.so", "lib/x_#.so"),
        ("none", "none"),
        ("app.1f3a9c07.js", "app.#.js"),
        ("app.77E0B2D4aa01.js", "app.#.js"),
        ("app.12345678.js", "app.#.js"),
        ("feedface/defaced", "feedface/defaced"),
        ("x1f3a9c07", "x#f#a#c#"),
        ("pkg-2.0rc1.dist-info/WHEEL", "pkg-#.dist-info/WHEEL"),
        ("pkg-2.0.post1.dev20.dist-info/WHEEL", "pkg-#.dist-info/WHEEL"),
        ("pkg-5.0.0-beta.3/index.js", "pkg-#/index.js"),
        ("v1beta1/api.json", "v#/api.json"),
        ("1bit", "#bit"),
    ],
)
def test_version_numbers_are_blanked(label: str, blanked: str) -> None:
    assert blank(label) == blanked


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("a/x.txt", 1),
        ("lib-1.2.3.so", 2),
        ("lib-1.9.so", 2),
        ("w-1.0.whl!m.py", 3),
        ("w-2.0.whl!m.py", 3),
        ("other.zip!m.py", 3),
        ("m.py", None),
        ("x.txt", None),
        ("nothing.like.it", None),
    ],
)
def test_the_closest_name_wins(wanted: str, found: int | None) -> None:
    """The same label, then without its numbers, then the member's name wherever it is."""
    chosen = like(catalog("a/x.txt", "lib-1.2.3.so", "w-1.0.whl!m.py"), wanted, b"", 0)
    assert (chosen.number if chosen else None) == (found if wanted != "m.py" else 3)


def test_among_equals_the_nearest_size_then_the_first() -> None:
    made = catalog("v-1.bin", "v-2.bin", "v-3.bin", "v-4.bin")
    for size, number in ((2, 2), (100, 4), (0, 1)):
        found = like(made, "v-9.bin", b"", size)
        assert found is not None and found.number == number
    exact = like(made, "v-1.bin", b"", 100)
    assert exact is not None and exact.number == 1, "the exact label goes before the size"


def test_skeletons_are_like_skeletons_only() -> None:
    made = catalog("w-1.0.whl!!", "m!m")
    found = like(made, skeleton_label("w-2.0.whl"), b"", 0)
    assert found is not None and found.number == 1
    assert like(made, skeleton_label("other.whl"), b"", 0) is None


def opening(*contents: bytes, inner: Opening | None = None) -> Opening:
    members = [member(f"m{n}", data) for n, data in enumerate(contents)]
    if inner:
        members.append(member("inner.zip", b"packed", inner))
    skeleton = b"skeleton of %d" % len(contents)
    return Opening(100, skeleton, len(skeleton), digest(skeleton), tuple(members), 0.5, None)


def member(name: str, data: bytes, inner: Opening | None = None, engine: int | None = 6, size: int = 90) -> Member:
    stored = b"stored " + data
    return Member(name, data, len(data), digest(data), stored, size, digest(stored), engine, "it is odd", inner)


def test_members_are_numbered_after_everything_else() -> None:
    """[F-32], [F-46]: skeleton, members, and then what archives among them hold."""
    made = catalog("a.zip", "b.zip")
    made.add_archive(1, "a.zip", opening(b"one", b"two", inner=opening(b"deep")))
    made.add_archive(2, "b.zip", opening(b"three"))
    assert made.opened == [1, 7, 6, 3, 2, 3]
    assert made.count == 3 + 7 + 3 + 3
    numbers = {}
    for content in (b"one", b"two", b"packed", b"deep", b"three"):
        found = made.same(digest(content))
        assert found is not None
        numbers[content] = found.number
    assert numbers == {b"one": 4, b"two": 5, b"packed": 6, b"deep": 11, b"three": 14}
    stored = made.stored(digest(b"stored two"))
    assert stored is not None and stored.number == 8


def test_a_plan_makes_equal_objects_once_and_takes_what_is_there() -> None:
    made = catalog("a.zip")
    made.add_archive(1, "a.zip", opening(b"old member"))
    plan = SectionPlan(made, WorkLimit(1000))
    there = plan.add("x", b"old member", 10, digest(b"old member"), None)
    assert there.way == InBase(3)
    first = plan.add("y", b"new", 3, digest(b"new"), None)
    assert first is plan.add("z", b"new", 3, digest(b"new"), None)
    assert first.way == Encoded(0) and len(plan.wanted) == 1
    archive = plan.add("a.zip", b"whole", 5, digest(b"whole"), opening(b"new", b"old member", b"newer"))
    assert isinstance(archive.way, Assembled) and archive.way.engines == (6, AS_IT_IS, 6)
    assert archive.way.members[0] == first and archive.way.members[1].way == InBase(4), "its stream, not its bytes"
    tasks = plan.tasks()
    assert [task.target for task in tasks] == [b"new", b"skeleton of 3", b"newer"]
    assert tasks[1].base == b"skeleton of 1", "skeletons are compared with skeletons"


def test_a_member_that_no_engine_gives_is_taken_as_its_stream_and_told() -> None:
    """[F-75]: the others are opened all the same."""
    plan = SectionPlan(catalog("a.zip"), WorkLimit(1000))
    odd = member("odd", b"odd", engine=None, size=40)
    opened = Opening(100, b"s", 1, digest(b"s"), (odd, member("good", b"good", size=60)), 0.5, None)
    made = plan.add("a.zip", b"whole", 100, digest(b"whole"), opened)
    assert isinstance(made.way, Assembled) and made.way.engines == (AS_IT_IS, 6)
    assert [one.label for one in plan.wanted if isinstance(one, Wanted)] == ["a.zip!!", "a.zip!odd!!!", "a.zip!good"]
    assert plan.closed == [Closed("a.zip!odd", "it is odd")]


def test_an_archive_of_which_too_little_can_be_made_again_stays_closed_and_is_told() -> None:
    plan = SectionPlan(catalog("a.zip"), WorkLimit(1000))
    odd = member("odd", b"odd", engine=None, size=60)
    opened = Opening(100, b"s", 1, digest(b"s"), (odd, member("good", b"good", size=20)), 0.5, 77)
    assert plan.add("a.zip", b"whole", 100, digest(b"whole"), opened).way == Encoded(0)
    assert [one.why for one in plan.closed] == [
        "of its streams of 80 bytes, 20 can be made again",
        "searched up to byte 77: too much of it leads to nothing",
    ]


def test_what_neither_shapes_nor_engines_give_is_told_once() -> None:
    shapes, limit = Shapes(1, b"shape", 5, b"base", 4, 7, is_sure=False), WorkLimit(1000)
    odd = member("odd", b"odd", engine=None, size=10)
    other = member("other", b"other", engine=None, size=70)
    plan = SectionPlan(catalog("a.zip"), limit, shapes={odd.stored_hash: shapes})
    opened = Opening(100, b"s", 1, digest(b"s"), (odd, other), 0.5, None)
    assert plan.add("a.zip", b"whole", 100, digest(b"whole"), opened).way == Encoded(0)
    assert plan.closed == [Closed("a.zip", "of its streams of 80 bytes, 10 can be made again")]
    assert limit.has(Shape, MAX_SHAPED * 1000 + FREE_BYTES), "no shape is read, so none counts"


def test_an_archive_with_more_members_than_recipes_may_use_stays_closed_and_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """[F-68]"""
    monkeypatch.setattr(section_plan, "MOST_MEMBERS", 3)
    plan = SectionPlan(catalog("a.zip"), WorkLimit(1000))
    assert isinstance(plan.add("a.zip", b"1", 1, digest(b"1"), opening(b"one", b"two")).way, Assembled)
    assert isinstance(plan.add("b.zip", b"2", 1, digest(b"2"), opening(b"three", b"four")).way, Encoded)
    assert plan.closed == [Closed("b.zip", "the archives of the release have over 3 members")]


@pytest.mark.parametrize(("release", "engine", "opens"), [(2, 145, True), (1, 145, False), (1, 6, True)])
def test_members_for_zopfli_count_for_more(release: int, engine: int, opens: bool) -> None:
    """[F-133]: 64 times their size, here 30 bytes, of 1,040 times the release."""
    one = member("m", b"thirty bytes of what is packed", engine=engine)
    plan = SectionPlan(catalog("a.zip"), WorkLimit(release))
    way = plan.add("a.zip", b"1", 1, digest(b"1"), Opening(100, b"s", 1, digest(b"s"), (one,), 0.5, None)).way
    assert isinstance(way, Assembled if opens else Encoded)


def noisy(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)


def contents(*entries: tuple[str, bytes]) -> Catalog:
    """Objects numbered from 1."""
    made = Catalog(len(entries) + 1, lambda contents: map(sketch, contents))
    for number, (label, content) in enumerate(entries, 1):
        made.add(Candidate(number, label, len(content), content), digest(content))
    return made


@pytest.mark.parametrize("size", [96, 20_000])
def test_content_goes_before_a_name_that_is_blanked(size: int) -> None:
    """The same path is the same file, whatever is in it. Another digit may be another chunk altogether."""
    made = contents(("chunk-1.js", noisy(1, size)), ("chunk-2.js", noisy(2, size)))
    moved = noisy(2, size)[:-1] + b"-"
    for label, number in (("chunk-3.js", 2), ("other.js", 2), ("chunk-1.js", 1)):
        found = like(made, label, moved, size)
        assert found is not None and found.number == number
    found = like(made, "chunk-3.js", noisy(3, size), size)
    assert found is not None, "a blanked name is better than none"


def test_of_those_that_share_as_much_the_name_decides() -> None:
    content = noisy(4, 5000)
    made = contents(("a/x.js", content), ("b/m-1.0.js", content + b"1"), ("c/y.js", content + b"2"))
    found = like(made, "b/m-1.1.js", content + b"3", 5001)
    assert found is not None and found.number == 2


def seconds(objects: int) -> float:
    """Processor time to find the counterparts of so many, all under one blanked name and with one header in common."""
    header = noisy(0, 2000)
    made = contents(*((f"tiles/{n}.png", header + noisy(n, 200)) for n in range(objects)))
    wanted = [Wanted(f"tiles/{n}.png", header + noisy(n, 201), 2201) for n in range(objects, 2 * objects)]
    wanted += [Wanted(f"tiles/{n}.png", b"", n) for n in range(objects, 2 * objects)]
    begun = time.process_time()
    assert all(made.like(wanted))
    return time.process_time() - begun


def test_the_time_grows_with_the_number_of_objects_and_not_with_its_square() -> None:
    seconds(100)
    assert seconds(4000) < 3 * seconds(2000)
