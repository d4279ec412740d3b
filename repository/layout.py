"""Where everything stands in a repository [P-1], and the lock that one process at a time holds [P-2].

repo.toml      what it is for, who signs, where releases go          a person edits it
repo.db        releases, bundles, channels (repository.record)
objects/ab/…   contents by SHA-256, compressed (repository.store)
manifests/…    tree manifests by tree hash
bundles/       every bundle that is published, with its sidecars
incoming/      what is being stored; left-overs of a killed run go with the next
lock
"""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bundle.host import presence
from bundle.host.locks import LockTaken, held
from repository.errors import NotARepository, RepositoryBusy
from repository.storage import STORAGE


@dataclass(frozen=True)
class Repository:
    """The paths of a repository. `at` finds one that is there."""

    root: Path

    @classmethod
    def at(cls, root: Path) -> "Repository":
        """Raises NotARepository, naming what is missing; StorageFailed for a share that is gone."""
        found = cls(root.absolute())
        with STORAGE.errors(root):
            if not presence.is_directory(root):
                raise NotARepository(f"{root}: no such directory; make a repository with 'unrep repo init'")
            for path in (found.settings_file, found.database_file, found.objects, found.manifests):
                if not presence.exists(path):
                    raise NotARepository(
                        f"{root}: is no repository, {path.name} is missing; name another, or make one with "
                        "'unrep repo init'"
                    )
        return found

    @property
    def settings_file(self) -> Path:
        return self.root / "repo.toml"

    @property
    def database_file(self) -> Path:
        return self.root / "repo.db"

    @property
    def objects(self) -> Path:
        return self.root / "objects"

    @property
    def manifests(self) -> Path:
        return self.root / "manifests"

    @property
    def bundles(self) -> Path:
        return self.root / "bundles"

    @property
    def incoming(self) -> Path:
        return self.root / "incoming"

    def object_file(self, digest: bytes) -> Path:
        """Where the object of that SHA-256 stands."""
        return self.objects / digest.hex()[:2] / digest.hex()

    def manifest_file(self, tree: bytes) -> Path:
        """Where the tree manifest of that hash stands."""
        return self.manifests / tree.hex()

    @contextmanager
    def locked(self, doing: str) -> Iterator[None]:
        """Holds the lock. `doing`: what others are told, such as "releasing 1.0.3".

        Raises RepositoryBusy, naming who holds it; StorageFailed.
        """
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        holder = f"process {os.getpid()} on {socket.gethostname()} is {doing} since {since}"
        path = self.root / "lock"
        try:
            with STORAGE.errors(path):
                lock = held(path, holder.encode(errors="replace")[:500])
                lock.__enter__()
        except LockTaken as taken:
            who = taken.holder.decode("utf-8", "replace").strip() or "another process is at work"
            raise RepositoryBusy(f"{self.root}: {who}; run again when that is done") from taken
        try:
            yield
        finally:
            lock.__exit__(None, None, None)
