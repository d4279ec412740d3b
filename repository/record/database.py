"""The releases, bundles and channels of a repository, one transaction for each change [P-5].

SQLite with a rollback journal and synchronous=EXTRA: a change has happened when its call returns, and a power cut
leaves the file before or after it. No write-ahead log: a repository may lie on a share, where that does not work.
"""

import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, Literal

from bundle.host.sqlite_address import sqlite_address
from bundle.host.storage import is_full
from repository.errors import DiskFull, NotARepository, StorageFailed
from repository.record import schema
from transfer.channels.channel import next_counter

Origin = Literal["released", "imported"]
State = Literal["built", "published", "retired"]

LOCK_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Release:
    """A release. `size`: bytes of its files. `added`: when it came into the repository, in seconds since 1970."""

    version: str
    epoch: int
    seq: int
    tree: bytes
    size: int
    entries: int
    origin: Origin
    added: float = 0.0

    @property
    def order(self) -> tuple[int, int]:
        """What grows from release to release."""
        return self.epoch, self.seq


@dataclass(frozen=True)
class Bundle:
    """A bundle of a release. `file`: its name at destinations, `path`: that in `bundles/`; sizes in bytes.

    `full`: what a ship without a base fetches, 0 if it has no full section. `bases`: what one with that tree fetches.
    """

    file: str
    release: str
    path: str
    length: int
    root: bytes
    header: int
    full: int
    bases: dict[bytes, int]
    state: State
    added: float = 0.0


@dataclass(frozen=True)
class Channel:
    """A channel: the release that it names, and the counter of its file, which only grows."""

    name: str
    release: str
    counter: int
    moved: float


class Record:
    """The database of a repository, open. Use as a context manager. Whoever writes holds the repository's lock."""

    def __init__(self, path: Path) -> None:
        """Raises NotARepository, NewerRepository, StorageFailed or DiskFull."""
        self._path = path
        with self._errors():
            self._database = _connected(path, "rw")
            schema.check(self._database, path)

    @staticmethod
    def make(path: Path) -> None:
        """A new file with empty tables. Raises StorageFailed or DiskFull."""
        with _errors(path):
            database = _connected(path, "rwc")
            try:
                database.execute("BEGIN IMMEDIATE")
                schema.make(database)
                database.execute("COMMIT")
            finally:
                database.close()

    def __enter__(self) -> "Record":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file. Every change is durable already."""
        self._database.close()

    def releases(self) -> list[Release]:
        """All releases, the oldest first."""
        return [Release(*row) for row in self._all("SELECT * FROM release ORDER BY epoch, seq")]

    def release(self, version: str) -> Release | None:
        """The release of that version."""
        return next((release for release in self.releases() if release.version == version), None)

    def add_release(self, release: Release) -> None:
        """Adds a release."""
        with self._transaction() as database:
            values = (*astuple(release)[:-1], time.time())
            database.execute("INSERT INTO release VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)

    def bundles(self, *states: State) -> list[Bundle]:
        """The bundles in these states, all by default; those of the oldest release first."""
        bases: dict[str, dict[bytes, int]] = {}
        for file, tree, count in self._all("SELECT bundle, tree, bytes FROM base ORDER BY rowid"):
            bases.setdefault(file, {})[tree] = count
        rows = self._all(
            "SELECT bundle.* FROM bundle JOIN release ON release.version = bundle.release "
            "ORDER BY epoch, seq, bundle.added"
        )
        found = [Bundle(*row[:7], bases.get(row[0], {}), *row[7:]) for row in rows]  # type: ignore[call-arg]
        return [bundle for bundle in found if not states or bundle.state in states]

    def add_bundle(self, bundle: Bundle) -> None:
        """Adds a bundle with its bases."""
        with self._transaction() as database:
            values = [getattr(bundle, name) for name in _BUNDLE]
            database.execute("INSERT INTO bundle VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*values, time.time()))
            rows = [(bundle.file, tree, count) for tree, count in bundle.bases.items()]
            database.executemany("INSERT INTO base VALUES (?, ?, ?)", rows)

    def change(self, states: dict[str, State], channels: dict[str, str], seen: int = 0) -> list[Channel]:
        """Gives bundles another state and lets channels name releases, in one step.

        The counter of each of these channels grows, beyond `seen` too: the highest at a destination. Returns them.
        """
        before = {channel.name: channel.counter for channel in self.channels()}
        now = time.time()
        moved = [
            Channel(name, version, next_counter(max(before.get(name, 0), seen), now), now)
            for name, version in channels.items()
        ]
        with self._transaction() as database:
            rows = [(state, file) for file, state in states.items()]
            database.executemany("UPDATE bundle SET state = ? WHERE file = ?", rows)
            database.executemany("INSERT OR REPLACE INTO channel VALUES (?, ?, ?, ?)", map(astuple, moved))
        return moved

    def take_over(self, name: str, version: str, counter: int) -> None:
        """Lets a channel name what its file at a destination does, of which the record has lost sight."""
        with self._transaction() as database:
            row = astuple(Channel(name, version, counter, time.time()))
            database.execute("INSERT OR REPLACE INTO channel VALUES (?, ?, ?, ?)", row)

    def strange_trees(self) -> set[bytes]:
        """The trees of no release that a person named as bases."""
        return {row[0] for row in self._all("SELECT tree FROM strange")}

    def add_strange_tree(self, tree: bytes) -> None:
        """Adds one of them, whose contents are stored."""
        with self._transaction() as database:
            database.execute("INSERT OR IGNORE INTO strange VALUES (?)", (tree,))

    def forget(self, files: Iterable[str], versions: Iterable[str], trees: Iterable[bytes] = ()) -> None:
        """Removes bundles, then releases that have none left, and strange trees."""
        with self._transaction() as database:
            database.executemany("DELETE FROM bundle WHERE file = ?", [(file,) for file in files])
            database.executemany("DELETE FROM release WHERE version = ?", [(version,) for version in versions])
            database.executemany("DELETE FROM strange WHERE tree = ?", [(tree,) for tree in trees])

    def channels(self) -> list[Channel]:
        """All channels that name a release."""
        return [Channel(*row) for row in self._all("SELECT * FROM channel ORDER BY name")]

    def channel(self, name: str) -> Channel | None:
        """The channel of that name."""
        return next((channel for channel in self.channels() if channel.name == name), None)

    def has_part(self, name: str) -> bool:
        """Whether another part of the program has tables in the file."""
        return bool(self._all("SELECT 1 FROM part WHERE name = ?", name))

    def check_integrity(self) -> list[str]:
        """What SQLite finds wrong with the file, in its words; nothing if it is sound."""
        found = [str(row[0]) for row in self._all("PRAGMA integrity_check")]
        return [] if found == ["ok"] else found

    def _all(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._errors():
            return self._database.execute(statement, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._errors():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:  # a full disk has ended it already
                    self._database.execute("ROLLBACK")
                raise

    def _errors(self) -> Any:
        return _errors(self._path)


_BUNDLE = ("file", "release", "path", "length", "root", "header", "full", "state")


def _connected(path: Path, mode: str) -> sqlite3.Connection:
    address = sqlite_address(path, f"mode={mode}")
    database = sqlite3.connect(address, timeout=LOCK_TIMEOUT_S, isolation_level=None, uri=True)
    database.execute("PRAGMA synchronous = EXTRA")
    database.execute("PRAGMA foreign_keys = ON")
    return database


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    """SQLite's errors in our words."""
    try:
        yield
    except OSError as error:
        raise (DiskFull if is_full(error) else StorageFailed)(f"{path}: {error.strerror}") from error
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", None)
        if code == sqlite3.SQLITE_FULL:
            raise DiskFull(f"{path}: no space left on its file system: free some and run again") from error
        if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT) or "no such table" in str(error):
            raise NotARepository(f"{path}: is damaged, or no database; restore it from a backup") from error
        raise StorageFailed(f"{path}: {error}; run again, the repository is as it was") from error
