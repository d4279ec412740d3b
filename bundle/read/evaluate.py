"""Evaluating recipes: how a section and a base become objects. spec/format.md, section 9.

The builder proves its work with this, and `apply` writes a release to disk with it:

    evaluation = open_evaluation(section, base, present_features())
    for place, chunks in evaluation.objects():
        write(evaluation.draft.entry(place), chunks)
    manifest = evaluation.finished()

Packs are read once, in order, and an object is handed on chunk by chunk: memory does not grow with the objects. What
was made counts only once `finished` gave the release's manifest: no hash of it is known before [F-37]. Recipes that
cannot run, for want of an object of the base or of a deflate engine, are skipped [F-62].
"""

from collections.abc import Collection, Container, Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from types import TracebackType

from bundle.errors import Corrupt, Malformed, Unsupported
from bundle.format.manifest import Entry, Kind, TreeManifest, is_label
from bundle.format.root import Root
from bundle.read.base_objects import Base, BaseObjects
from bundle.read.completion import Completion
from bundle.read.frame_run import FrameRun, exhaust, sized
from bundle.read.packs import Packs
from bundle.read.reader import VerifiedSection
from bundle.read.steps import SectionSteps, decode_steps
from bundle.read.work_limit import WorkLimit


def open_evaluation(
    section: VerifiedSection,
    base: Base | None,
    engines: Container[str],
    *,
    scratch: Path | None = None,
    lost: Collection[int] = (),
    beside: "Evaluation | None" = None,
) -> "Evaluation":
    """Decodes the recipes of a section, makes the draft of the manifest, and checks that the two fit together.

    `base`: the one that the section names, without the objects at the places `lost`. `engines`: the features of the
    deflate engines at hand, as `present_features` gives them. Temporary files go to `scratch`. `beside`: one of another
    section of the same root. Its draft is not made again, so its frame need not be there, and both complete it.

    Raises Malformed, Corrupt or BaseMismatch.
    """
    room = section.section.room - section.index.scratch_bytes
    objects = BaseObjects(base, section.index.opened, scratch, room)
    steps = decode_steps(section.index, objects.nesting, engines, lost)
    objects.expect(objects.nesting.used(source for _, source in steps.base_uses()))
    if beside:
        completion = beside.completion
    else:
        completion = Completion(section.root, _make_draft(section, steps, objects, scratch))
    _check_manifest(section.root, completion.draft)
    _check_places(steps, completion.draft, base)
    return Evaluation(section, steps, objects, scratch, completion)


class Evaluation:
    """The recipes of a section, ready to run. `open_evaluation` makes one. It reads only once objects are asked for.

    `draft`: the manifest of the release, with a label for each hash that is not known yet. `made`: the places whose
    objects can be made here. That is all that the base does not have, unless something of the base is lost, or an
    engine is missing. `completion`: the hashes of what was made so far.
    """

    def __init__(
        self,
        section: VerifiedSection,
        steps: SectionSteps,
        base: BaseObjects,
        scratch: Path | None,
        completion: Completion,
    ) -> None:
        self._section = section
        self._steps = steps
        self._base = base
        self._scratch = scratch
        self.completion = completion
        self.draft = completion.draft
        self.made = steps.made

    @property
    def room_bytes(self) -> int:
        """Bytes on disk that running it takes at one time, beside the release: what the section declares, and what is
        there twice because a later recipe uses it."""
        twice = (self._reused_bytes(number) for number in range(len(self._steps.reused)))
        return self._section.section.room + max(twice, default=0)

    def objects(self) -> Iterator[tuple[int, Iterator[bytes]]]:
        """(place, chunks) of every object that the base does not have.

        The chunks of an object can be read until the next object is asked for. What was not read by then is read and
        hashed all the same. Raises Unsupported, before anything is made, if one of the objects cannot be made. While it
        runs, raises what making an object raises.
        """
        if missing := next((place for place in self._steps.places if place and place not in self.made), None):
            raise Unsupported(f"{self.draft.entry(missing).path}: needs a deflate engine that is missing here")
        return self._run(range(len(self._steps.reused)), self.made)

    def verify_objects(self) -> Iterator[int]:
        """Makes the same objects, and verifies all at the end. Yields the size of each. Raises as they do."""
        for place, chunks in self.objects():
            exhaust(chunks)
            yield self.draft.entry(place).size
        self.finished()

    def digest(self, place: int) -> bytes:
        """The hash of what was made for a place."""
        return self.completion.digest(place)

    def finished(self) -> TreeManifest:
        """The manifest of the release, once all objects are made. Raises Corrupt if one of them is wrong [F-37]."""
        return self.completion.manifest()

    def chosen(self, places: Collection[int]) -> Iterator[tuple[int, Iterator[bytes]]]:
        """As `objects`, for these places alone. Frames that make none of them are not read."""
        return self._run(self._steps.frames_making(places), places)

    def stretches(self, places: Collection[int]) -> list[tuple[int, int]]:
        """(start, end), in bytes of the body, of what `chosen` reads for these places, beside the index."""
        frames = self._section.index.frames
        return [self._section.stretch_of(frames[number]) for number in self._steps.frames_making(places)]

    def base_places(self) -> set[int]:
        """The places of the base whose objects are used by recipes that can run."""
        return self._steps.base_places()

    def _run(self, frames: Iterable[int], places: Collection[int]) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Runs these frames. Hands out the objects at these places, and hashes the others."""
        limit = WorkLimit(self._section.root.size)
        for number in frames:
            for place, chunks in self._run_frame(number, limit):
                if place in places:
                    yield place, chunks

    def _run_frame(self, number: int, limit: WorkLimit) -> Iterator[tuple[int, Iterator[bytes]]]:
        steps = self._steps
        reused, named = steps.reused[number], steps.named[number]
        packs = Packs(self._section, self._section.index.frames[number])
        with FrameRun(packs, self._base, limit, self._scratch) as run:
            for at, (result, step) in enumerate(steps.numbered(number), steps.firsts[number]):
                entry = self._entry(step.place)
                size = entry.size if entry else step.size or 0
                if result in steps.unavailable[number]:
                    run.skip(step.recipe, size)
                    continue
                made = run.make(step.recipe, size)
                if entry is None or result in reused or (result in named and not step.place):
                    made = run.save(result, step.recipe, made, size)
                if step.place:
                    with _Turn(self._hashed(step.place, sized(made, size))) as chunks:
                        yield step.place, chunks
                    if result in named:
                        run.note(result, self._found(step.place), size)
                elif entry:
                    exhaust(sized(made, size))  # the draft, which is known
                self._base.close(steps.closing.get(at, ()))
            run.finish()

    def _entry(self, place: int | None) -> Entry | None:
        """What the object at a place has to be. None for an intermediate result, which is no file."""
        if place is None:
            return None
        return self.draft.entry(place) if place else _draft_entry(self._section)

    def _hashed(self, place: int, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The same chunks. Their hash is put to the others, or compared where it is known: then it raises Corrupt."""
        digest = sha256()
        for chunk in chunks:
            digest.update(chunk)
            yield chunk
        entry, found = self.draft.entry(place), digest.digest()
        if is_label(entry.hash):
            self.completion.put(place, found)
        elif found != entry.hash:
            raise Corrupt(f"{entry.path}: what its recipe makes has another hash than the signed one")

    def _found(self, place: int) -> bytes:
        """The hash of what was made for a place a moment ago."""
        entry = self.draft.entry(place)
        return self.completion.digest(place) if is_label(entry.hash) else entry.hash

    def _reused_bytes(self, number: int) -> int:
        reused = self._steps.reused[number]
        if not reused:
            return 0
        entries = (self._entry(step.place) for result, step in self._steps.numbered(number) if result in reused)
        return sum(entry.size for entry in entries if entry)


class _Turn(Iterator[bytes]):
    """The chunks of one object while it is that object's turn.

    The packs are streams: an object that was left half-read would shift every object after it. So its rest is read when
    its turn ends. An iterator that somebody kept for later raises then, for it would seem to be an empty file.
    """

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._is_over = False

    def __enter__(self) -> "_Turn":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._is_over = True
        if kind is None:
            exhaust(self._chunks)

    def __next__(self) -> bytes:
        if self._is_over:
            raise RuntimeError("the chunks of an object were read after the next object was asked for")
        return next(self._chunks)


def _make_draft(section: VerifiedSection, steps: SectionSteps, base: BaseObjects, scratch: Path | None) -> TreeManifest:
    """Runs the first recipe alone. The packs of its frame are read anew once the objects are asked for."""
    size = section.root.manifest_size
    packs = Packs(section, section.index.frames[0])
    try:
        with FrameRun(packs, base, WorkLimit(section.root.size), scratch) as run:
            made = run.make(next(steps.numbered(0))[1].recipe, size)
            places = section.index.made_places
            return TreeManifest.of_draft(b"".join(sized(made, size)), places, section.root.platform)
    finally:
        base.close_all()


def _draft_entry(section: VerifiedSection) -> Entry:
    """The draft of the manifest as an entry. Its hash is not known."""
    return Entry("the tree manifest", Kind.FILE, section.root.manifest_size, b"")


def _check_manifest(root: Root, manifest: TreeManifest) -> None:
    if len(manifest.entries) != root.entries or manifest.size != root.size:
        raise Malformed("tree manifest: its entries or their size are not what the root says")


def _check_places(steps: SectionSteps, manifest: TreeManifest, base: Base | None) -> None:
    """The recipes make the manifest and all that the base does not have, once each, and nothing else [F-31]."""
    needed = manifest.needed(base.manifest if base else None)
    count = sum(len(frame.places) for frame in steps.index.frames)
    if steps.places != needed | {0} or count != len(needed) + 1:
        raise Malformed("index: its recipes do not make exactly the objects that the base lacks")
    if base:
        manifest.check_sizes(base.manifest)
