"""Building the complete tree of a version in staging: spec/apply.md, section 3.

Every file is hashed as it is written [A-19]. What the base has already is cloned where the file system shares blocks
(FICLONE), else copied, by a few threads, while the recipes make the rest in order. Nothing here is durable yet:
`apply.site.durable.sync_tree` comes once, at the end, for a sync of each file costs minutes on a disk.

Files are never hard-linked to the base: an application that writes to its file in place would change both versions.
"""

import sys
from array import array
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice, repeat
from pathlib import Path
from typing import BinaryIO

from apply.rebuild.installed import drifted
from apply.site import durable
from bundle.errors import BaseMismatch
from bundle.format.manifest import Entry, Kind, TreeManifest, check_link_target
from bundle.host.directories import Descent, Directory
from bundle.host.files import write_all
from bundle.host.memory_limit import limited_memory
from bundle.host.progress import Progress
from bundle.read.evaluate import Evaluation
from bundle.read.mixed import MixedEvaluation
from bundle.read.tree import DirectoryBase, read_object

THREADS = 4
CHUNK_BYTES = 1024 * 1024
BATCH = 64  # small files go to a thread by so many: handing over costs about as much as copying one
FILE_MODE, EXECUTABLE_MODE = 0o644, 0o755  # [F-12]
_FICLONE = 0x40049409
_BEYOND = Entry(
    "\U0010ffff" * 2, Kind.EMPTY_DIRECTORY, 0, b""
)  # sorts after all paths, none of which has this character


@limited_memory()
def reconstruct(
    evaluation: Evaluation | MixedEvaluation, base: DirectoryBase | None, tree: Path, progress: Progress
) -> None:
    """Makes `tree`, a directory that does not exist yet, the release that the evaluation describes.

    Raises Corrupt or Malformed for a recipe that does not give its object, BaseDrifted for a base file that has
    changed, StorageFailed or DiskFull. What was built by then stays, for the caller to remove.
    """
    manifest = evaluation.manifest
    kept, again, empty = _sorted_out(manifest, base)
    progress.start(f"rebuilding {tree.name}", manifest.size, "B")
    with durable.storage_errors(tree), ThreadPoolExecutor(THREADS) as pool:
        _make_directories(tree, manifest)
        try:
            # Copies go on in the pool while the recipes run here, which must run one after the other.
            copies = [pool.submit(_copy_all, batch, base, tree) for batch in kept.batches()] if base else []
            _write_made(evaluation, tree, progress)
            _gather(copies, progress)
            # Only now are the objects that repeat another there to be copied, from the new tree itself.
            source = DirectoryBase(tree, manifest)
            _gather([pool.submit(_copy_all, batch, source, tree) for batch in again.batches()], progress)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
        with Descent(tree) as into:
            for place in empty:
                _write(into, manifest.entry(place), iter(()))
    progress.finish()


def _write_made(evaluation: Evaluation | MixedEvaluation, tree: Path, progress: Progress) -> None:
    """What the recipes make, in their order."""
    with Descent(tree) as into:
        for place, chunks in evaluation.objects():
            entry = evaluation.manifest.entry(place)
            _write(into, entry, chunks)
            progress.advance(entry.size)


@dataclass(frozen=True)
class _Copies:
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

    def part(self, chosen: Iterable[int]) -> "_Copies":
        """Some of them, by their numbers from 0."""
        part = _Copies(self.manifest)
        for at in chosen:
            part.add(self.places[at], self.sources[at])
        return part

    def batches(self) -> "Iterator[_Copies]":
        """Large files first, alone. Then small ones in batches, neighbours together, to open few directories."""
        sizes = self.manifest.entries.sizes
        large = [at for at, place in enumerate(self.places) if sizes[place - 1] >= CHUNK_BYTES]
        yield from (self.part([at]) for at in sorted(large, key=lambda at: -sizes[self.places[at] - 1]))
        small = (at for at, place in enumerate(self.places) if sizes[place - 1] < CHUNK_BYTES)
        while batch := list(islice(small, BATCH)):
            yield self.part(batch)


def _sorted_out(manifest: TreeManifest, base: DirectoryBase | None) -> tuple[_Copies, _Copies, list[int]]:
    """Entries whose object the base has; those that repeat an object made by a recipe; empty files that are new.

    The base's file of the same path comes first, so that damage to it is noticed, though another may hold the same.
    """
    made = manifest.needed(base.manifest if base else None)
    sources = _sources(manifest, base.manifest) if base else repeat(0, len(manifest.entries))
    kept, again, empty = _Copies(manifest), _Copies(manifest), []
    firsts = manifest.places.of(manifest.places).data  # where each object stands for the first time
    for place, (entry, source, first) in enumerate(zip(manifest.entries, sources, firsts, strict=True), 1):
        if entry.kind == Kind.EMPTY_DIRECTORY or place in made:
            continue
        if source:
            kept.add(place, source)
        elif entry.size:
            again.add(place, first)
        else:
            empty.append(place)
    return kept, again, empty


def _sources(manifest: TreeManifest, base: TreeManifest) -> Iterator[int]:
    """For each entry the place of its object in the base, 0 where that does not have it."""
    # Both are sorted by path, so one walk through both finds the files of the same path.
    others, other, place = iter(base.entries), None, 0
    for entry, same_object in zip(manifest.entries, base.places.of(manifest.places).data, strict=True):
        while other is None or other.path < entry.path:
            place += 1
            other = next(others, _BEYOND)
        found = same_object if entry.size else 0
        if other.path == entry.path and other.hash == entry.hash:
            found = place
        yield found if found and base.entry(found).kind != Kind.EMPTY_DIRECTORY else 0


def _make_directories(tree: Path, manifest: TreeManifest) -> None:
    """The tree and all directories in it, of the mode that the format gives them, whatever the umask [F-12]."""
    parents = {path.rpartition("/")[0] for path in manifest.entries.paths}
    parents |= {entry.path for entry in manifest.entries if entry.kind == Kind.EMPTY_DIRECTORY}
    with Directory.open(tree.parent) as above:
        above.make(tree.name).close()
    with Descent(tree) as into:
        for parent in sorted(parents - {""}):
            into.to(f"{parent}/", make=True)


def _gather(futures: list["Future[int]"], progress: Progress) -> None:
    for future in futures:
        progress.advance(future.result())


def _copy_all(copies: _Copies, base: DirectoryBase, tree: Path) -> int:
    size = 0
    with Descent(base.directory) as origin, Descent(tree) as into:
        for place, source_place in zip(copies.places, copies.sources, strict=True):
            entry, source = copies.manifest.entry(place), base.manifest.entry(source_place)
            if source.kind == Kind.SYMLINK or entry.kind == Kind.SYMLINK:
                content = _object(origin, source, base.directory)
                _write(into, entry, iter([content]), drifted(base.directory / source.path, "has changed"))
            else:
                _copy(origin, source.path, base.directory, into, entry)
            size += entry.size
    return size


def _object(origin: Descent, entry: Entry, directory: Path) -> bytes:
    try:
        return read_object(origin, entry, directory)
    except BaseMismatch as error:
        raise drifted(directory / entry.path, "has gone or changed") from error


def _write(into: Descent, entry: Entry, chunks: Iterable[bytes], mismatch: Exception | None = None) -> None:
    """Writes an entry from the chunks of its object. `mismatch` is raised if they are not that object.

    Without it, whoever yields the chunks has checked them.
    """
    directory, name = into.to(entry.path)
    if entry.kind == Kind.SYMLINK:
        content = b"".join(chunks)
        if mismatch and sha256(content).digest() != entry.hash:
            raise mismatch
        # The manifest holds the hash of a link's target only, so where it leads is checked here.
        directory.link(check_link_target(entry, content), name)
        return
    digest = sha256() if mismatch else None
    with directory.create(name, _mode(entry)) as file:
        for chunk in chunks:
            write_all(file, chunk)
            if digest:
                digest.update(chunk)
    if mismatch and digest and digest.digest() != entry.hash:
        raise mismatch


def _copy(origin: Descent, path: str, base: Path, into: Descent, entry: Entry) -> None:
    """Clones or copies a file of the base, hashing what was written. Raises BaseDrifted if that is not the object."""
    try:
        source_directory, source_name = origin.to(path)
        source = source_directory.read(source_name)
    except OSError as error:
        raise drifted(base / path, f"cannot be read ({error.strerror})") from error
    with source:
        # Outside the `try` above: what fails from here on is the disk's fault, not that of the base.
        directory, name = into.to(entry.path)
        with directory.create(name, _mode(entry)) as written:
            digest = _digest(written) if _clone(source, written) else _copied(source, written)
    if digest != entry.hash:
        raise drifted(base / path, "has changed")


def _copied(source: BinaryIO, written: BinaryIO) -> bytes:
    digest = sha256()
    while chunk := source.read(CHUNK_BYTES):
        digest.update(chunk)
        write_all(written, chunk)
    return digest.digest()


def _digest(file: BinaryIO) -> bytes:
    """Of a clone, by itself: its blocks are its own, while the source may have changed since [A-19]."""
    digest = sha256()
    while chunk := file.read(CHUNK_BYTES):
        digest.update(chunk)
    return digest.digest()


def _mode(entry: Entry) -> int:
    return EXECUTABLE_MODE if entry.kind == Kind.EXECUTABLE else FILE_MODE


def _clone(source: BinaryIO, written: BinaryIO) -> bool:
    """Whether the file system could share the blocks, as Btrfs and XFS do: FICLONE, ioctl_ficlone(2)."""
    if not sys.platform.startswith("linux"):
        return False
    import fcntl

    try:
        fcntl.ioctl(written, _FICLONE, source.fileno())
    except OSError:
        return False
    return True
