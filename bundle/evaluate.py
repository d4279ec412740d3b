"""Evaluating recipes: how a section and a base become objects. The builder proves its work with this, `apply` drives
it onto disk. spec/format.md, section 9.

Packs are read once, in order, and results are handed on chunk by chunk: memory does not grow with the objects.
An object counts only when its chunks are exhausted without an error; then its size and hash were right [F-37].
"""

from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from itertools import chain
from pathlib import Path

from bundle.archives.skeleton import rebuild
from bundle.base_objects import Base, BaseObjects
from bundle.delta.bsdiff import apply_triples
from bundle.errors import Corrupt, Malformed
from bundle.index import (
    Archive,
    Concat,
    Copy,
    Frame,
    Literal,
    Patch,
    Reaimed,
    Recipe,
    Step,
    Stream,
    decode_frame,
    sources_of,
)
from bundle.manifest import TreeManifest
from bundle.objects import MemoryObject, Readable, Scratch, Window, read_all
from bundle.packs import Packs
from bundle.reader import VerifiedSection
from bundle.references.image import MAX_IMAGE_BYTES
from bundle.references.reaim import Numbers, apply_reaimed

IN_MEMORY_BYTES = 8 * 1024 * 1024  # sources of patches up to here are read once, not triple by triple

_Result = Readable | Iterator[bytes]


class Evaluation:
    """One run over a section. `manifest` is rebuilt and verified at once, the objects as they are asked for."""

    def __init__(self, section: VerifiedSection, base: Base | None, scratch: Path | None = None) -> None:
        """`base` must be the one that the section names; temporary files go to `scratch`.

        Raises Malformed, Corrupt or BaseMismatch.
        """
        self._section = section
        self._scratch = scratch
        self._base = BaseObjects(base, section.index.opened, scratch)
        if section.index.base_objects != self._base.count:
            raise Malformed("index: made for a base with another number of objects")
        self._frames = [self._decode(frame, number) for number, frame in enumerate(section.index.frames)]
        places = [step.place for steps in self._frames for step in steps if step.place is not None]
        if not self._frames or [step.place for step in self._frames[0][:1]] != [0]:
            raise Malformed("index: its first recipe does not make the tree manifest")
        self._first = self._run(0)
        _, chunks = next(self._first)
        self.manifest = TreeManifest.decode(b"".join(chunks), section.root.platform)
        self._check_places(places, base)

    def objects(self) -> Iterator[tuple[int, Iterator[bytes]]]:
        """(place, chunks) of every object that the base does not have. Exhaust the chunks before the next object."""
        yield from self._first
        for number in range(1, len(self._frames)):
            yield from self._run(number)

    def base_places(self) -> set[int]:
        """The places of the base whose objects the recipes use."""
        used = {source for steps in self._frames for step in steps for source in sources_of(step.recipe)}
        return {self._section.index.place_of(source) for source in used if source < self._base.count} - {0}

    def _decode(self, frame: Frame, number: int) -> list[Step]:
        return decode_frame(frame, self._base.count, f"index: frame {number}")

    def _check_places(self, places: list[int], base: Base | None) -> None:
        """The recipes make the manifest and every object that is missing, once each, and nothing else [F-31]."""
        root, manifest = self._section.root, self.manifest
        if len(manifest.entries) != root.entries or manifest.size != root.size:
            raise Malformed("tree manifest: its entries or their size are not what the root says")
        if sorted(places) != [0, *manifest.needed(base.manifest if base else None)]:
            raise Malformed("index: its recipes do not make exactly the objects that the base lacks")

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
                result = self._make(step.recipe, size, packs, results)
                if step.place is None or at in used:
                    results[at] = result = result if isinstance(result, Window) else scratch.keep(_sized(result, size))
                if step.place is not None:
                    yield step.place, self._checked(step.place, _sized(result, size))
            packs.finish()
        finally:
            scratch.close()

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
                if opened.size <= IN_MEMORY_BYTES:
                    opened = MemoryObject(opened.read_at(0, opened.size))
                return apply_triples(opened, size, packs.triples(triples), packs.skips, packs.take)
            case Reaimed(source, triples):
                opened = self._open(source, results)
                if opened.size > MAX_IMAGE_BYTES:
                    raise Malformed("recipe: a patch with re-aimed references of an image that is too large")
                data, numbers = opened.read_at(0, opened.size), Numbers(packs.places, packs.layouts, packs.skips)
                return iter((apply_reaimed(data, size, packs.triple_rows(triples), numbers, packs.take),))
            case Concat(parts):
                return chain.from_iterable(read_all(self._open(part, results)) for part in parts)
            case Archive(skeleton, members, engines):
                opener = partial(self._open, results=results)
                return rebuild(opener(skeleton), map(opener, members), engines, self._scratch)

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
