"""The recipes of a section, and which of them can run here. spec/format.md, sections 8 and 9. No I/O.

A recipe cannot run if an object of the base is gone, or if this machine lacks the deflate engine that it needs. Then
nothing that is made from its result can be made either [F-62].

A section may have millions of recipes. So they are decoded anew for each question, one at a time, and what is kept
takes a byte for each.
"""

from collections.abc import Collection, Container, Iterable, Iterator, Set
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, chain

from bundle.archives.engines import features_of
from bundle.errors import Malformed
from bundle.format.index import Archive, Derived, Frame, Index, Recipe, Step, decode_frame, places_of, sources_of
from bundle.format.manifest import MAX_ENTRIES
from bundle.format.nesting import Nesting
from bundle.format.places import PlaceSet


@dataclass(frozen=True)
class SectionSteps:
    """The steps of a section, frame by frame. Only `decode_steps` makes one: then all of them are well-formed.

    `unavailable`: for each frame, the object numbers that cannot be made here. `reused`: for each frame, the results
    that later recipes of it read. `named`: those whose digests they use. `nesting`: the objects of the base. Their
    count is the object number of the first step of every frame.
    """

    index: Index
    nesting: Nesting
    unavailable: list[frozenset[int]] = field(default_factory=list)
    reused: list[frozenset[int]] = field(default_factory=list)
    named: list[frozenset[int]] = field(default_factory=list)

    @cached_property
    def firsts(self) -> list[int]:
        """For each frame, how many steps stand in the frames before it."""
        return list(accumulate((len(frame.kinds) for frame in self.index.frames), initial=0))

    @cached_property
    def closing(self) -> dict[int, list[int]]:
        """Step, counted through all frames -> the archives of the base that are not used after it."""
        closing: dict[int, list[int]] = {}
        for archive, (_, last) in self.nesting.spans(self.base_uses() if self.nesting.numbers else ()).items():
            closing.setdefault(last, []).append(archive)
        return closing

    @cached_property
    def places(self) -> Set[int]:
        """The places that the steps make, that of the tree manifest among them."""
        return PlaceSet(place for frame in self.index.frames for place in places_of(frame))

    @cached_property
    def made(self) -> Set[int]:
        """The places, without that of the tree manifest, that can be made here."""
        if not any(self.unavailable):
            return self.places - {0}
        return PlaceSet(step.place for _, step in self._runnable() if step.place)

    def numbered(self, number: int) -> Iterator[tuple[int, Step]]:
        """(object number, step) of a frame."""
        return enumerate(_decoded(self.index.frames[number], self.nesting, number), self.nesting.count)

    def frames_making(self, places: Container[int]) -> list[int]:
        """The numbers of the frames that make at least one of these places."""
        frames = enumerate(self.index.frames)
        return [number for number, frame in frames if any(place in places for place in places_of(frame))]

    def base_places(self) -> set[int]:
        """The places of the base whose objects are used by recipes that can run."""
        used = {source for _, source in self.base_uses()}
        return {self.nesting.place_of(source) for source in used} - {0}

    def base_uses(self) -> Iterator[tuple[int, int]]:
        """(step, counted through all frames; object of the base) for every use by a recipe that can run.

        A digest of an entry is no use of it: the base's manifest says that.
        """
        return (
            (at, source)
            for at, step in self._runnable()
            for source in self._read_by(step.recipe)
            if source < self.nesting.count
        )

    def _read_by(self, recipe: Recipe) -> Iterable[int]:
        if isinstance(recipe, Derived):
            return chain([recipe.source], (number for number in recipe.objects if number >= self.nesting.entries))
        return sources_of(recipe)

    def _runnable(self) -> Iterator[tuple[int, Step]]:
        """(step counted through all frames, step) of those that can run."""
        for number, unavailable in enumerate(self.unavailable):
            for at, (result, step) in enumerate(self.numbered(number), self.firsts[number]):
                if result not in unavailable:
                    yield at, step


def decode_steps(index: Index, nesting: Nesting, engines: Container[str], lost: Collection[int]) -> SectionSteps:
    """Decodes every frame of an index once.

    `engines`: the features of the deflate engines at hand. `lost`: places of the base whose objects are gone.
    Raises Malformed.
    """
    if index.base_objects != nesting.count:
        raise Malformed("index: made for a base with another number of objects")
    steps = SectionSteps(index, nesting)
    for number in range(len(index.frames)):
        unavailable, reused, named = _looked_through(steps.numbered(number), nesting, engines, frozenset(lost))
        steps.unavailable.append(unavailable)
        steps.reused.append(reused)
        steps.named.append(named)
    first = next(steps.numbered(0), None) if index.frames else None
    if first is None or first[1].place != 0 or first[0] in steps.unavailable[0]:
        raise Malformed("index: its first recipe does not make the tree manifest")
    if any(not 0 <= place <= MAX_ENTRIES for frame in index.frames for place in places_of(frame)):
        raise Malformed("index: a recipe makes a place that no release has")
    return steps


def _decoded(frame: Frame, nesting: Nesting, number: int) -> Iterator[Step]:
    return decode_frame(frame, nesting.count, nesting.is_stream, f"index: frame {number}")


def _looked_through(
    steps: Iterator[tuple[int, Step]], nesting: Nesting, engines: Container[str], lost: frozenset[int]
) -> tuple[frozenset[int], frozenset[int], frozenset[int]]:
    """(results that cannot be made: for want of an object, of an engine, or of such a result; results that are read;
    results whose digests are used)"""
    unavailable: set[int] = set()
    reused: set[int] = set()
    named: set[int] = set()
    for at, step in steps:
        sources = sources_of(step.recipe)
        needed = features_of(step.recipe.engines) if isinstance(step.recipe, Archive) else ()
        if (
            not unavailable.isdisjoint(sources)
            or (lost and any(s < nesting.count and nesting.place_of(s) in lost for s in sources))
            or not all(feature in engines for feature in needed)
        ):
            unavailable.add(at)
        objects = step.recipe.objects if isinstance(step.recipe, Derived) else ()
        read = sources[: len(sources) - len(objects)]
        reused.update(source for source in read if source >= nesting.count)
        named.update(source for source in objects if source >= nesting.count)
    return frozenset(unavailable), frozenset(reused), frozenset(named)
