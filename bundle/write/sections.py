"""Building sections: recipes and packs of one delta, or of the full release. spec/format.md, section 8."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from bundle.archives.engines import NO_ENGINES, feature_of
from bundle.archives.opening import Opening, may_hold_streams, open_for_base, open_for_everyone, open_for_target
from bundle.delta.sketch import sketch
from bundle.format import canonical
from bundle.format.codecs import compress
from bundle.format.contents import Content, chunks_of, size_of
from bundle.format.contents import opened as opened_content
from bundle.format.index import Archive, Index, Pack, Rebased, encode_frame, name_of, sources_of
from bundle.format.manifest import Kind, TreeManifest
from bundle.format.nesting import Nesting, most_open
from bundle.format.pieces import build_tables
from bundle.format.root import DELTA, FULL, REFERENCES_FEATURE, SHAPE_FEATURE, Section
from bundle.host.files import create_buffered
from bundle.host.progress import Progress
from bundle.read.frame_run import MAX_SHAPED
from bundle.read.tree import DirectoryBase, object_bytes
from bundle.write.base_streams import StreamIndex
from bundle.write.batches import map_in_batches
from bundle.write.catalog import Candidate, Catalog
from bundle.write.frames import FrameBuilder
from bundle.write.packing import pack
from bundle.write.section_plan import PlannedObject, SectionPlan
from bundle.write.tournament import Encoding, encode_object

FULL_FRAME_BYTES = 16 * 1024 * 1024  # larger frames pack better, smaller ones cost less to heal one file

T = TypeVar("T")

Opener = Callable[..., Opening | None]


@dataclass(frozen=True)
class BuiltSection:
    """A section ready for the bundle: what the root will say of it, its hash tables, and the file that has its body."""

    section: Section
    tables: bytes
    body: Path
    recipes: Counter[str]


class SectionBuilder:
    """Builds the sections of one release. `pool` does the work, `scratch` takes the plain bytes of archives."""

    def __init__(
        self, new: Path, target: TreeManifest, piece_bytes: int, pool: Executor, scratch: Path, progress: Progress
    ) -> None:
        self._new = new.absolute()  # workers need not share our working directory
        self._target = target
        self._piece_bytes = piece_bytes
        self._pool = pool
        self._scratch_files = (scratch / str(number) for number in count())
        self._progress = progress

    def build_delta(self, base: DirectoryBase) -> BuiltSection:
        """The section from one base to the target: one frame, solid packs."""
        catalog = self._catalog(base)
        target = self._target
        plan = SectionPlan(catalog, MAX_SHAPED * target.size)
        manifest = plan.add("", target.encoded, len(target.encoded), target.tree_hash, None)
        places = _packing_order(target, target.needed(base.manifest))
        planned = [(0, manifest), *self._plan_objects(plan, places, open_for_target)]
        outcomes = self._encode(plan)
        frame = FrameBuilder(first=catalog.count)
        for place, item in planned:
            frame.add_object(item, outcomes, place)
        return self._assemble([frame], catalog, DELTA, base.manifest.tree_hash)

    def build_full(self) -> BuiltSection:
        """The section that needs no base, nor a rare engine.

        The manifest has a frame of its own. The others hold similar objects, and none needs another: a ship that
        misses one file fetches the frame of that file alone [F-62].
        """
        target = self._target
        catalog = Catalog(0, self._sketch_all)
        plan = SectionPlan(catalog)
        manifest = plan.add("", target.encoded, len(target.encoded), target.tree_hash, None)
        planned = self._plan_objects(plan, _packing_order(target, target.needed(None)), open_for_everyone)
        outcomes = self._encode(plan)
        frames = [FrameBuilder(first=0)]
        frames[0].add_object(manifest, outcomes, 0)
        filled = FULL_FRAME_BYTES
        for place, item in planned:
            if filled + item.size > FULL_FRAME_BYTES:
                frames.append(FrameBuilder(first=0))
                filled = 0
            filled += item.size
            frames[-1].add_object(item, outcomes, place)
        return self._assemble(frames, catalog, FULL, b"")

    def _catalog(self, base: DirectoryBase) -> Catalog:
        """The base's manifest and files, and the members of those archives of it that the target does not have."""
        catalog = Catalog(len(base.manifest.entries) + 1, self._sketch_all)
        encoded = base.manifest.encoded
        catalog.add(Candidate(0, "", len(encoded), encoded), base.manifest.tree_hash)
        changed = []
        directory = base.directory.absolute()
        kept = self._target.places.of(base.manifest.places).data  # at once: to ask for each takes ten times as long
        for place, (entry, is_kept) in enumerate(zip(base.manifest.entries, kept, strict=True), 1):
            if entry.size and entry.kind != Kind.SYMLINK:
                content = directory / entry.path
                catalog.add(Candidate(place, entry.path, entry.size, content), entry.hash)
                if not is_kept:
                    changed.append((place, content))
        for place, opening in self._open_archives(changed, open_for_base):
            catalog.add_archive(place, base.manifest.entry(place).path, opening)
        return catalog

    def _sketch_all(self, contents: list[Content]) -> Iterator[frozenset[int]]:
        return map_in_batches(self._pool, sketch, contents, map(size_of, contents))

    def _in_workers(self, function: Callable[..., T], *arguments: Sequence[Any]) -> Iterator[T]:
        """As `map`, for small calls whose first argument is a content."""
        tasks = list(zip(*arguments, strict=True))
        return map_in_batches(self._pool, partial(_spread, function), tasks, (size_of(task[0]) for task in tasks))

    def _plan_objects(self, plan: SectionPlan, places: list[int], opener: Opener) -> list[tuple[int, PlannedObject]]:
        contents = [(place, self._content(place)) for place in places]
        streams = StreamIndex(plan.catalog.streams)
        openings = dict(self._open_archives(contents, opener, streams))
        planned = []
        for place, content in contents:
            entry = self._target.entry(place)
            planned.append((place, plan.add(entry.path, content, entry.size, entry.hash, openings.get(place))))
        return planned

    def _open_archives(
        self, contents: Sequence[tuple[int, Content]], opener: Opener, streams: StreamIndex | None = None
    ) -> list[tuple[int, Opening]]:
        """(place, opening) of those contents that are archives. `streams`: of the base, for archives of the target."""
        archives = [(place, content) for place, content in contents if may_hold_streams(content)]
        jobs: list[tuple[Any, ...]] = [(content, next(self._scratch_files)) for _, content in archives]
        if streams:
            paths = (self._target.entry(place).path for place, _ in archives)
            jobs = [(*job, streams.like(path, size_of(job[0]))) for job, path in zip(jobs, paths, strict=True)]
        self._progress.start("opening archives", len(archives), "files")
        found = []
        sizes = (size_of(content) for _, content in archives)
        results = map_in_batches(self._pool, partial(_open_archive, opener), jobs, sizes)
        for (place, _), opening in zip(archives, results, strict=True):
            self._progress.advance(1)
            if opening:
                found.append((place, opening))
        self._progress.finish()
        return found

    def _encode(self, plan: SectionPlan) -> list[Encoding]:
        """The outcomes of the tasks, in their order. The largest begin first, so no worker is left with one alone."""
        tasks = plan.tasks(self._in_workers)
        largest_first = sorted(enumerate(tasks), key=lambda task: -size_of(task[1].target))
        outcomes = {}
        self._progress.start("comparing", len(tasks), "objects")
        ordered = [task for _, task in largest_first]
        encodings = map_in_batches(self._pool, encode_object, ordered, (size_of(task.target) for task in ordered))
        for (number, _), encoding in zip(largest_first, encodings, strict=True):
            outcomes[number] = encoding
            self._progress.advance(1)
        self._progress.finish()
        return [outcomes[number] for number in range(len(tasks))]

    def _assemble(self, builders: list[FrameBuilder], catalog: Catalog, kind: str, base: bytes) -> BuiltSection:
        jobs = [(builder, *job) for builder in builders for job in builder.stream_jobs()]
        files = [next(self._scratch_files) for _ in jobs]
        packing = self._pool.map(pack, [parts for _, _, parts, _ in jobs], [log for *_, log in jobs], files)
        packs: dict[int, list[Pack]] = {id(builder): [] for builder in builders}
        stored = []
        self._progress.start("packing", sum(size_of(part) for _, _, parts, _ in jobs for part in parts), "B")
        for (builder, stream, _, _), (described, content) in zip(jobs, packing, strict=True):
            packs[id(builder)].append(Pack(stream, described))
            stored.append(content)
            self._progress.advance(described.size)
        self._progress.finish()
        frames = [encode_frame(builder.steps, packs[id(builder)]) for builder in builders]
        index = Index(builders[0].first, catalog.opened, frames)
        packed, index_bytes = compress(canonical.encode(index))
        body = next(self._scratch_files)
        with create_buffered(body) as file:
            for chunk in chunks_of([index_bytes, *stored]):
                file.write(chunk)
        with opened_content(body) as source:
            tables, top = build_tables(source, self._piece_bytes)
            room = index.scratch_bytes + _most_open(builders, catalog)
            section = Section(kind, source.size, top, packed, base, _features(builders), room)
        return BuiltSection(section, tables, body, _count_recipes(builders))

    def _content(self, place: int) -> Content:
        entry = self._target.entry(place)
        return object_bytes(self._new, entry) if entry.kind == Kind.SYMLINK else self._new / entry.path


def _open_archive(opener: Opener, job: tuple[Any, ...]) -> Opening | None:
    return opener(*job)


def _spread(function: Callable[..., T], arguments: tuple[Any, ...]) -> T:
    return function(*arguments)


def _packing_order(target: TreeManifest, places: Iterable[int]) -> list[int]:
    """Similar objects beside each other: by suffix, then by path. Solid packs gain from it."""
    return sorted(places, key=lambda place: (PurePosixPath(target.entry(place).path).suffix, place))


def _features(builders: list[FrameBuilder]) -> list[str]:
    recipes = [step.recipe for builder in builders for step in builder.steps]
    engines = {engine for recipe in recipes if isinstance(recipe, Archive) for engine in recipe.engines}
    found = {feature_of(engine) for engine in engines - NO_ENGINES}
    if any(isinstance(recipe, Rebased) for recipe in recipes):
        found.add(REFERENCES_FEATURE)
    if engines & NO_ENGINES:
        found.add(SHAPE_FEATURE)
    return sorted(found)


def _most_open(builders: list[FrameBuilder], catalog: Catalog) -> int:
    """What opened archives of the base hold at one time, in bytes."""
    nesting = Nesting(catalog.entries, catalog.opened)
    steps = enumerate(step for builder in builders for step in builder.steps)
    uses = ((at, source) for at, step in steps for source in sources_of(step.recipe) if source < nesting.count)
    return most_open(nesting.spans(uses), catalog.given_bytes)


def _count_recipes(builders: list[FrameBuilder]) -> Counter[str]:
    return Counter(name_of(step.recipe) for builder in builders for step in builder.steps)
