"""Building sections: recipes and packs of one delta, or of the full release. spec/format.md, section 8."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from bundle.archives.counterparts import Shapes, find_shapes
from bundle.archives.engines import COMMON_FEATURES, ENGINE_FEATURES, features_of
from bundle.delta.sketch import sketch
from bundle.format.codecs import compress
from bundle.format.contents import Content, chunks_of, size_of
from bundle.format.contents import opened as opened_content
from bundle.format.index import (
    SHAPED,
    Archive,
    Derived,
    Index,
    Pack,
    Rebased,
    Shape,
    encode_frame,
    encode_index,
    name_of,
    sources_of,
)
from bundle.format.manifest import Kind, TreeManifest
from bundle.format.nesting import Nesting, most_open
from bundle.format.pieces import build_tables
from bundle.format.root import DERIVED_FEATURE, MAX_INNER_BYTES, REFERENCES_FEATURE, SHAPE_FEATURE, Section
from bundle.host.files import create_buffered
from bundle.host.progress import Progress
from bundle.read.base_objects import BuildBase
from bundle.read.tree import object_bytes
from bundle.read.work_limit import WorkLimit
from bundle.write.base_streams import StreamIndex
from bundle.write.batches import call_with, made_in_batches, map_in_batches
from bundle.write.catalog import Candidate, Catalog, Wanted
from bundle.write.frames import FrameBuilder, packing_key
from bundle.write.openings import ArchiveOpener, Opening, archives_among, members_of
from bundle.write.packing import pack, packed_so_far
from bundle.write.section_plan import Closed, PlannedObject, SectionPlan
from bundle.write.tournament import Encoding, encode_object

FULL_FRAME_BYTES = 16 * 1024 * 1024  # larger frames pack better, smaller ones cost less to heal one file

T = TypeVar("T")


@dataclass(frozen=True)
class BuiltSection:
    """A section ready for the bundle: what the root will say of it, its hash tables, and its body in a file.

    `body` is empty where the root has it.
    """

    section: Section
    tables: bytes
    body: Content
    recipes: Counter[str]
    closed: list[Closed]


def within_root(built: BuiltSection) -> BuiltSection:
    """The section with its body in the root, if it is small enough: that spares its hash [F-100]."""
    if built.section.stored > MAX_INNER_BYTES:
        return built
    body = b"".join(chunks_of([built.body]))
    section = msgspec.structs.replace(built.section, stored=0, content=body)
    return replace(built, section=section, tables=b"", body=b"")


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
        self._opener = ArchiveOpener(pool, self._scratch_files, progress)

    def build_delta(self, base: BuildBase) -> BuiltSection:
        """The section from one base to the target: one frame, solid packs."""
        target = self._target
        needed = target.needed(base.manifest)
        places = _packing_order(target, needed)
        contents = [(place, self._content(place)) for place in places]
        catalog, openings = self._catalog(base, contents)
        self._progress.start("looking for what is alike", 0, "")
        shapes = self._find_shapes(catalog, openings)
        plan = SectionPlan(catalog, WorkLimit(target.size), shapes)
        manifest = _plan_draft(plan, target, needed, base.manifest)
        planned = self._plan_objects(plan, contents, openings)
        outcomes = self._encode(plan)
        frame = FrameBuilder(first=catalog.count)
        frame.add_object(manifest, outcomes, 0)
        for place, item in planned:
            frame.add_object(item, outcomes, place)
        return self._assemble([frame], catalog, base.manifest.tree_hash, plan.closed)

    def build_full(self) -> BuiltSection:
        """The section that needs no base, nor a rare engine.

        The manifest has a frame of its own. The others hold similar objects, and none needs another: a ship that
        misses one file fetches the frame of that file alone [F-62].
        """
        target = self._target
        catalog = Catalog(0, self._sketch_all)
        plan = SectionPlan(catalog, WorkLimit(target.size))
        needed = target.needed(None)
        manifest = _plan_draft(plan, target, needed)
        contents = [(place, self._content(place)) for place in _packing_order(target, needed)]
        _, openings = self._opener.open([], archives_among(contents), COMMON_FEATURES)
        planned = self._plan_objects(plan, contents, openings)
        outcomes = self._encode(plan)
        frames = [FrameBuilder(first=0)]
        frames[0].add_object(manifest, outcomes, 0)
        parts: list[list[tuple[int, PlannedObject]]] = []
        filled = FULL_FRAME_BYTES
        for place, item in planned:
            if filled + item.size > FULL_FRAME_BYTES and not plan.is_compiled(item):
                parts.append([])
                filled = 0
            filled += item.size
            parts[-1].append((place, item))
        names = [one.label if isinstance(one, Wanted) else "" for one in plan.wanted]
        for part in parts:
            frame = FrameBuilder(first=0)
            # Not in a delta: there all archives of the base would be open at once, and need room aboard [F-64].
            frame.add_members([item for _, item in part], outcomes, names)
            for place, item in part:
                frame.add_object(item, outcomes, place)
            frames.append(frame)
        return self._assemble(frames, catalog, b"", plan.closed)

    def _catalog(self, base: BuildBase, contents: list[tuple[int, Content]]) -> tuple[Catalog, dict[int, Opening]]:
        """(what recipes may start from, the target's archives).

        Recipes start from the base's manifest, its files, and what its archives hold. Of its archives, those are opened
        that the target does not have unchanged. `contents`: place and content of each object that has to be made. The
        archives among them are given by their places.
        """
        catalog = Catalog(len(base.manifest.entries) + 1, self._sketch_all)
        encoded = base.manifest.encoded
        catalog.add(Candidate(0, "", len(encoded), encoded), base.manifest.tree_hash)
        changed = []
        kept = self._target.places.of(base.manifest.places).data  # at once: to ask for each takes ten times as long
        for place, (entry, is_kept) in enumerate(zip(base.manifest.entries, kept, strict=True), 1):
            if entry.size and entry.kind != Kind.SYMLINK:
                content = base.content(place)
                catalog.add(Candidate(place, entry.path, entry.size, content), entry.hash)
                if not is_kept:
                    changed.append((place, content))
        of_base, openings = self._opener.open(archives_among(changed), archives_among(contents), ENGINE_FEATURES)
        for place, opening in of_base.items():
            catalog.add_archive(place, base.manifest.entry(place).path, opening)
        return catalog, openings

    def _find_shapes(self, catalog: Catalog, openings: dict[int, Opening]) -> dict[bytes, Shapes]:
        """Shapes of those streams that no engine gives and the base does not have, by the hash of the stream."""
        index = StreamIndex(catalog.streams)
        jobs = {}
        for place, opening in openings.items():
            path = self._target.entry(place).path
            lacking = [
                (name, member)
                for name, member in members_of(opening)
                if member.engine is None and not catalog.stored(member.stored_hash) and member.may_have_shape
            ]
            if lacking and (streams := index.like(path, opening.size)):
                for name, member in lacking:
                    jobs[member.stored_hash] = (member.content, member.stored, name, streams, next(self._scratch_files))
        found = self._in_workers(find_shapes, *zip(*jobs.values(), strict=True)) if jobs else iter(())
        return {digest: shapes for digest, shapes in zip(jobs, found, strict=True) if shapes}

    def _sketch_all(self, contents: list[Content]) -> Iterator[frozenset[int]]:
        return map_in_batches(self._pool, sketch, contents, map(size_of, contents))

    def _in_workers(self, function: Callable[..., T], *arguments: Sequence[Any]) -> Iterator[T]:
        """As `map`, in worker processes. A worker is given many small calls at once: small by their first argument."""
        tasks = list(zip(*arguments, strict=True))
        return map_in_batches(self._pool, partial(call_with, function), tasks, (size_of(task[0]) for task in tasks))

    def _plan_objects(
        self, plan: SectionPlan, contents: list[tuple[int, Content]], openings: dict[int, Opening]
    ) -> list[tuple[int, PlannedObject]]:
        for place, entry in enumerate(self._target.entries, 1):
            if entry.kind != Kind.SYMLINK:
                plan.note_source(entry.path, self._content(place), entry.size, entry.hash)
        planned = []
        for place, content in contents:
            entry = self._target.entry(place)
            planned.append((place, plan.add(entry.path, content, entry.size, entry.hash, openings.get(place))))
        return planned

    def _encode(self, plan: SectionPlan) -> list[Encoding]:
        """Encodes what the plan collected. Gives the encodings in the order of its tasks.

        The largest objects are encoded first. Otherwise one worker would be busy with one when all others are done.
        """
        self._progress.start("looking for what is alike", 0, "")
        tasks = plan.tasks(self._in_workers)
        largest_first = sorted(enumerate(tasks), key=lambda task: -size_of(task[1].target))
        ordered = [task for _, task in largest_first]
        sizes = [size_of(task.target) for task in ordered]
        self._progress.start("comparing", sum(sizes), "B")
        encodings = made_in_batches(self._pool, encode_object, ordered, sizes, self._progress)
        self._progress.finish()
        outcomes = {number: encoding for (number, _), encoding in zip(largest_first, encodings, strict=True)}
        return [outcomes[number] for number in range(len(tasks))]

    def _assemble(
        self, builders: list[FrameBuilder], catalog: Catalog, base: bytes, closed: list[Closed]
    ) -> BuiltSection:
        jobs = [(builder, *job) for builder in builders for job in builder.stream_jobs()]
        files = [next(self._scratch_files) for _ in jobs]
        tasks = [(parts, log, file) for (_, _, parts, log), file in zip(jobs, files, strict=True)]
        sizes = [sum(map(size_of, parts)) for parts, _, _ in tasks]
        self._progress.start("packing", sum(sizes), "B")
        packed_streams = made_in_batches(
            self._pool, partial(call_with, pack), tasks, sizes, self._progress, packed_so_far
        )
        self._progress.finish()
        packs: dict[int, list[Pack]] = {id(builder): [] for builder in builders}
        stored = []
        for (builder, stream, _, _), (described, content) in zip(jobs, packed_streams, strict=True):
            packs[id(builder)].append(Pack(stream, described))
            stored.append(content)
        is_stream = Nesting(catalog.entries, catalog.opened).is_stream
        frames = [encode_frame(builder.steps, packs[id(builder)], is_stream) for builder in builders]
        index = Index(builders[0].first, catalog.opened, frames)
        packed, index_bytes = compress(encode_index(index))
        body = next(self._scratch_files)
        with create_buffered(body) as file:
            for chunk in chunks_of([index_bytes, *stored]):
                file.write(chunk)
        with opened_content(body) as source:
            tables, top = build_tables(source, self._piece_bytes)
            room = index.scratch_bytes + _most_open(builders, catalog)
            section = Section(
                base=base, features=_features(builders), room=room, index=packed, stored=source.size, content=top
            )
        return BuiltSection(section, tables, body, _count_recipes(builders), closed)

    def _content(self, place: int) -> Content:
        entry = self._target.entry(place)
        return object_bytes(self._new, entry) if entry.kind == Kind.SYMLINK else self._new / entry.path


def _plan_draft(
    plan: SectionPlan, target: TreeManifest, made: Collection[int], base: TreeManifest | None = None
) -> PlannedObject:
    """Plans the draft of the manifest [F-101]."""
    draft = target.draft(made, base)
    return plan.add("", draft, len(draft), sha256(draft).digest(), None)


def _packing_order(target: TreeManifest, places: Iterable[int]) -> list[int]:
    return sorted(places, key=lambda place: packing_key(target.entry(place).path))


def _features(builders: list[FrameBuilder]) -> list[str]:
    recipes = [step.recipe for builder in builders for step in builder.steps]
    engines = {engine for recipe in recipes if isinstance(recipe, Archive) for engine in recipe.engines}
    found = set(features_of(engines))
    if any(isinstance(recipe, Rebased) for recipe in recipes):
        found.add(REFERENCES_FEATURE)
    if any(isinstance(recipe, Shape) for recipe in recipes) or SHAPED in engines:
        found.add(SHAPE_FEATURE)
    if any(isinstance(recipe, Derived) for recipe in recipes):
        found.add(DERIVED_FEATURE)
    return sorted(found)


def _most_open(builders: list[FrameBuilder], catalog: Catalog) -> int:
    """The most bytes that archives of the base take aboard at one time. Each is open from its first use to its last."""
    nesting = Nesting(catalog.entries, catalog.opened)
    steps = enumerate(step for builder in builders for step in builder.steps)
    uses = [(at, source) for at, step in steps for source in sources_of(step.recipe) if source < nesting.count]
    used = nesting.used(source for _, source in uses)
    taken = [size * is_used for size, is_used in zip(catalog.given_bytes, used[catalog.entries :], strict=True)]
    sizes, first = [], 0
    for given in nesting.given:
        sizes.append(sum(taken[first : first + given]))
        first += given
    return most_open(nesting.spans(uses), sizes)


def _count_recipes(builders: list[FrameBuilder]) -> Counter[str]:
    return Counter(name_of(step.recipe) for builder in builders for step in builder.steps)
