"""Running the recipes of one frame, one after the other. spec/format.md, section 9.

Packs are streams: every recipe takes the next bytes of each. So none can be left out, and none can run twice [F-27].
No recipe takes more time than its result may take, and all together take no more than the release may [F-66] [F-68].
"""

from collections import deque
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from itertools import chain
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from bundle.archives.skeleton import rebuild
from bundle.deflate.blocks import NoShape
from bundle.deflate.shape import shape_of, shape_work
from bundle.delta.bsdiff import apply_triples
from bundle.derived.no_form import NoForm
from bundle.derived.replacing import MAX_BYTES
from bundle.derived.rules import Rule, complete, form, most_bytes
from bundle.errors import Malformed
from bundle.format.index import (
    Archive,
    Concat,
    Copy,
    Derived,
    Literal,
    Patch,
    Rebased,
    Recipe,
    Shape,
    Stream,
)
from bundle.format.objects import MemoryObject, Nothing, Readable, Scratch, Window, read_all
from bundle.read.base_objects import BaseObjects
from bundle.read.packs import Packs
from bundle.read.work_limit import WorkLimit
from bundle.references.image import MAX_IMAGE_BYTES, MAX_IMAGE_SHRINKING
from bundle.references.rebase import MAX_TRIPLES, Numbers, apply_rebased, pass_rebased

# A patch may read a few bytes at each of thousands of offsets. Reading its source once is faster, up to this size.
IN_MEMORY_BYTES = 8 * 1024 * 1024
# A source may be read whole only if it has at most so many times the bytes of the result. Otherwise thousands of
# recipes that make a byte each would read 8 MiB each: hours of work out of a few kilobytes.
MAX_SHRINKING = 16

Result = Readable | Iterator[bytes]


class FrameRun:
    """One pass over the recipes of a frame. A context manager: on the way out it gives back its temporary files."""

    def __init__(self, packs: Packs, base: BaseObjects, limit: WorkLimit, directory: Path | None) -> None:
        """`limit` goes on through all frames of a pass. Temporary files go to `directory`."""
        self._packs = packs
        self._base = base
        self._limit = limit
        self._directory = directory
        self._scratch = Scratch(directory)
        self._results: dict[int, Readable] = {}
        self._digests: dict[int, tuple[bytes, int]] = {}

    def __enter__(self) -> "FrameRun":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind:
            self._base.close_all()  # on Windows no directory can be removed in which one of their files is open
        self._scratch.close()

    def make(self, recipe: Recipe, size: int) -> Result:
        """The result of the next recipe, `size` bytes if all is well. Raises Malformed, BaseMismatch.

        What is an iterator must be exhausted before the recipe after it: it takes from the packs as it goes on.
        """
        packs = self._packs
        match recipe:
            case Literal():
                return packs.take(Stream.LITERAL, size)
            case Copy(source, offset):
                return Window(self._open(source), offset, size)
            case Patch(source, triples):
                opened = _quick(self._open(source), size)
                return apply_triples(opened, size, packs.triples(triples, size), packs.skips, packs.take)
            case Rebased():
                return self._rebase(recipe, size)
            case Concat(parts):
                return chain.from_iterable(read_all(self._open(part)) for part in parts)
            case Archive(skeleton, members, engines, shapes):
                plain, spend = map(self._open, members), partial(self._limit.take, Archive)
                forms = map(self._open, shapes)
                return rebuild(self._open(skeleton), plain, engines, size, self._directory, spend, forms)
            case Shape(member):
                stream, inflated = self._base.stream_of(member), self._open(member)
                self._limit.take(Shape, shape_work(stream.size, inflated.size))
                return _shape(stream, inflated)
            case Derived():
                return self._derive(recipe)

    def save(self, number: int, recipe: Recipe, result: Result, size: int) -> Readable:
        """Saves the result under its object number, for later recipes of the frame. Raises as `make`."""
        # A stretch of an earlier result can be read where that is saved: it takes no room of its own.
        if not (isinstance(result, Window) and isinstance(recipe, Copy) and recipe.source >= self._base.count):
            result = self._scratch.save(sized(result, size))
        self._results[number] = result
        return result

    def skip(self, recipe: Recipe, size: int) -> None:
        """Takes from the packs what a recipe that cannot run would take, so that the next one finds its own bytes."""
        packs = self._packs
        match recipe:
            case Patch(_, triples):
                exhaust(apply_triples(Nothing(), size, packs.triples(triples, size), packs.skips, packs.take))
            case Rebased():
                exhaust(pass_rebased(size, self._rows(recipe, size), self._numbers(), packs.take))
            case Derived(_, _, triples):
                exhaust(self._patched(Nothing(), triples) if triples else iter(()))
            case Literal() | Copy() | Concat() | Archive() | Shape():
                pass  # literals need nothing, so they can always run; the others take nothing from packs

    def note(self, number: int, digest: bytes, size: int) -> None:
        """Keeps hash and size of a result that is not saved, for later recipes of the frame."""
        self._digests[number] = digest, size

    def finish(self) -> None:
        """Ends the pass. Raises Malformed if a pack has bytes left."""
        self._packs.finish()

    def _open(self, number: int) -> Readable:
        return self._base.open(number) if number < self._base.count else self._results[number]

    def _rebase(self, recipe: Rebased, size: int) -> Iterator[bytes]:
        opened = self._open(recipe.source)
        if opened.size > min(MAX_IMAGE_BYTES, MAX_IMAGE_SHRINKING * size):
            raise Malformed("recipe: a patch with rebased references, of an image that is too large")
        self._limit.take(Rebased, opened.size)
        rows = self._rows(recipe, size)
        return apply_rebased(_quick(opened, size), size, rows, self._numbers(), self._packs.take)

    def _derive(self, recipe: Derived) -> Iterator[bytes]:
        if recipe.rule not in set(Rule):
            raise Malformed(f"recipe: an object is derived by rule {recipe.rule}, which is unknown")
        if recipe.objects and recipe.rule != Rule.DIGESTS:
            raise Malformed("recipe: a derived object has further objects, which its rule does not use")
        rule, source = Rule(recipe.rule), self._open(recipe.source)
        if source.size > most_bytes(rule):
            raise Malformed(f"recipe: an object derived from one of {source.size:,} bytes")
        self._limit.take(Derived, source.size)
        try:
            made = form(rule, source.read_at(0, source.size))
            if recipe.triples:
                made = b"".join(self._patched(MemoryObject(made), recipe.triples))
            yield complete(rule, made, map(self._digest, recipe.objects))
        except NoForm as error:
            raise Malformed(f"recipe: an object derived from one that {error}") from error

    def _patched(self, source: Readable, triples: int) -> Iterator[bytes]:
        """What this patch makes of a form. Its size is not told, its triples say it."""
        if triples > MAX_TRIPLES:
            raise Malformed("recipe: a derived object in too many parts")
        rows = list(self._packs.whole_triples(triples))
        size = sum(add + extra for add, extra, _ in rows)
        if size > MAX_BYTES:
            raise Malformed(f"recipe: a derived object with a form of {size:,} bytes")
        self._limit.take(Derived, size)
        return apply_triples(source, size, iter(rows), self._packs.skips, self._packs.take)

    def _digest(self, number: int) -> tuple[bytes, int]:
        """Hash and size of an object. What no manifest tells is hashed once."""
        known = self._digests.get(number) or self._base.digest(number)
        if known:
            return known
        opened = self._open(number)
        self._limit.take(Archive, opened.size)
        whole = sha256()
        for chunk in read_all(opened):
            whole.update(chunk)
        self._digests[number] = whole.digest(), opened.size
        return self._digests[number]

    def _rows(self, recipe: Rebased, size: int) -> NDArray[np.int64]:
        if size > MAX_IMAGE_BYTES or recipe.triples > MAX_TRIPLES:
            raise Malformed(
                "recipe: a patch with rebased references, to an image that is too large or in too many parts"
            )
        triples = chain.from_iterable(self._packs.triples(recipe.triples, size))
        return np.fromiter(triples, np.int64).reshape(-1, 3)

    def _numbers(self) -> Numbers:
        return Numbers(self._packs.places, self._packs.layouts, self._packs.skips)


def _quick(source: Readable, size: int) -> Readable:
    """The same, in memory if it is small beside the result that is made of it."""
    if source.size > min(IN_MEMORY_BYTES, MAX_SHRINKING * size):
        return source
    return MemoryObject(source.read_at(0, source.size))


def sized(result: Result, size: int) -> Iterator[bytes]:
    """The chunks of a result, never more than its size. Raises Malformed if they are not exactly as many bytes."""
    produced = 0
    for chunk in result if isinstance(result, Iterator) else read_all(result):
        produced += len(chunk)
        if produced > size:
            break
        yield chunk
    if produced != size:
        raise Malformed(f"recipe: makes another length than the {size} bytes of its result")


def _shape(stream: Readable, plain: Readable) -> Iterator[bytes]:
    try:
        yield from shape_of(stream, plain)
    except NoShape as error:
        raise Malformed(f"recipe: the shape of {error}") from error


def exhaust(chunks: Iterator[object]) -> None:
    """Runs through an iterator for what it checks and takes on its way."""
    deque(chunks, maxlen=0)
