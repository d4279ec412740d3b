"""What a new tree has of the base, or of itself, copied: spec/apply.md, section 3 [A-19].

Blocks are shared where the file system can. Large files go to a few threads, which hash and copy without the
interpreter's lock. Small ones go to one thread, in batches whose files the system reads ahead: several threads would
only fight for that lock, while the recipes run beside them.
"""

import os
from array import array
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from apply.rebuild.installed import drifted
from apply.rebuild.writing import CHUNK_BYTES, digest_of, file_mode, write_object
from bundle.errors import BaseMismatch
from bundle.format.manifest import Entry, Kind, TreeManifest
from bundle.host.blocks import Sharing, SparseWriter, fetch_ahead
from bundle.host.directories import Descent
from bundle.host.files import set_mode
from bundle.host.progress import Progress
from bundle.read.tree import DirectoryBase, read_object

THREADS: Final = 4
SMALL_THREADS: Final = 1 if hasattr(os, "posix_fadvise") else THREADS  # without it, threads must wait for the disk
_READ_ONLY: Final = 0o555
BATCH: Final = 64  # small files go to a thread by so many: handing over costs about as much as copying one


@dataclass(frozen=True)
class Copies:
    """What is copied into a tree: the places of entries of its manifest, and for each the place in the source's.

    Numbers, not entries: a release may have hundreds of thousands.
    """

    manifest: TreeManifest
    places: "array[int]" = field(default_factory=lambda: array("Q"))
    sources: "array[int]" = field(default_factory=lambda: array("Q"))

    def add(self, place: int, source: int) -> None:
        """Has one more copied."""
        self.places.append(place)
        self.sources.append(source)

    def part(self, chosen: Iterable[int]) -> "Copies":
        """Some of them, by their numbers from 0."""
        part = Copies(self.manifest)
        for at in chosen:
            part.add(self.places[at], self.sources[at])
        return part

    def batches(self) -> "Iterator[Copies]":
        """Large files first, alone. Then small ones in batches, neighbours together, to open few directories."""
        sizes = self.manifest.entries.sizes
        large = [at for at, place in enumerate(self.places) if sizes[place - 1] >= CHUNK_BYTES]
        yield from (self.part([at]) for at in sorted(large, key=lambda at: -sizes[self.places[at] - 1]))
        small = (at for at, place in enumerate(self.places) if sizes[place - 1] < CHUNK_BYTES)
        while batch := list(islice(small, BATCH)):
            yield self.part(batch)


class Copying:
    """Copies of files and links go on in threads until `gather` has waited for them. A context manager."""

    def __init__(self, tree: Path, sharing: Sharing, linked: Callable[[str], bool] | None = None) -> None:
        """`linked`: which paths may be hard links to the base [A-126]; None for none."""
        self._tree = tree
        self._sharing = sharing
        self._linked = linked
        self._large = ThreadPoolExecutor(THREADS)
        self._small = ThreadPoolExecutor(SMALL_THREADS)
        self._begun: list[Future[int]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for pool in (self._large, self._small):
            pool.shutdown(cancel_futures=True)

    def begin(self, copies: Copies, source: DirectoryBase) -> None:
        """Begins to copy them from that directory."""
        for batch in copies.batches():
            pool = self._small if len(batch.places) > 1 else self._large
            self._begun.append(pool.submit(self._copy_all, batch, source))

    def gather(self, progress: Progress) -> None:
        """Waits for what was begun. Raises BaseDrifted for a file that is not what was installed, OSError."""
        begun, self._begun = self._begun, []
        for future in begun:
            progress.advance(future.result())

    def _copy_all(self, copies: Copies, base: DirectoryBase) -> int:
        """Returns the bytes of the batch."""
        size = 0
        with Descent(base.directory) as origin, Descent(self._tree) as into, ExitStack() as opened:
            batch = [
                (copies.manifest.entry(place), base.manifest.entry(source_place))
                for place, source_place in zip(copies.places, copies.sources, strict=True)
            ]
            files: list[BinaryIO | None] = []
            for entry, source in batch:
                is_link = Kind.SYMLINK in (source.kind, entry.kind)
                files.append(None if is_link else opened.enter_context(_opened(origin, source.path, base.directory)))
                if len(batch) > 1 and (file := files[-1]):
                    fetch_ahead(file)
            for (entry, source), file in zip(batch, files, strict=True):
                if file and self._is_linked(entry, source, base) and _link(file, origin, source.path, into, entry):
                    if _copied(file, entry.size) != entry.hash:
                        raise drifted(base.directory / source.path, "has changed")
                elif file:
                    self._copy(file, into, entry, base.directory, source.path)
                else:
                    _copy_link(origin, source, base.directory, into, entry)
                size += entry.size
        return size

    def _is_linked(self, entry: Entry, source: Entry, base: DirectoryBase) -> bool:
        # Of one kind, for both names have one mode. Nothing is linked within the new tree.
        return bool(
            self._linked and entry.kind == source.kind and base.directory != self._tree and self._linked(entry.path)
        )

    def _copy(self, source: BinaryIO, into: Descent, entry: Entry, base: Path, path: str) -> None:
        """Clones or copies a file, hashing what was written. Raises BaseDrifted if that is not the object, OSError."""
        directory, name = into.to(entry.path)
        with directory.create(name, file_mode(entry)) as written:
            # A clone takes all that the source has now, so its size is looked at first.
            if self._sharing.possible and os.fstat(source.fileno()).st_size != entry.size:
                raise drifted(base / path, "has changed")
            shared = self._sharing.whole(source, written)
            digest = digest_of(written) if shared else _copied(source, entry.size, written)
        if digest != entry.hash:
            raise drifted(base / path, "has changed")


def _opened(origin: Descent, path: str, base: Path) -> BinaryIO:
    try:
        directory, name = origin.to(path)
        return directory.read(name)
    except OSError as error:
        raise drifted(base / path, f"cannot be read ({error.strerror})") from error


def _copy_link(origin: Descent, source: Entry, base: Path, into: Descent, entry: Entry) -> None:
    """A link, or a file whose content was or becomes the target of one."""
    try:
        content = read_object(origin, source, base)
    except BaseMismatch as error:
        raise drifted(base / source.path, "has gone or changed") from error
    if sha256(content).digest() != entry.hash:
        raise drifted(base / source.path, "has changed")
    write_object(into, entry, iter((content,)))


def _link(file: BinaryIO, origin: Descent, path: str, into: Descent, entry: Entry) -> bool:
    """Whether the file that is open has a second name in the new tree now, and is read-only. Only one of our own."""
    status = os.fstat(file.fileno())
    if status.st_size != entry.size or (os.name == "posix" and status.st_uid != os.geteuid()):
        return False
    (within, name), (directory, new_name) = origin.to(path), into.to(entry.path)
    if not within.link_again(name, directory, new_name):
        return False
    if not os.path.samestat(status, directory.status(new_name)):  # somebody has swapped it just now
        directory.unlink(new_name)
        return False
    set_mode(file.fileno(), file_mode(entry) & _READ_ONLY)
    return True


def _copied(source: BinaryIO, size: int, written: BinaryIO | None = None) -> bytes:
    """The digest of what was read, and copied if there is a file for it. Empty for a source that is longer.

    Never more than the size is written, whatever the source has become meanwhile.
    """
    digest, writer, left = sha256(), SparseWriter(written) if written else None, size
    # One byte more is asked for, so that most files are read, and seen to end, by one call.
    while chunk := source.read(min(CHUNK_BYTES, left + 1)):
        left -= len(chunk)
        if left < 0:
            return b""
        digest.update(chunk)
        if writer:
            writer.write(chunk)
        if not left and len(chunk) < CHUNK_BYTES:
            break
    if writer:
        writer.close()
    return digest.digest()
