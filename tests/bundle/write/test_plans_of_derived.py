"""What objects that follow from others may need: only what is made anyway. bundle.write.section_plan."""

from hashlib import sha256

from bundle.archives.counterparts import Shapes
from bundle.delta.sketch import sketch
from bundle.read.work_limit import WorkLimit
from bundle.write.catalog import Catalog, Wanted
from bundle.write.openings import Member, Opening
from bundle.write.section_plan import Cheaper, Encoded, SectionPlan


def digest(content: bytes) -> bytes:
    return sha256(content).digest()


def member(name: str, data: bytes, engine: int | None = 6, size: int = 40) -> Member:
    stored = b"stored " + data
    return Member(name, data, len(data), digest(data), stored, size, digest(stored), engine, "it is odd", None)


def opening(*members: Member) -> Opening:
    return Opening(100, b"s", 1, digest(b"s"), members, 0.5, None)


def plan(*shaped: Member) -> SectionPlan:
    """A plan against an empty base. The shapes of these members are known, and may or may not be worth while."""
    shapes = {one.stored_hash: Shapes(1, b"shape", 5, b"base", 4, 7, is_sure=False) for one in shaped}
    return SectionPlan(Catalog(1, lambda contents: map(sketch, contents)), WorkLimit(10_000), shapes)


def labels(made: SectionPlan) -> list[str]:
    return [one.label for one in made.wanted if isinstance(one, Wanted)]


def test_a_catalogue_does_not_bring_along_a_source_whose_stream_is_sent() -> None:
    """[F-103]: the source would be sent twice."""
    made = plan()
    archive = opening(member("x.po", b"source", engine=None), member("x.mo", b"catalogue", size=60))
    made.add("a.zip", b"whole", 100, digest(b"whole"), archive)
    assert labels(made) == ["a.zip!!", "a.zip!x.po!!!", "a.zip!x.mo"]
    assert not any(task.derivation for task in made.tasks())
    sound = plan()
    archive = opening(member("x.po", b"source"), member("x.mo", b"catalogue", size=60))
    sound.add("a.zip", b"whole", 100, digest(b"whole"), archive)
    assert sum(task.derivation is not None for task in sound.tasks()) == 1


def listed(made: SectionPlan, content: bytes) -> int:
    """How many objects a list of that content may need."""
    way = made.add("sha256", content, len(content), digest(content), None).way
    assert isinstance(way, Encoded)
    return len(way.objects)


def test_a_list_needs_nothing_that_only_one_way_of_an_archive_makes() -> None:
    """[F-106]: the way may turn out to be the dearer one."""
    odd = member("odd", b"odd", engine=None, size=60)
    shown = digest(b"odd").hex().encode()
    inside = member("sha256", shown + b" inside")
    made = plan(odd)
    planned = made.add("a.zip", b"whole", 100, digest(b"whole"), opening(odd, inside))
    assert isinstance(planned.way, Cheaper)
    within = [way.objects for way in (made._planned[inside.hash].way,) if isinstance(way, Encoded)]
    assert [len(objects) for objects in within] == [1], "a list in the same archive is made in that way alone"
    assert listed(made, shown + b" outside") == 0
    made.add("odd", b"odd", 3, odd.hash, None)
    assert listed(made, shown + b" outside, and now the file is there, too") == 1
