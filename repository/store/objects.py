"""The object store [P-4]: an object stands under its SHA-256 whole, or not at all.

New objects are written into `incoming/`, made durable together, and then renamed to their places: one sync for a whole
release instead of one for each file. The manifest is written after them. So a manifest that is there has its objects.
"""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

from bundle.errors import BaseMismatch, Corrupt, InputError, Malformed
from bundle.format.compressed_file import read_compressed, write_compressed
from bundle.format.manifest import TreeManifest
from bundle.format.objects import read_all
from bundle.format.root import Platform
from bundle.host import presence
from bundle.host.directories import Directory
from bundle.host.files import create_anew, make_directory, open_plain, read_plain
from bundle.host.progress import Progress
from bundle.read.tree import DirectoryBase
from repository.errors import Damaged
from repository.layout import Repository
from repository.storage import STORAGE

_ADVICE = "; 'unrep repo import' of that release, from a directory or a bundle, brings it back"


class ObjectStore:
    """Objects and manifests of a repository."""

    def __init__(self, repository: Repository, platform: Platform) -> None:
        self._repository = repository
        self._platform = platform

    def has(self, digest: bytes) -> bool:
        """Whether an object stands there. Raises StorageFailed."""
        path = self._repository.object_file(digest)
        with STORAGE.errors(path):
            return presence.exists(path)

    def is_sound(self, digest: bytes, size: int) -> bool:
        """Whether it stands there whole. Raises StorageFailed."""
        try:
            for _ in self.read(digest, size):
                pass
        except Damaged:
            return False
        return True

    def read(self, digest: bytes, size: int) -> Iterator[bytes]:
        """An object, chunk by chunk, verified by the end. Raises Damaged or StorageFailed."""
        path = self._repository.object_file(digest)
        try:
            with open_plain(path) as file:
                yield from read_compressed(file, size, digest)
        except Corrupt as error:
            raise Damaged(f"{path}: {error}{_ADVICE}") from error
        except FileNotFoundError as error:
            raise Damaged(f"{path}: is missing{_ADVICE}") from error
        except OSError as error:
            with STORAGE.errors(path):
                raise error from None

    def path(self, digest: bytes) -> Path:
        """The file of an object."""
        return self._repository.object_file(digest)

    def manifest(self, tree: bytes) -> TreeManifest:
        """The manifest of a tree. Raises Damaged or StorageFailed."""
        path = self._repository.manifest_file(tree)
        with STORAGE.errors(path):
            if not presence.exists(path):
                raise Damaged(f"{path}: is missing{_ADVICE}")
            data = read_plain(path)
        if sha256(data).digest() != tree:
            raise Damaged(f"{path}: its bytes are not the ones that were stored{_ADVICE}")
        try:
            return TreeManifest.decode(data, self._platform)
        except Malformed as error:
            raise Damaged(f"{path}: {error}") from error

    def has_tree(self, tree: bytes) -> bool:
        """Whether its manifest, and so all of it, is there. Raises StorageFailed."""
        path = self._repository.manifest_file(tree)
        with STORAGE.errors(path):
            return presence.exists(path)

    @contextmanager
    def intake(self) -> Iterator["Intake"]:
        """Takes new objects in. They are there once the block has ended without an error."""
        incoming = self._repository.incoming
        STORAGE.remove_tree(incoming)  # of a run that was killed
        with STORAGE.errors(incoming):
            make_directory(incoming)
        try:
            taken = Intake(self._repository, self)
            yield taken
            taken.settle()
        finally:
            STORAGE.remove_tree(incoming)

    def add_manifest(self, manifest: TreeManifest) -> None:
        """Adds the manifest of a tree, whose objects are all there. Raises StorageFailed or DiskFull."""
        path = self._repository.manifest_file(manifest.tree_hash)
        STORAGE.write_file(path, manifest.encoded)

    def add_directory(self, tree: DirectoryBase, progress: Progress, *, repair: bool = False) -> int:
        """Adds a release directory, and returns how many objects were new. `repair`: or damaged before.

        Raises InputError, StorageFailed or DiskFull.
        """
        manifest = tree.manifest
        wanted = {entry.hash: place for place, entry in enumerate(manifest.entries, 1) if entry.size}  # each once
        there = self.is_sound if repair else lambda digest, _: self.has(digest)
        places = [place for digest, place in wanted.items() if not there(digest, manifest.entry(place).size)]
        with self.intake() as intake:
            progress.start("storing", len(places), "files")
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                for _ in pool.map(lambda place: intake.put_place(tree, place), places):
                    progress.advance(1)
            progress.finish()
        self.add_manifest(manifest)
        return len(places)


class Intake:
    """Objects on their way into a store. Threads may put different ones at one time."""

    def __init__(self, repository: Repository, store: ObjectStore) -> None:
        self._repository = repository
        self._store = store
        self._put: dict[bytes, str] = {}  # hash -> name of the file
        self._made = count()

    def put_place(self, tree: DirectoryBase, place: int) -> None:
        """Takes the object at a place of a release directory. Raises InputError if it is another by now."""
        entry = tree.manifest.entry(place)
        try:
            self.put(entry.hash, entry.size, read_all(tree.open(place)))
        except (BaseMismatch, Corrupt) as error:
            raise InputError(
                f"{tree.directory / entry.path}: changed while it was read; run again once nothing changes it"
            ) from error

    def put(self, digest: bytes, size: int, chunks: Iterable[bytes]) -> None:
        """Takes an object. Raises Corrupt if it is not the one of that hash, StorageFailed or DiskFull."""
        path = self._repository.incoming / digest.hex()
        content = sha256()
        with STORAGE.errors(path), create_anew(path) as file:
            write_compressed(file, _hashed(chunks, content, size), size)
        if content.digest() != digest:
            raise Corrupt(f"object {digest.hex()[:12]}: other bytes came")
        self._put[digest] = path.name

    def put_made(self, size: int, chunks: Iterable[bytes]) -> None:
        """Takes an object whose hash is known only once its chunks are read. Raises as they do, and as `put`.

        What the store has already, and whole, stays as it is.
        """
        path = self._repository.incoming / f"made-{next(self._made)}"
        content = sha256()
        with STORAGE.errors(path), create_anew(path) as file:
            write_compressed(file, _hashed(chunks, content, size), size)
        if not self._store.is_sound(content.digest(), size):
            self._put[content.digest()] = path.name

    def settle(self) -> None:
        """Makes all of them durable and gives them their names."""
        STORAGE.sync_tree(self._repository.incoming)
        shards: dict[Path, list[bytes]] = defaultdict(list)
        for digest in self._put:
            shards[self._repository.object_file(digest).parent].append(digest)
        with STORAGE.errors(self._repository.objects), Directory.open(self._repository.incoming) as incoming:
            for shard, digests in sorted(shards.items()):
                make_directory(shard)
                with Directory.open(shard) as place:
                    for digest in digests:
                        incoming.move(self._put[digest], place, digest.hex())
                    place.sync()
        STORAGE.sync_directory(self._repository.objects)


def _hashed(chunks: Iterable[bytes], digest: Any, size: int) -> Iterator[bytes]:
    """Hashes what passes. A content of another length is cut or filled, for its hash tells."""
    left = size
    for chunk in chunks:
        digest.update(chunk)
        yield chunk[:left]
        left -= min(left, len(chunk))
    while left:
        filling = bytes(min(left, 1 << 20))
        left -= len(filling)
        yield filling


def objects_of(manifest: TreeManifest) -> dict[bytes, int]:
    """The objects of a tree, each with its size in bytes."""
    return {entry.hash: entry.size for entry in manifest.entries if entry.size}
