"""Pieces that lie on a disk already. They cost nothing, so they are taken before any link is used [T-93].

A store is a bundle file, whole or with holes, the partial file of another attempt, or a volume of `unrep export`. A
bundle of another release is one too, for some of its pieces may be the same. Every piece is verified like one from a
link. So a store that is torn, renamed or damaged costs only what it does not hold.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bundle.errors import Corrupt, Malformed, Refused
from bundle.format.layout import PREAMBLE_BYTES, read_preamble
from bundle.host import presence
from bundle.host.files import open_plain
from bundle.host.progress import Progress
from bundle.read.reader import VerifiedRoot, verify_header
from bundle.trust.trust import Trust
from transfer.corruption_tracker import BAD_PIECE_POINTS, DISTRUST_POINTS
from transfer.disk.partial import Partial, partial_path
from transfer.disk.volume import Volume, open_volume
from transfer.plan import FetchPlan, Slot
from transfer.source_layout import header_bytes_of

HOLE_BYTES = 64
MAX_FILES = 256  # in one directory; sticks hold photos


class Store(Protocol):
    """Something on a disk that may hold pieces of the bundle."""

    @property
    def path(self) -> Path:
        """What messages call it."""

    def read_piece(self, slot: Slot) -> bytes:
        """Unverified bytes, or none if they are not here. Raises OSError if the medium cannot be read."""


@dataclass(frozen=True)
class PlaceStore:
    """A file of the same bundle: every piece has its own place, which may be a hole.

    `shift_bytes`: so far behind their place in the output, as in `SourceLayout`.
    """

    path: Path
    shift_bytes: int

    def read_piece(self, slot: Slot) -> bytes:
        data = _read(self.path, slot.offset + self.shift_bytes, slot.length)
        return data if data.strip(b"\0") else b""


@dataclass(frozen=True)
class VolumeStore:
    """A volume of the same bundle. `shift_bytes` as above."""

    path: Path
    volume: Volume
    shift_bytes: int

    def read_piece(self, slot: Slot) -> bytes:
        return self.volume.read(slot.offset + self.shift_bytes, slot.length)


@dataclass(frozen=True)
class OtherBundle:
    """Another bundle: pieces are found by their hash, wherever they stand."""

    path: Path
    places: dict[bytes, tuple[int, int]]

    def read_piece(self, slot: Slot) -> bytes:
        offset, length = self.places.get(slot.tree.hash_of(slot.piece), (0, 0))
        return _read(self.path, offset, length) if length == slot.length else b""


@dataclass
class StoreHistory:
    """What came from stores: bytes by path, those that hold damaged pieces, and those that could not be read.

    A store that gave a damaged piece is asked after all others. One that does so again and again is dropped [T-137].
    """

    bytes_by_path: dict[Path, int] = field(default_factory=dict)
    damaged: set[Path] = field(default_factory=set)
    unreadable: set[Path] = field(default_factory=set)
    _points: Counter[Path] = field(default_factory=Counter)

    def order(self, stores: Sequence[Store]) -> Iterator[Store]:
        """Whom to ask for a piece, one after the other."""
        yield from (store for store in stores if store.path not in self.damaged)
        if self.damaged:
            yield from (store for store in stores if store.path in self.damaged and not self.is_dropped(store.path))

    def is_dropped(self, path: Path) -> bool:
        """Whether it is asked no more."""
        return self._points[path] >= DISTRUST_POINTS

    def add_good(self, path: Path, amount: int) -> None:
        """Counts a piece that matches its hash, of so many bytes."""
        self.bytes_by_path[path] = self.bytes_by_path.get(path, 0) + amount
        self._points[path] = max(0, self._points[path] - 1)

    def add_damaged(self, path: Path) -> None:
        """Counts a piece that does not."""
        self.damaged.add(path)
        self._points[path] += BAD_PIECE_POINTS


def find_stores(paths: Sequence[Path], verified: VerifiedRoot, trust: Trust, output: Path) -> list[Store]:
    """The stores among some files, and in some directories, for one bundle, without the output itself."""
    own = [path for path in (output, partial_path(output)) if presence.exists(path)]
    found: list[Store] = []
    for path in _files(paths):
        try:
            if not any(path.samefile(one) for one in own) and (store := _store(path, verified, trust)):
                found.append(store)
        except OSError:
            continue  # what it would have brought comes from elsewhere
    return found


def take_pieces(
    plan: FetchPlan, partial: Partial, stores: Sequence[Store], progress: Progress, history: StoreHistory
) -> None:
    """Writes every missing piece that one of the stores has, in the order of the file, tables first.

    Another pass is for pieces whose table was not there before. Raises DiskFull or OutputRefused.
    """
    while stores:
        gained = 0
        for slot in plan.missing():
            if slot.tree.knows(slot.piece) and _take(plan, partial, slot, stores, history):
                gained += slot.length
                progress.advance(slot.length)
        progress.advance(again := plan.examine(partial.read))
        if not gained + again:
            return


def _take(plan: FetchPlan, partial: Partial, slot: Slot, stores: Sequence[Store], history: StoreHistory) -> bool:
    for store in history.order(stores):
        try:
            data = store.read_piece(slot)
        except OSError:
            history.unreadable.add(store.path)
            continue
        if not data:
            continue
        try:
            piece = plan.accept(slot, data)
        except Corrupt:
            if not _has_hole(data, slot.length):
                history.add_damaged(store.path)
            continue
        partial.write(piece)
        history.add_good(store.path, slot.length)
        return True
    return False


def _has_hole(data: bytes, length: int) -> bool:
    """Whether a piece was not written whole, rather than wrong: a file may end, or have a hole, within it."""
    return len(data) < length or not (data[:HOLE_BYTES].strip(b"\0") and data[-HOLE_BYTES:].strip(b"\0"))


def _files(paths: Sequence[Path]) -> Iterable[Path]:
    """Each once, whether it is named, lies in a directory that is, or both: a damaged one is counted once [T-137]."""
    found: dict[Path, Path] = {}
    for path in paths:
        with suppress(OSError):
            for file in sorted(path.iterdir())[:MAX_FILES] if presence.is_directory(path) else [path]:
                found.setdefault(file.absolute(), file)
    return found.values()


def _store(path: Path, verified: VerifiedRoot, trust: Trust) -> Store | None:
    """What that file is for us. Raises OSError."""
    if not presence.is_file(path):
        return None
    try:
        volume = open_volume(path)
        own_bytes = header_bytes_of(volume.prefix(), verified)
        return VolumeStore(path, volume, own_bytes - verified.header_bytes) if own_bytes else None
    except Malformed:
        prefix = _read_header(path)
    if own_bytes := header_bytes_of(prefix, verified):
        return PlaceStore(path, own_bytes - verified.header_bytes)
    try:
        return OtherBundle(path, _places(path, verify_header(prefix, trust)))
    except Refused:
        return None


def _read_header(path: Path) -> bytes:
    head = _read(path, 0, PREAMBLE_BYTES)
    try:
        return _read(path, 0, read_preamble(head).header_bytes)
    except Refused:
        return b""


def _places(path: Path, verified: VerifiedRoot) -> dict[bytes, tuple[int, int]]:
    """(offset, length) of each piece that a verified table of a bundle names, by its hash."""
    places: dict[bytes, tuple[int, int]] = {}
    for section in verified.root.sections:
        tree = verified.hash_tree(section)
        pieces = list(verified.pieces(section))
        for offset, piece in pieces:
            if not tree.knows(piece):
                continue
            places[tree.hash_of(piece)] = offset, piece.length
            if piece.level < pieces[-1][1].level:
                with suppress(Corrupt):  # a hole, or damage: what that table names is not found
                    tree.verify(piece, _read(path, offset, piece.length))
    return places


def _read(path: Path, offset: int, length: int) -> bytes:
    with open_plain(path, buffered=True) as file:
        file.seek(offset)
        return file.read(length)
