"""Which object of a base a target is compared with: bundle.write.catalog and bundle.write.section_plan."""

from hashlib import sha256

import pytest

from bundle.archives.opening import Member, Opening
from bundle.delta.sketch import sketch
from bundle.write.catalog import Candidate, Catalog, blank, skeleton_label
from bundle.write.section_plan import Assembled, Encoded, InBase, SectionPlan


def digest(content: bytes) -> bytes:
    return sha256(content).digest()


def catalog(*labels: str) -> Catalog:
    """Objects numbered from 1, each as long as its number."""
    made = Catalog(len(labels) + 1, lambda contents: map(sketch, contents))
    for number, label in enumerate(labels, 1):
        made.add(Candidate(number, label, number, b"x" * number), digest(label.encode()))
    return made


@pytest.mark.parametrize(
    ("label", "blanked"),
    [
        ("pandas-2.2.1-cp311.whl", "pandas-#-cp#.whl"),
        ("pandas-2.2.2-cp311.whl", "pandas-#-cp#.whl"),
        ("lib/x_1_20.so", "lib/x_#.so"),
        ("none", "none"),
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
    chosen = catalog("a/x.txt", "lib-1.2.3.so", "w-1.0.whl!m.py").like(wanted, b"", 0)
    assert (chosen.number if chosen else None) == (found if wanted != "m.py" else 3)


def test_among_equals_the_nearest_size_then_the_first() -> None:
    made = catalog("v-1.bin", "v-2.bin", "v-3.bin", "v-4.bin")
    for size, number in ((2, 2), (100, 4), (0, 1)):
        found = made.like("v-9.bin", b"", size)
        assert found is not None and found.number == number
    exact = made.like("v-1.bin", b"", 100)
    assert exact is not None and exact.number == 1, "the exact label goes before the size"


def test_skeletons_are_like_skeletons_only() -> None:
    made = catalog("w-1.0.whl!!", "m!m")
    found = made.like(skeleton_label("w-2.0.whl"), b"", 0)
    assert found is not None and found.number == 1
    assert made.like(skeleton_label("other.whl"), b"", 0) is None


def opening(*contents: bytes, inner: Opening | None = None) -> Opening:
    members = [Member(f"m{n}", data, len(data), digest(data), 6, None) for n, data in enumerate(contents)]
    if inner:
        members.append(Member("inner.zip", b"packed", 6, digest(b"packed"), 6, inner))
    return Opening(b"skeleton of %d" % len(contents), tuple(members))


def test_members_are_numbered_after_everything_else() -> None:
    """[F-32], [F-46]: skeleton, members, and then what archives among them hold."""
    made = catalog("a.zip", "b.zip")
    made.add_archive(1, "a.zip", opening(b"one", b"two", inner=opening(b"deep")))
    made.add_archive(2, "b.zip", opening(b"three"))
    assert made.opened == [1, 4, 6, 2, 2, 2]
    assert made.count == 3 + 4 + 2 + 2
    numbers = {}
    for content in (b"one", b"two", b"packed", b"deep", b"three"):
        found = made.same(digest(content))
        assert found is not None
        numbers[content] = found.number
    assert numbers == {b"one": 4, b"two": 5, b"packed": 6, b"deep": 8, b"three": 10}


def test_a_plan_makes_equal_objects_once_and_takes_what_is_there() -> None:
    made = catalog("a.zip")
    made.add_archive(1, "a.zip", opening(b"old member"))
    plan = SectionPlan(made)
    there = plan.add("x", b"old member", 10, digest(b"old member"), None)
    assert there.way == InBase(3)
    first = plan.add("y", b"new", 3, digest(b"new"), None)
    assert first is plan.add("z", b"new", 3, digest(b"new"), None)
    assert first.way == Encoded(0, None) and len(plan.tasks) == 1
    archive = plan.add("a.zip", b"whole", 5, digest(b"whole"), opening(b"new", b"old member", b"newer"))
    assert isinstance(archive.way, Assembled) and archive.way.engines == (6, 6, 6)
    assert archive.way.members[:2] == (first, there)
    assert [task.target for task in plan.tasks] == [b"new", b"skeleton of 3", b"newer"]
    assert plan.tasks[1].base == b"skeleton of 1", "skeletons are compared with skeletons"
