"""Evaluating recipes: how a section and a base become objects. The builder proves its work with this, `apply` drives
it onto disk. spec/format.md, section 9.

Packs are read once, in order, and results are handed on chunk by chunk: memory does not grow with the objects.
An object counts only when its chunks are exhausted without an error; then its size and hash were right [F-37].
"""

from collections.abc import Iterator
from hashlib import sha256
from itertools import chain
from typing import Protocol

from bundle.delta.bsdiff import apply_triples
from bundle.errors import Corrupt, Malformed
from bundle.index import Concat, Copy, Frame, Literal, Patch, Recipe, Step, Stream, decode_frame, sources_of
from bundle.manifest import TreeManifest
from bundle.objects import MemoryObject, Readable, SpooledObject, Window
from bundle.packs import Packs
from bundle.reader import VerifiedSection

CHUNK_BYTES = 256 * 1024
IN_MEMORY_BYTES = 8 * 1024 * 1024  # sources of patches up to here are read once, not triple by triple

_Result = Readable | Iterator[bytes]


class Base(Protocol):
    """The release that a delta section starts from."""

    @property
    def manifest(self) -> TreeManifest: ...

    def open(self, place: int) -> Readable:
        """The object at a place of the manifest, counted from 1. Raises BaseMismatch if it is not there."""


class Evaluation:
    """One run over a section. `manifest` is rebuilt and verified at once, the objects as they are asked for."""

    def __init__(self, section: VerifiedSection, base: Base | None) -> None:
        """Raises Malformed, Corrupt or BaseMismatch. `base` must be the one that the section names."""
        self._section = section
        self._base = base
        self._base_objects = len(base.manifest.entries) + 1 if base else 0
        if section.index.base_objects != self._base_objects:
            raise Malformed("index: made for a base with another number of objects")
        self._frames = [self._decode(frame, number) for number, frame in enumerate(section.index.frames)]
        places = [step.place for steps in self._frames for step in steps if step.place is not None]
        if not self._frames or self._frames[0][:1] != [s for s in self._frames[0][:1] if s.place == 0]:
            raise Malformed("index: its first recipe does not make the tree manifest")
        self._first = self._run(0)
        _, chunks = next(self._first)
        self.manifest = TreeManifest.decode(b"".join(chunks), section.root.platform)
        self._check_places(places)

    def objects(self) -> Iterator[tuple[int, Iterator[bytes]]]:
        """(place, chunks) of every object that the base does not have. Exhaust the chunks before the next object."""
        yield from self._first
        for number in range(1, len(self._frames)):
            yield from self._run(number)

    def base_places(self) -> set[int]:
        """The places of the base whose objects the recipes use."""
        used = {source for steps in self._frames for step in steps for source in sources_of(step.recipe)}
        return {source for source in used if 0 < source < self._base_objects}

    def _decode(self, frame: Frame, number: int) -> list[Step]:
        return decode_frame(frame, self._base_objects, f"index: frame {number}")

    def _check_places(self, places: list[int]) -> None:
        """The recipes make the manifest and every object that is missing, once each, and nothing else [F-31]."""
        root, manifest = self._section.root, self.manifest
        if len(manifest.entries) != root.entries or manifest.size != root.size:
            raise Malformed("tree manifest: its entries or their size are not what the root says")
        if sorted(places) != [0, *manifest.needed(self._base.manifest if self._base else None)]:
            raise Malformed("index: its recipes do not make exactly the objects that the base lacks")

    def _run(self, number: int) -> Iterator[tuple[int, Iterator[bytes]]]:
        steps = self._frames[number]
        last_use = {source: at for at, step in enumerate(steps) for source in sources_of(step.recipe)}
        packs = Packs(self._section, self._section.index.frames[number])
        results: dict[int, Readable] = {}
        for at, step in enumerate(steps):
            result = self._make(step.recipe, self._size(step), packs, results)
            if step.place is None or self._base_objects + at in last_use:
                results[self._base_objects + at] = result = _kept(result)
            if step.place is not None:
                chunks = result if isinstance(result, Iterator) else _read_all(result)
                yield step.place, self._checked(step.place, chunks)
            for source in sources_of(step.recipe):
                if last_use[source] == at:
                    results.pop(source, None)
        packs.finish()

    def _size(self, step: Step) -> int:
        if step.place is None:
            return step.size or 0
        return self._section.root.manifest_size if step.place == 0 else self.manifest.entry(step.place).size

    def _open(self, source: int, results: dict[int, Readable]) -> Readable:
        if source >= self._base_objects:
            return results[source]
        assert self._base is not None  # noqa: S101 - a frame without a base has no such numbers
        return MemoryObject(self._base.manifest.encoded) if source == 0 else self._base.open(source)

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
                return apply_triples(opened, size, packs.triples(triples), packs.take)
            case Concat(parts):
                opened_parts = [self._open(part, results) for part in parts]
                if sum(part.size for part in opened_parts) != size:
                    raise Malformed("recipe: the parts of a concat do not add up to its size")
                return chain.from_iterable(map(_read_all, opened_parts))

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


def _kept(result: _Result) -> Readable:
    """A result that can be read again."""
    return SpooledObject(result) if isinstance(result, Iterator) else result


def _read_all(source: Readable) -> Iterator[bytes]:
    for at in range(0, source.size, CHUNK_BYTES):
        yield source.read_at(at, min(CHUNK_BYTES, source.size - at))
