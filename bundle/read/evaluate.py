"""Evaluating recipes: how a section and a base become objects. The builder proves its work with this, `apply` drives
it onto disk. spec/format.md, section 9.

Packs are read once, in order, and results are handed on chunk by chunk: memory does not grow with the objects.
An object counts only when its chunks are exhausted without an error; then its size and hash were right [F-37].
No recipe costs more time than its result may take, and all of them no more than the release may [F-66] [F-68], and no
more disk than is declared [F-64].
Recipes that cannot be run, for want of an object of the base or of an engine, are passed over [F-62].
"""

from collections import deque
from collections.abc import Collection, Iterator
from functools import partial
from hashlib import sha256
from itertools import accumulate, chain
from pathlib import Path

from bundle.archives.engines import feature_of, present_features
from bundle.archives.skeleton import rebuild
from bundle.delta.bsdiff import apply_triples
from bundle.errors import Corrupt, Malformed, Unsupported
from bundle.format.index import (
    MAX_GROWTH,
    Archive,
    Concat,
    Copy,
    Frame,
    Literal,
    Patch,
    Rebased,
    Recipe,
    Step,
    Stream,
    decode_frame,
    sources_of,
)
from bundle.format.manifest import TreeManifest
from bundle.format.objects import MemoryObject, Nothing, Readable, Scratch, Window, read_all
from bundle.read.base_objects import Base, BaseObjects
from bundle.read.packs import Packs
from bundle.read.reader import VerifiedSection
from bundle.references.image import MAX_IMAGE_BYTES, MAX_IMAGE_SHRINKING
from bundle.references.rebase import Numbers, apply_rebased, pass_rebased

IN_MEMORY_BYTES = 8 * 1024 * 1024  # sources of patches up to here are read once, not triple by triple
MAX_SHRINKING = 16  # how many times the result the source of a patch may be, to be read whole

FREE_IMAGE_BYTES = 1 << 24  # of images that are read, beside MAX_IMAGE_SHRINKING times the release

_Result = Readable | Iterator[bytes]


class _Work:
    """What recipes may take of time that the sizes of their results do not bound [F-68], in bytes of their sources."""

    def __init__(self, release_bytes: int) -> None:
        self._left = {
            Archive: MAX_GROWTH * release_bytes,
            Rebased: MAX_IMAGE_SHRINKING * release_bytes + FREE_IMAGE_BYTES,
        }
        self._release_bytes = release_bytes

    def take(self, recipe: Archive | Rebased, amount: int) -> None:
        """Raises Malformed where it is too much."""
        self._left[type(recipe)] -= amount
        if self._left[type(recipe)] < 0:
            what = "members of archives" if isinstance(recipe, Archive) else "images to rebase"
            raise Malformed(f"recipe: too many {what} for a release of {self._release_bytes:,} bytes")


class Evaluation:
    """One run over a section. `manifest` is rebuilt and verified at once, the objects as they are asked for.

    `made`: the places whose objects it can make. That is all that the base does not have, unless objects are lost.
    """

    def __init__(
        self,
        section: VerifiedSection,
        base: Base | None,
        scratch: Path | None = None,
        lost: Collection[int] = (),
        manifest: TreeManifest | None = None,
    ) -> None:
        """`base` must be the one that the section names, though the objects at the places `lost` are not there;
        temporary files go to `scratch`. With the release's `manifest`, known already, its frame is not read for it.

        Raises Malformed, Corrupt or BaseMismatch.
        """
        self._section = section
        self._scratch = scratch
        self._base = BaseObjects(
            base, section.index.opened, scratch, section.section.room - section.index.scratch_bytes
        )
        if section.index.base_objects != self._base.count:
            raise Malformed("index: made for a base with another number of objects")
        self._frames = [self._decode(frame, number) for number, frame in enumerate(section.index.frames)]
        places = [step.place for steps in self._frames for step in steps if step.place is not None]
        gone = set(lost)
        self._passed = [self._impossible(steps, gone) for steps in self._frames]
        self._firsts = list(accumulate(map(len, self._frames), initial=0))
        self._closing = self._last_uses()
        self.made = frozenset(
            step.place
            for steps, passed in zip(self._frames, self._passed, strict=True)
            for at, step in enumerate(steps, self._base.count)
            if step.place and at not in passed
        )
        if (
            not self._frames
            or [step.place for step in self._frames[0][:1]] != [0]
            or self._base.count in self._passed[0]
        ):
            raise Malformed("index: its first recipe does not make the tree manifest")
        self._work = _Work(section.root.size)
        self._first = self._run(0)
        self.manifest = manifest or self._read_manifest()
        self._check_places(places, base)
        self._places = frozenset(places) - {0}

    @property
    def room_bytes(self) -> int:
        """Bytes on disk that running it takes at one time, beside the release: what is declared, and what is kept
        twice because a later recipe uses it."""
        return self._section.section.room + max(map(self._used_bytes, self._frames), default=0)

    def objects(self) -> Iterator[tuple[int, Iterator[bytes]]]:
        """(place, chunks) of every object that the base does not have. Exhaust the chunks before the next object.

        Raises Unsupported at once if one of them cannot be made.
        """
        for place in sorted(self._places - self.made):
            raise Unsupported(f"{self.manifest.entry(place).path}: needs a deflate engine that is missing here")
        for place, chunks in self._first:
            if place:
                yield place, chunks
            else:
                _exhaust(chunks)
        for number in range(1, len(self._frames)):
            yield from self._run(number)

    def chosen(self, places: Collection[int]) -> Iterator[tuple[int, Iterator[bytes]]]:
        """The same of these places alone; frames that make none of them are not read."""
        self._work = _Work(self._section.root.size)
        for number, steps in enumerate(self._frames):
            if any(step.place in places for step in steps):
                for place, chunks in self._run(number):
                    if place in places:
                        yield place, chunks
                    else:
                        _exhaust(chunks)

    def stretches(self, places: Collection[int]) -> list[tuple[int, int]]:
        """(start, end), in bytes of the body, of what `chosen` reads for these places, beside the index."""
        return [
            self._section.stretch_of(self._section.index.frames[number])
            for number, steps in enumerate(self._frames)
            if any(step.place in places for step in steps)
        ]

    def base_places(self) -> set[int]:
        """The places of the base whose objects the recipes use that can be run."""
        used = {
            source
            for steps, passed in zip(self._frames, self._passed, strict=True)
            for at, step in enumerate(steps, self._base.count)
            if at not in passed
            for source in sources_of(step.recipe)
        }
        return {self._base.nesting.place_of(source) for source in used if source < self._base.count} - {0}

    def _read_manifest(self) -> TreeManifest:
        _, chunks = next(self._first)
        return TreeManifest.decode(b"".join(chunks), self._section.root.platform)

    def _impossible(self, steps: list[Step], lost: set[int]) -> set[int]:
        """The results that cannot be had: for an object that is lost, an engine that is missing, or such a result."""
        found: set[int] = set()
        for at, step in enumerate(steps, self._base.count):
            sources, engines = sources_of(step.recipe), getattr(step.recipe, "engines", ())
            if (
                not found.isdisjoint(sources)
                or (lost and any(s < self._base.count and self._base.nesting.place_of(s) in lost for s in sources))
                or not present_features().issuperset(map(feature_of, engines))
            ):
                found.add(at)
        return found

    def _decode(self, frame: Frame, number: int) -> list[Step]:
        return decode_frame(frame, self._base.count, f"index: frame {number}")

    def _check_places(self, places: list[int], base: Base | None) -> None:
        """The recipes make the manifest and every object that is missing, once each, and nothing else [F-31]."""
        root, manifest = self._section.root, self.manifest
        if len(manifest.entries) != root.entries or manifest.size != root.size:
            raise Malformed("tree manifest: its entries or their size are not what the root says")
        if sorted(places) != [0, *manifest.needed(base.manifest if base else None)]:
            raise Malformed("index: its recipes do not make exactly the objects that the base lacks")
        if base:
            manifest.check_sizes(base.manifest)

    def _last_uses(self) -> dict[int, list[int]]:
        """Step, counted through all frames -> the archives of the base that none needs after it."""
        uses = (
            (first + at, source)
            for first, steps, passed in zip(self._firsts, self._frames, self._passed, strict=False)
            for at, step in enumerate(steps)
            if self._base.count + at not in passed
            for source in sources_of(step.recipe)
            if source < self._base.count
        )
        closing: dict[int, list[int]] = {}
        for archive, (_, last) in self._base.nesting.spans(uses).items():
            closing.setdefault(last, []).append(archive)
        return closing

    def _used_bytes(self, steps: list[Step]) -> int:
        used = {source for step in steps for source in sources_of(step.recipe)}
        return sum(
            self._size(step) for at, step in enumerate(steps, self._base.count) if step.place is not None and at in used
        )

    def _run(self, number: int) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Runs a frame. What later recipes use, and what is no file, is kept in scratch until the frame is done."""
        steps = self._frames[number]
        used = {source for step in steps for source in sources_of(step.recipe)}
        packs = Packs(self._section, self._section.index.frames[number])
        scratch = Scratch(self._scratch)
        results: dict[int, Readable] = {}
        try:
            for at, step in enumerate(steps, self._base.count):
                size = self._size(step)
                if at in self._passed[number]:
                    _exhaust(self._pass(step.recipe, size, packs))
                    continue
                result = self._make(step.recipe, size, packs, results)
                if step.place is None or at in used:
                    results[at] = result = self._kept(step.recipe, result, size, scratch)
                if step.place is not None:
                    yield step.place, self._checked(step.place, _sized(result, size))
                self._base.close(self._closing.get(self._firsts[number] + at - self._base.count, ()))
            packs.finish()
        except BaseException:
            self._base.close_all()  # on Windows no directory can be removed in which one of their files is open
            raise
        finally:
            scratch.close()

    def _kept(self, recipe: Recipe, result: _Result, size: int, scratch: Scratch) -> Readable:
        """The result as an object that later recipes can read; a stretch of an earlier one takes no room of its own."""
        if isinstance(result, Window) and isinstance(recipe, Copy) and recipe.source >= self._base.count:
            return result
        return scratch.save(_sized(result, size))

    def _size(self, step: Step) -> int:
        if step.place is None:
            return step.size or 0
        return self._section.root.manifest_size if step.place == 0 else self.manifest.entry(step.place).size

    def _open(self, source: int, results: dict[int, Readable]) -> Readable:
        return self._base.open(source) if source < self._base.count else results[source]

    def _make(self, recipe: Recipe, size: int, packs: Packs, results: dict[int, Readable]) -> _Result:
        match recipe:
            case Literal():
                return packs.take(Stream.LITERAL, size)
            case Copy(source, offset):
                return Window(self._open(source, results), offset, size)
            case Patch(source, triples):
                opened = self._open(source, results)
                if opened.size <= min(IN_MEMORY_BYTES, MAX_SHRINKING * size):
                    opened = MemoryObject(opened.read_at(0, opened.size))
                return apply_triples(opened, size, packs.triples(triples, size), packs.skips, packs.take)
            case Rebased(source, triples):
                opened = self._open(source, results)
                if max(opened.size, size) > MAX_IMAGE_BYTES or opened.size > MAX_IMAGE_SHRINKING * size:
                    raise Malformed("recipe: a patch with rebased references, of or to an image that is too large")
                self._work.take(recipe, opened.size)
                data, numbers = opened.read_at(0, opened.size), Numbers(packs.places, packs.layouts, packs.skips)
                return iter((apply_rebased(data, size, packs.triple_rows(triples, size), numbers, packs.take),))
            case Concat(parts):
                return chain.from_iterable(read_all(self._open(part, results)) for part in parts)
            case Archive(skeleton, members, engines):
                opener = partial(self._open, results=results)
                return rebuild(
                    opener(skeleton), self._weighed(recipe, map(opener, members)), engines, size, self._scratch
                )

    def _weighed(self, recipe: Archive, members: Iterator[Readable]) -> Iterator[Readable]:
        """The members, each counted before it is deflated."""
        for member in members:
            self._work.take(recipe, member.size)
            yield member

    def _pass(self, recipe: Recipe, size: int, packs: Packs) -> Iterator[bytes]:
        """What the recipe would take from the packs, for the next one to find its own."""
        match recipe:
            case Patch(_, triples):
                return apply_triples(Nothing(), size, packs.triples(triples, size), packs.skips, packs.take)
            case Rebased(_, triples):
                if size > MAX_IMAGE_BYTES:
                    raise Malformed("recipe: a patch with rebased references makes an image that is too large")
                numbers = Numbers(packs.places, packs.layouts, packs.skips)
                return pass_rebased(size, packs.triple_rows(triples, size), numbers, packs.take)
        return iter(())

    def _checked(self, place: int, chunks: Iterator[bytes]) -> Iterator[bytes]:
        root = self._section.root
        name, expected = "the tree manifest", root.tree
        if place:
            name, expected = self.manifest.entry(place).path, self.manifest.entry(place).hash
        digest = sha256()
        for chunk in chunks:
            digest.update(chunk)
            yield chunk
        if digest.digest() != expected:
            raise Corrupt(f"{name}: what its recipe makes has another hash than the signed one")


def _exhaust(chunks: Iterator[bytes]) -> None:
    deque(chunks, maxlen=0)


def _sized(result: _Result, size: int) -> Iterator[bytes]:
    """The chunks of a result, never more than its size. Raises Malformed if they are not exactly as many bytes."""
    produced = 0
    for chunk in result if isinstance(result, Iterator) else read_all(result):
        produced += len(chunk)
        if produced > size:
            break
        yield chunk
    if produced != size:
        raise Malformed(f"recipe: makes another length than the {size} bytes of its result")
