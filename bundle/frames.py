"""Turning planned objects into the steps and streams of a frame. spec/format.md, sections 8 and 9."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bundle.delta.tournament import Segment
from bundle.index import Archive, Concat, Copy, Literal, Patch, Reaimed, Recipe, Step, Stream
from bundle.plan import Assembled, Encoded, Planned, Ready

# Dictionaries: the reader holds those of all packs of a frame at once. Literals gain from a large one, patches do not.
MAX_DICTIONARY_LOG = {Stream.LITERAL: 26, Stream.EXTRA: 23, Stream.CHANGE: 22}
SMALL_DICTIONARY_LOG = 20


@dataclass
class FrameBuilder:
    """Steps of a frame, and what they add to each stream. `first` is the object number of the first result."""

    first: int
    steps: list[Step] = field(default_factory=list)
    streams: dict[Stream, list[bytes]] = field(default_factory=dict)
    _made: dict[int, int] = field(default_factory=dict)  # id of a planned object -> its object number

    def add_object(self, planned: Planned, outcomes: Sequence[list[Segment]], place: int | None) -> int:
        """Adds the steps that make an object; the object's number. `outcomes` are those of the plan's tasks."""
        if isinstance(planned.way, Ready):
            return planned.way.number if place is None else self._step(Copy(planned.way.number, 0), place, None)
        if id(planned) in self._made:
            made = self._made[id(planned)]
            return made if place is None else self._step(Copy(made, 0), place, None)
        size = planned.size if place is None else None
        if isinstance(planned.way, Assembled):
            number = self._step(self._assemble(planned.way, outcomes), place, size)
        else:
            number = self._encoded(planned.way, outcomes, place, size)
        self._made[id(planned)] = number
        return number

    def stream_jobs(self) -> list[tuple[Stream, bytes, int]]:
        """(stream, its bytes, dictionary limit) of every stream that is not empty, in the order of the format."""
        joined = ((stream, b"".join(parts)) for stream, parts in sorted(self.streams.items()))
        return [(s, data, MAX_DICTIONARY_LOG.get(s, SMALL_DICTIONARY_LOG)) for s, data in joined if data]

    def _assemble(self, way: Assembled, outcomes: Sequence[list[Segment]]) -> Archive:
        skeleton = self.add_object(way.skeleton, outcomes, None)
        return Archive(skeleton, tuple(self.add_object(m, outcomes, None) for m in way.members), way.engines)

    def _encoded(self, way: Encoded, outcomes: Sequence[list[Segment]], place: int | None, size: int | None) -> int:
        segments = outcomes[way.task]
        if len(segments) == 1:
            return self._step(_recipe(segments[0], way.source), place, size, segments[0])
        parts = tuple(self._part(segment, way.source) for segment in segments)
        return self._step(Concat(parts), place, size)

    def _part(self, segment: Segment, source: int | None) -> int:
        if segment.is_patch and source is not None:
            source = self._step(Copy(source, segment.window[0]), None, segment.window[1])
        return self._step(_recipe(segment, source), None, segment.size, segment)

    def _step(self, recipe: Recipe, place: int | None, size: int | None, segment: Segment | None = None) -> int:
        self.steps.append(Step(recipe, place, size))
        for stream, data in segment.streams.items() if segment else ():
            self.streams.setdefault(stream, []).append(data)
        return self.first + len(self.steps) - 1


def _recipe(segment: Segment, source: int | None) -> Recipe:
    if not segment.is_patch or source is None:
        return Literal()
    return (Reaimed if Stream.LAYOUT in segment.streams else Patch)(source, segment.triples)
