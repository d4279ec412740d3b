"""The site's durable memory: its state, and one record of every run. spec/apply.md, section 2.

SQLite in WAL mode with synchronous=FULL: a save has happened when it returns, and a power cut leaves the state before
or after it. The last few states stay, each with a checksum: should a medium spoil the newest, the one before is used
[A-7]. The records of runs form a chain (apply.record.chain).
"""

import hashlib
import json
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from apply.errors import DiskFull, SiteInvalid, StorageFailed
from apply.record import schema
from apply.record.chain import START, Link, head_after
from apply.record.state import SiteState
from apply.site import durable
from apply.site.layout import Site
from bundle.host import presence
from bundle.host.sqlite_address import sqlite_address
from bundle.host.storage import is_full
from bundle.names.plain_text import each_text, plain
from bundle.receipts.receipt import mark_of

STATES_KEPT = 20
RECEIPTS_KEPT = 1024
_LEAST_FREE_BYTES = 64 * 1024  # SQLite's index of its log takes half of that
LOCK_TIMEOUT_S = 5.0  # for a lock that another process has on the record


@dataclass(frozen=True)
class ReceiptPlace:
    """Where a receipt stands: its number and the mark of the one before it [C-8], and the latest run on record."""

    number: int
    before: bytes
    record: int
    head: str


class Record:
    """The record of one site, open for writing by the run that holds the site's lock.

    before_s: when the state that it was opened with was saved, in seconds since 1970; 0 if that is not known.
    """

    def __init__(self, site: Site) -> None:
        """Raises StorageFailed, DiskFull, or SiteInvalid for a file that is no record of unrep, or of a newer one."""
        self._path = site.state_file
        is_new = not presence.exists(self._path)
        with self._errors():
            self._database = sqlite3.connect(self._path, timeout=LOCK_TIMEOUT_S, isolation_level=None)
            self._database.text_factory = _text
            # Readers such as `status` go on while a run writes, and a commit costs one sync, of the log.
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=FULL")
            if schema.version_of(self._database, self._path) < schema.VERSION:
                with self._transaction() as database:
                    schema.bring_up(database)
            self._state = _newest(self._database, self._path)
            self.before_s = _last_saved(self._database)
        if is_new:
            durable.sync_directory(self._path.parent)

    @property
    def state(self) -> SiteState:
        """The state last saved."""
        return self._state

    def save(self, state: SiteState) -> None:
        """Makes the state durable. Raises StorageFailed or DiskFull. Then the state before stays."""
        if state == self._state:
            return
        # Several states stay, so that one that a medium spoils has a predecessor to go by.
        document = msgspec.json.encode(_plain(msgspec.to_builtins(state))).decode()
        with self._errors(), self._transaction() as database:
            row = database.execute(
                "INSERT INTO states (document, sha256, saved_at) VALUES (?, ?, ?)",
                (document, _checksum(document), time.time()),
            )
            database.execute("DELETE FROM states WHERE number <= ?", ((row.lastrowid or 0) - STATES_KEPT,))
        self._state = state

    def append(self, run: dict[str, Any], sign: Callable[[ReceiptPlace], bytes] | None = None) -> None:
        """Adds the record of a run [A-8], and in the same step the receipt that `sign` makes for its place.

        Raises StorageFailed or DiskFull. Then neither was added.
        """
        document = json.dumps(_plain(run))
        with self._errors(), self._transaction() as database:
            # Read within the transaction: the head must be that of the record that really comes before.
            last = database.execute("SELECT head FROM runs ORDER BY number DESC LIMIT 1").fetchone()
            head = head_after(str(last[0]) if last else START, document)
            database.execute("INSERT INTO runs (document, head) VALUES (?, ?)", (document, head))
            if sign:
                _add_receipt(database, sign)

    def add_receipt(self, sign: Callable[[ReceiptPlace], bytes]) -> None:
        """Adds a receipt without a run. Raises StorageFailed or DiskFull."""
        with self._errors(), self._transaction() as database:
            _add_receipt(database, sign)

    def undelivered(self, way: str) -> list[tuple[int, bytes]]:
        """The receipts that were not taken yet on that way home, the oldest first. Raises StorageFailed."""
        with self._errors():
            rows = self._database.execute(
                "SELECT number, receipt FROM receipts WHERE number > "
                "COALESCE((SELECT number FROM deliveries WHERE way = ?), 0) ORDER BY number",
                (way,),
            )
            return rows.fetchall()

    def delivered(self, way: str, number: int) -> None:
        """The receipts up to that one were taken on that way, durably. Raises StorageFailed or DiskFull."""
        with self._errors(), self._transaction() as database:
            database.execute(
                "INSERT INTO deliveries (way, number) VALUES (?, ?) "
                "ON CONFLICT (way) DO UPDATE SET number = excluded.number",
                (way, number),
            )

    def prune(self, keep: int, figures: Callable[[str, Iterator[Link]], str]) -> None:
        """Removes all but the last `keep` runs. `figures`: those of earlier pruned runs, with these added, as JSON.

        Raises StorageFailed or DiskFull.
        """
        with self._errors(), self._transaction() as database:
            rows = database.execute(
                "SELECT number, document, head FROM runs ORDER BY number LIMIT MAX(0, (SELECT COUNT(*) FROM runs) - ?)",
                (keep,),
            )
            links = [Link(number, str(document), str(head)) for number, document, head in rows]
            if not links:
                return
            before, last = _pruned(database), links[-1]
            told = figures(before.figures if before else "", iter(links))
            database.execute("DELETE FROM pruned")
            database.execute(
                "INSERT INTO pruned (number, head, figures) VALUES (?, ?, ?)", (last.number, last.head, told)
            )
            database.execute("DELETE FROM runs WHERE number <= ?", (last.number,))

    def count_runs(self) -> int:
        """How many runs are on record. Raises StorageFailed."""
        with self._errors():
            return int(self._database.execute("SELECT COUNT(*) FROM runs").fetchone()[0])

    def close(self) -> None:
        """Closes the file. Everything saved is durable already."""
        self._database.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield self._database
            self._database.execute("COMMIT")
        except BaseException:
            # After some errors, such as a full disk, SQLite has rolled back by itself.
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise

    def _errors(self) -> AbstractContextManager[None]:
        return _sqlite_errors(str(self._path))


def read_state(site: Site) -> SiteState:
    """The state of a site, without its lock and without writing; SiteState() where nothing was ever installed.

    Raises StorageFailed or SiteInvalid.
    """
    with _reading(site) as database:
        return _newest(database, site.state_file) if database else SiteState()


def check_predecessor(site: Site) -> None:
    """Raises SiteInvalid if a run of this program would make tables on which the one before cannot work [A-234];
    StorageFailed."""
    with _reading(site) as database:
        if database and schema.version_of(database, site.state_file) < schema.OLDEST:
            raise SiteInvalid(
                f"{site.state_file}: this unrep would make tables of it that the one before cannot use; "
                "take the release between them first"
            )


def read_receipts(site: Site, after: int = 0) -> list[tuple[int, bytes]]:
    """The receipts with a higher number than `after` that are kept, the oldest first, without the site's lock.

    Raises StorageFailed or SiteInvalid.
    """
    with _reading(site) as database:
        if not database or schema.version_of(database, site.state_file) < schema.VERSION:
            return []
        rows = database.execute("SELECT number, receipt FROM receipts WHERE number > ? ORDER BY number", (after,))
        return [(int(number), bytes(receipt)) for number, receipt in rows]


@dataclass(frozen=True)
class Runs:
    """The records of runs, the oldest first. chained: False for a record that an unrep without chains wrote.

    last_number: the highest that was ever given. pruned: of those that are no longer there.
    """

    links: Iterator[Link]
    last_number: int = 0
    chained: bool = True
    pruned: "Pruned | None" = None


@dataclass(frozen=True)
class Pruned:
    """Records that were removed at the beginning of the chain: number and head of the last, figures of all as JSON."""

    number: int
    head: str
    figures: str


@contextmanager
def open_runs(site: Site) -> Iterator[Runs]:
    """All records, without the site's lock, to be read one after the other. Raises StorageFailed or SiteInvalid."""
    with _reading(site) as database:
        if not database:
            yield Runs(iter(()))
            return
        chained = schema.version_of(database, site.state_file) > 0
        head = "head" if chained else "''"
        rows = database.execute(f"SELECT number, document, {head} FROM runs ORDER BY number")  # noqa: S608 - two choices
        last = database.execute("SELECT seq FROM sqlite_sequence WHERE name = 'runs'").fetchone()
        links = (Link(number, str(document), str(head)) for number, document, head in rows)
        yield Runs(links, last[0] if last else 0, chained, _pruned(database) if chained else None)


def read_pruned_figures(site: Site) -> str:
    """The figures of the runs whose records are no longer kept, as JSON; "" for none. Raises as `open_runs`."""
    with open_runs(site) as runs:
        return runs.pruned.figures if runs.pruned else ""


@contextmanager
def _reading(site: Site) -> Iterator[sqlite3.Connection | None]:
    """The record, None if nothing was ever saved in it: a first run may have died while it made the file."""
    with durable.storage_errors(site.state_file):
        unmade = presence.exists(
            site.state_file.with_name("state.db-journal")
        )  # in use only until the log takes its place
        is_there = presence.exists(site.state_file) and not unmade
    if not is_there:
        yield None
        return
    with _sqlite_errors(str(site.state_file)):
        # Without a log nobody has it open, and it is read as it stands. Otherwise SQLite would make files beside it.
        mode = "mode=ro" if presence.exists(site.state_file.with_name("state.db-wal")) else "immutable=1"
        database = sqlite3.connect(sqlite_address(site.state_file, mode), uri=True)
        database.text_factory = _text
        try:
            made = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'runs'").fetchone()  # the last table
            yield database if made else None
        finally:
            database.close()


def _add_receipt(database: sqlite3.Connection, sign: Callable[[ReceiptPlace], bytes]) -> None:
    """In the caller's transaction, so that no two receipts have a number and none is left out."""
    run = database.execute("SELECT number, head FROM runs ORDER BY number DESC LIMIT 1").fetchone()
    last = database.execute("SELECT number, receipt FROM receipts ORDER BY number DESC LIMIT 1").fetchone()
    number = last[0] + 1 if last else 1
    record, head = (int(run[0]), str(run[1])) if run else (0, "")
    receipt = sign(ReceiptPlace(number, mark_of(last[1]) if last else b"", record, head))
    database.execute("INSERT INTO receipts (number, receipt) VALUES (?, ?)", (number, receipt))
    database.execute("DELETE FROM receipts WHERE number <= ?", (number - RECEIPTS_KEPT,))


def _pruned(database: sqlite3.Connection) -> Pruned | None:
    if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'pruned'").fetchone():
        return None  # a record of an older unrep
    row = database.execute("SELECT number, head, figures FROM pruned").fetchone()
    return Pruned(int(row[0]), str(row[1]), str(row[2])) if row else None


def _text(stored: bytes) -> str:
    """Any bytes as text: whether a medium has spoiled them, the checksum or the chain shows."""
    return stored.decode(errors="surrogateescape")


def _plain(values: dict[str, Any]) -> Any:
    """With each text in it plain [A-95]: whoever reads a record, by whatever means, reads lines."""
    return each_text(values, plain)


def _newest(database: sqlite3.Connection, path: object) -> SiteState:
    """The newest state whose checksum holds. Raises SiteInvalid if there are states and none of them is whole."""
    schema.version_of(database, path)
    rows = database.execute("SELECT document, sha256 FROM states ORDER BY number DESC").fetchall()
    for document, checksum in rows:
        if _checksum(document) == checksum:
            try:
                return msgspec.json.decode(document, type=SiteState)
            except msgspec.MsgspecError as error:
                raise SiteInvalid(f"{path}: written by another version of unrep ({error}); use that one") from error
    if rows:
        raise SiteInvalid(f"{path}: every state in it is damaged; put back a backup of it, or ask ashore")
    return SiteState()


def _last_saved(database: sqlite3.Connection) -> float:
    row = database.execute("SELECT saved_at FROM states ORDER BY number DESC LIMIT 1").fetchone()
    return float(row[0]) if row else 0.0


def _checksum(document: object) -> str:
    return hashlib.sha256(str(document).encode(errors="surrogateescape")).hexdigest()


def _is_full(error: sqlite3.Error, path: str) -> bool:
    """Whether no space is left: for the files beside the record SQLite reports that as any other error of the disk."""
    code = getattr(error, "sqlite_errorcode", 0)
    # The low byte is the kind of error; the rest says which call failed.
    if code & 0xFF not in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        return bool(code == sqlite3.SQLITE_FULL)
    # SQLite keeps no reason. A call may have failed for want of space that is free again by now, so a write of as many
    # bytes as SQLite had to write says more than the figures of the file system: for a quota it alone says anything.
    with suppress(OSError):
        if shutil.disk_usage(Path(path).parent).free < _LEAST_FREE_BYTES:
            return True
    return _takes_no_more(Path(path).parent)


def _takes_no_more(directory: Path) -> bool:
    """Whether a new file of _LEAST_FREE_BYTES there finds no space."""
    try:
        with tempfile.TemporaryFile(dir=directory) as file:
            file.write(bytes(_LEAST_FREE_BYTES))
            file.flush()
    except OSError as error:
        return is_full(error)
    return False


@contextmanager
def _sqlite_errors(path: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        if _is_full(error, path):
            raise DiskFull(f"{path}: no space left on its file system: free some and run again") from error
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB:
            raise SiteInvalid(f"{path}: not a record of unrep, or damaged; put back a backup of it") from error
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
            raise StorageFailed(f"{path}: {error}, by another process; end that and run again") from error
        raise StorageFailed(f"{path}: {error}") from error
