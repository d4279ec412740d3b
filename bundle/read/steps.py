"""The recipes of a section, decoded, and which of them can run here. spec/format.md, sections 8 and 9. No I/O.

A recipe cannot run if an object of the base is gone, or if this machine lacks the deflate engine that it needs. Then
nothing that is made from its result can be made either [F-62].
"""

from collections.abc import Collection, Container, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from bundle.archives.engines import NO_ENGINES, feature_of
from bundle.errors import Malformed
from bundle.format.index import Archive, Index, Step, decode_frame, sources_of
from bundle.format.nesting import Nesting


@dataclass(frozen=True)
class SectionSteps:
    """`frames`: the steps of each frame. `unavailable`: for each frame, the object numbers that cannot be made here.

    `nesting`: the objects of the base. Their count is the object number of the first step of every frame.
    """

    frames: list[list[Step]]
    unavailable: list[set[int]]
    nesting: Nesting

    @cached_property
    def firsts(self) -> list[int]:
        """For each frame, how many steps stand in the frames before it."""
        return list(accumulate(map(len, self.frames), initial=0))

    @cached_property
    def closing(self) -> dict[int, list[int]]:
        """Step, counted through all frames -> the archives of the base that are not used after it."""
        closing: dict[int, list[int]] = {}
        for archive, (_, last) in self.nesting.spans(self.base_uses()).items():
            closing.setdefault(last, []).append(archive)
        return closing

    @property
    def places(self) -> list[int]:
        """Every place that some step makes, in the order of the steps, as often as it is made."""
        return [step.place for steps in self.frames for step in steps if step.place is not None]

    @cached_property
    def made(self) -> frozenset[int]:
        """The places, without that of the tree manifest, that can be made here."""
        return frozenset(step.place for _, step in self._runnable() if step.place)

    def numbered(self, number: int) -> Iterator[tuple[int, Step]]:
        """(object number, step) of a frame."""
        return enumerate(self.frames[number], self.nesting.count)

    def reused(self, number: int) -> set[int]:
        """The object numbers that the recipes of a frame use."""
        return {source for step in self.frames[number] for source in sources_of(step.recipe)}

    def frames_making(self, places: Collection[int]) -> list[int]:
        """The numbers of the frames that make at least one of these places."""
        return [n for n, steps in enumerate(self.frames) if any(step.place in places for step in steps)]

    def base_places(self) -> set[int]:
        """The places of the base whose objects are used by recipes that can run."""
        used = {source for _, source in self.base_uses()}
        return {self.nesting.place_of(source) for source in used} - {0}

    def base_uses(self) -> Iterator[tuple[int, int]]:
        """(step, counted through all frames; object of the base) for every use by a recipe that can run."""
        return (
            (at, source)
            for at, step in self._runnable()
            for source in sources_of(step.recipe)
            if source < self.nesting.count
        )

    def _runnable(self) -> Iterator[tuple[int, Step]]:
        """(step counted through all frames, step) of those that can run."""
        for number, unavailable in enumerate(self.unavailable):
            for at, (result, step) in enumerate(self.numbered(number), self.firsts[number]):
                if result not in unavailable:
                    yield at, step


def decode_steps(index: Index, nesting: Nesting, engines: Container[str], lost: Collection[int]) -> SectionSteps:
    """Decodes every frame of an index.

    `engines`: the features of the deflate engines at hand. `lost`: places of the base whose objects are gone.
    Raises Malformed.
    """
    if index.base_objects != nesting.count:
        raise Malformed("index: made for a base with another number of objects")
    frames = [decode_frame(frame, nesting.count, f"index: frame {n}") for n, frame in enumerate(index.frames)]
    unavailable = [_unavailable(steps, nesting, engines, frozenset(lost)) for steps in frames]
    found = SectionSteps(frames, unavailable, nesting)
    if not frames or [step.place for step in frames[0][:1]] != [0] or nesting.count in unavailable[0]:
        raise Malformed("index: its first recipe does not make the tree manifest")
    return found


def _unavailable(steps: list[Step], nesting: Nesting, engines: Container[str], lost: frozenset[int]) -> set[int]:
    """The results that cannot be made: for want of an object, of an engine, or of such a result."""
    found: set[int] = set()
    for at, step in enumerate(steps, nesting.count):
        sources = sources_of(step.recipe)
        needed = set(step.recipe.engines) - NO_ENGINES if isinstance(step.recipe, Archive) else ()
        if (
            not found.isdisjoint(sources)
            or (lost and any(s < nesting.count and nesting.place_of(s) in lost for s in sources))
            or not all(feature_of(engine) in engines for engine in needed)
        ):
            found.add(at)
    return found
