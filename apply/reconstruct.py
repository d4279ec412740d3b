"""Building the complete tree of a version in staging: spec/apply.md, section 3.

Every file is hashed as it is written [A-19]. What the base has already is cloned where the file system shares blocks
(FICLONE), else copied, by a few threads, while the recipes make the rest in order. Nothing here is durable yet:
`apply.durable.sync_tree` comes once, at the end.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

from apply import durable
from apply.installed import drifted
from bundle.ceiling import memory_ceiling
from bundle.errors import BaseMismatch
from bundle.evaluate import Evaluation
from bundle.manifest import Entry, Kind, TreeManifest, check_link_target
from bundle.mixed import MixedEvaluation
from bundle.progress import Progress
from bundle.tree import DirectoryBase, object_bytes

THREADS = 4
CHUNK_BYTES = 1024 * 1024
BATCH = 64  # small files go to a thread by so many: handing over costs about as much as copying one
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_FICLONE = 0x40049409


@memory_ceiling()
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
            copies = [pool.submit(_copy_all, batch, base, tree) for batch in _batches(kept)] if base else []
            for place, chunks in evaluation.objects():
                _write(tree, manifest.entry(place), chunks)
                progress.advance(manifest.entry(place).size)
            _gather(copies, progress)
            source = DirectoryBase(tree, manifest)
            _gather([pool.submit(_copy_all, batch, source, tree) for batch in _batches(again)], progress)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
        for entry in empty:
            _write(tree, entry, iter(()))
    progress.finish()


_Pair = tuple[int, Entry]  # place of the source object in its manifest, entry to write


def _sorted_out(manifest: TreeManifest, base: DirectoryBase | None) -> tuple[list[_Pair], list[_Pair], list[Entry]]:
    """Entries whose object the base has; those that repeat an object made by a recipe; empty files that are new.

    The base's file of the same path comes first, that a change to it shows, though another file may hold the same.
    """
    known = base.manifest.places if base else {}
    paths = {(e.path, e.hash): place for place, e in enumerate(base.manifest.entries, 1)} if base else {}
    made = set(manifest.needed(base.manifest if base else None))
    kept, again, empty = [], [], []
    for place, entry in enumerate(manifest.entries, 1):
        if entry.kind == Kind.EMPTY_DIRECTORY or place in made:
            continue
        source = paths.get((entry.path, entry.hash)) or (known.get(entry.hash) if entry.size else None)
        if base and source and base.manifest.entry(source).kind != Kind.EMPTY_DIRECTORY:
            kept.append((source, entry))
        elif entry.size:
            again.append((manifest.places[entry.hash], entry))
        else:
            empty.append(entry)
    return kept, again, empty


def _make_directories(tree: Path, manifest: TreeManifest) -> None:
    tree.mkdir()
    parents = {entry.path.rpartition("/")[0] for entry in manifest.entries}
    parents |= {entry.path for entry in manifest.entries if entry.kind == Kind.EMPTY_DIRECTORY}
    for parent in sorted(parents - {""}):
        (tree / parent).mkdir(parents=True, exist_ok=True)


def _batches(pairs: list[_Pair]) -> Iterator[list[_Pair]]:
    """Large files first, alone; the small ones in batches."""
    ordered = sorted(pairs, key=lambda pair: -pair[1].size)
    large = [pair for pair in ordered if pair[1].size >= CHUNK_BYTES]
    yield from ([pair] for pair in large)
    for start in range(len(large), len(ordered), BATCH):
        yield ordered[start : start + BATCH]


def _gather(futures: list["Future[int]"], progress: Progress) -> None:
    for future in futures:
        progress.advance(future.result())


def _copy_all(pairs: list[_Pair], base: DirectoryBase, tree: Path) -> int:
    size = 0
    for place, entry in pairs:
        source = base.manifest.entry(place)
        if source.kind == Kind.SYMLINK or entry.kind == Kind.SYMLINK:
            _write(tree, entry, iter([_object(base, source)]), drifted(base.directory / source.path, "has changed"))
        else:
            _copy(base.directory / source.path, tree, entry)
        size += entry.size
    return size


def _object(base: DirectoryBase, entry: Entry) -> bytes:
    try:
        return object_bytes(base.directory, entry)
    except BaseMismatch as error:
        raise drifted(base.directory / entry.path, "has gone or changed") from error


def _write(tree: Path, entry: Entry, chunks: Iterable[bytes], mismatch: Exception | None = None) -> None:
    """Writes an entry from the chunks of its object; `mismatch` is raised if they are not that object.

    Without it, whoever yields the chunks has checked them.
    """
    path = tree / entry.path
    if entry.kind == Kind.SYMLINK:
        content = b"".join(chunks)
        if mismatch and sha256(content).digest() != entry.hash:
            raise mismatch
        path.symlink_to(check_link_target(entry, content))
        return
    digest = sha256() if mismatch else None
    descriptor = _create(path, entry)
    try:
        for chunk in chunks:
            _write_all(descriptor, chunk)
            if digest:
                digest.update(chunk)
    finally:
        os.close(descriptor)
    if mismatch and digest and digest.digest() != entry.hash:
        raise mismatch


def _copy(source: Path, tree: Path, entry: Entry) -> None:
    """Clones or copies a file of the base, hashing what it holds. Raises BaseDrifted if that is not the object."""
    try:
        reading = os.open(source, os.O_RDONLY | _NO_FOLLOW)
    except OSError as error:
        raise drifted(source, f"cannot be read ({error.strerror})") from error
    try:
        writing = _create(tree / entry.path, entry)
        try:
            put: Callable[[int, bytes], object] = _skip if _clone(reading, writing) else _write_all
            digest = sha256()
            while chunk := os.read(reading, CHUNK_BYTES):
                digest.update(chunk)
                put(writing, chunk)
        finally:
            os.close(writing)
    finally:
        os.close(reading)
    if digest.digest() != entry.hash:
        raise drifted(source, "has changed")


def _create(path: Path, entry: Entry) -> int:
    mode = 0o777 if entry.kind == Kind.EXECUTABLE else 0o666  # less what the caller's umask takes
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW, mode)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _skip(descriptor: int, data: bytes) -> None:
    """The clone has these bytes already."""


def _clone(reading: int, writing: int) -> bool:
    """Whether the file system could share the blocks, as Btrfs and XFS do: FICLONE, ioctl_ficlone(2)."""
    if not sys.platform.startswith("linux"):
        return False
    import fcntl

    try:
        fcntl.ioctl(writing, _FICLONE, reading)
    except OSError:
        return False
    return True
