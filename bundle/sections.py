"""Building sections: recipes and packs of one delta, or of the full release. spec/format.md, section 8."""

from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from bundle import canonical
from bundle.codecs import compress
from bundle.delta.match import match_places
from bundle.delta.tournament import ObjectTask, Segment, encode_object
from bundle.index import Concat, Copy, Index, Literal, Pack, Patch, Recipe, Step, Stream, encode_frame
from bundle.manifest import Kind, TreeManifest
from bundle.pieces import build_tables
from bundle.progress import Progress
from bundle.root import DELTA, FULL, Section
from bundle.tree import DirectoryBase, object_bytes

FULL_FRAME_BYTES = 16 * 1024 * 1024
# Dictionaries: the reader holds those of all packs of a frame at once. Literals gain from a large one, patches do not.
MAX_DICTIONARY_LOG = {Stream.LITERAL: 26, Stream.DIFF: 23, Stream.EXTRA: 23}
SMALL_DICTIONARY_LOG = 20


@dataclass(frozen=True)
class BuiltSection:
    """A section ready for the file: what the root will say of it, and its bytes as stored."""

    section: Section
    tables: bytes
    body: bytes
    recipes: dict[str, int]


@dataclass
class _FrameBuilder:
    """Steps of a frame, and what they add to each stream. `first` is the object number of the first result."""

    first: int
    steps: list[Step] = field(default_factory=list)
    streams: dict[Stream, list[bytes]] = field(default_factory=dict)

    def add_object(self, place: int, segments: list[Segment], base_object: int | None) -> None:
        """Adds the steps that make an object from its segments."""
        if len(segments) == 1:
            self._add(self._whole(segments[0], base_object), place, None, segments[0])
            return
        parts = tuple(self._add_part(segment, base_object) for segment in segments)
        self._add(Concat(parts), place, None, None)

    def _add_part(self, segment: Segment, base_object: int | None) -> int:
        if not segment.is_patch or base_object is None:
            return self._add(Literal(), None, segment.size, segment)
        offset, length = segment.window
        window = self._add(Copy(base_object, offset), None, length, None)
        return self._add(Patch(window, segment.triples), None, segment.size, segment)

    def _whole(self, segment: Segment, base_object: int | None) -> Recipe:
        if segment.is_patch and base_object is not None:
            return Patch(base_object, segment.triples)
        return Literal()

    def _add(self, recipe: Recipe, place: int | None, size: int | None, segment: Segment | None) -> int:
        self.steps.append(Step(recipe, place, size))
        for stream, data in segment.streams.items() if segment else ():
            self.streams.setdefault(stream, []).append(data)
        return self.first + len(self.steps) - 1

    def stream_jobs(self) -> list[tuple[Stream, bytes, int]]:
        """(stream, its bytes, dictionary limit) of every stream that is not empty, in the order of the format."""
        joined = ((stream, b"".join(parts)) for stream, parts in sorted(self.streams.items()))
        return [(s, data, MAX_DICTIONARY_LOG.get(s, SMALL_DICTIONARY_LOG)) for s, data in joined if data]


def build_delta(
    new: Path, target: TreeManifest, base: DirectoryBase, piece_bytes: int, pool: Executor, progress: Progress
) -> BuiltSection:
    """The section from one base to the target: one frame, solid packs."""
    alike = match_places(target, base.manifest)
    places = _packing_order(target, target.needed(base.manifest))
    tasks = [ObjectTask(target.encoded, base.manifest.encoded)]
    for place in places:
        matched = base.directory / base.manifest.entry(alike[place]).path if place in alike else None
        tasks.append(ObjectTask(_target_object(new, target, place), matched))
    frame = _FrameBuilder(first=len(base.manifest.entries) + 1)
    progress.start("comparing", len(tasks), "files")
    for place, segments in zip([0, *places], pool.map(encode_object, tasks), strict=True):
        frame.add_object(place, segments, alike.get(place) if place else 0)
        progress.advance(1)
    progress.finish()
    return _assemble([frame], DELTA, base.manifest.tree_hash, piece_bytes, pool, progress)


def build_full(new: Path, target: TreeManifest, piece_bytes: int, pool: Executor, progress: Progress) -> BuiltSection:
    """The section that needs no base: the manifest in a frame of its own, then groups of objects alike."""
    manifest = _FrameBuilder(first=0)
    manifest.add_object(0, [Segment(len(target.encoded), {Stream.LITERAL: target.encoded})], None)
    frames = [manifest]
    filled = FULL_FRAME_BYTES
    for place in _packing_order(target, target.needed(None)):
        size = target.entry(place).size
        if filled + size > FULL_FRAME_BYTES:
            frames.append(_FrameBuilder(first=0))
            filled = 0
        filled += size
        segments = encode_object(ObjectTask(_target_object(new, target, place), None))
        frames[-1].add_object(place, segments, None)
    return _assemble(frames, FULL, b"", piece_bytes, pool, progress)


def _assemble(
    builders: list[_FrameBuilder], kind: str, base: bytes, piece_bytes: int, pool: Executor, progress: Progress
) -> BuiltSection:
    jobs = [(builder, *job) for builder in builders for job in builder.stream_jobs()]
    results = pool.map(compress, [data for _, _, data, _ in jobs], [log for *_, log in jobs])
    packs: dict[int, list[Pack]] = {id(builder): [] for builder in builders}
    stored = []
    progress.start("packing", sum(len(data) for _, _, data, _ in jobs), "B")
    for (builder, stream, data, _), (packed, content) in zip(jobs, results, strict=True):
        packs[id(builder)].append(Pack(stream, packed))
        stored.append(content)
        progress.advance(len(data))
    progress.finish()
    frames = [encode_frame(builder.steps, packs[id(builder)]) for builder in builders]
    index, index_bytes = compress(canonical.encode(Index(builders[0].first, frames)))
    body = b"".join([index_bytes, *stored])
    tables, top = build_tables(body, piece_bytes)
    return BuiltSection(Section(kind, len(body), top, index, base), tables, body, _count_recipes(builders))


def _packing_order(target: TreeManifest, places: list[int]) -> list[int]:
    """Objects alike beside each other: by suffix, then by path. Solid packs gain from it."""
    return sorted(places, key=lambda place: (PurePosixPath(target.entry(place).path).suffix, place))


def _target_object(new: Path, target: TreeManifest, place: int) -> Path | bytes:
    entry = target.entry(place)
    return object_bytes(new, entry) if entry.kind == Kind.SYMLINK else new / entry.path


def _count_recipes(builders: list[_FrameBuilder]) -> dict[str, int]:
    names = [type(step.recipe).__name__.lower() for builder in builders for step in builder.steps]
    return {name: names.count(name) for name in sorted(set(names))}
