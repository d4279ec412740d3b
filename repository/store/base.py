"""A tree of the store as the base of a build: its objects are read where they stand, without a checkout."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bundle.errors import BaseMismatch, InputError
from bundle.format.contents import Compressed, Content
from bundle.format.manifest import TreeManifest
from bundle.format.objects import FileObject, MemoryObject, Readable
from bundle.host import presence
from bundle.host.files import create_buffered, open_plain, whole_or_none
from bundle.host.temporary_files import temporary_directory
from repository.errors import Damaged
from repository.store.objects import ObjectStore

# A worker unpacks a smaller object anew each time it reads one. A larger one is unpacked once, into a temporary file.
IN_MEMORY_BYTES = 1024 * 1024


class StoredTree:
    """A `BuildBase` of a repository. `scratch` takes large objects while they are needed."""

    def __init__(self, store: ObjectStore, manifest: TreeManifest, name: str, scratch: Path) -> None:
        self._store = store
        self._scratch = scratch
        self.manifest = manifest
        self.name = name

    def open(self, place: int) -> Readable:
        """The object at a place. Raises BaseMismatch if it is damaged."""
        entry = self.manifest.entry(place)
        try:
            if entry.size > IN_MEMORY_BYTES:
                path = self._unpacked(entry.hash, entry.size)
                return FileObject(open_plain(path), entry.size, path)
            return MemoryObject(b"".join(self._store.read(entry.hash, entry.size)))
        except Damaged as error:
            raise BaseMismatch(str(error)) from error

    def content(self, place: int) -> Content:
        """Where workers find it. Raises InputError if a large one is damaged."""
        entry = self.manifest.entry(place)
        if entry.size <= IN_MEMORY_BYTES:
            return Compressed(self._store.path(entry.hash), entry.size, entry.hash, 0, entry.size)
        try:
            return self._unpacked(entry.hash, entry.size)
        except Damaged as error:
            raise InputError(str(error)) from error

    def _unpacked(self, digest: bytes, size: int) -> Path:
        path = self._scratch / digest.hex()
        if not presence.exists(path):
            with whole_or_none(path, create_buffered(path)) as file:
                for chunk in self._store.read(digest, size):
                    file.write(chunk)
        return path


@contextmanager
def stored_trees(store: ObjectStore, names: dict[bytes, str]) -> Iterator[list[StoredTree]]:
    """The trees of these hashes, each with what messages call it. Raises Damaged, StorageFailed or NoRoom."""
    with temporary_directory("unrep-bases-") as scratch:
        yield [StoredTree(store, store.manifest(tree), name, scratch) for tree, name in names.items()]
