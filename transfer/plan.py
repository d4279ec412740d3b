"""What to fetch: pure rules from a verified root, what the site holds, and which pieces are there already.

A plan lists the pieces of the wanted sections in the order of the file. Hash tables stand before what they name, so a
run of pieces that is read in order can be verified piece by piece.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from bundle.errors import Corrupt, NoSection
from bundle.pieces import HashTree, Piece
from bundle.reader import VerifiedRoot, stored_bytes
from bundle.root import Root, Section
from transfer.errors import ConsentNeeded

HASHES_SHOWN = 5


@dataclass(frozen=True)
class SiteHoldings:
    """The tree hashes of the releases that a site holds verified, the current one first.

    `is_empty`: nothing was ever installed there. A site that holds no verified release need not be empty. `left`: the
    tree hashes of what is left of damaged ones; asked for only where no delta starts from the others [T-31].
    """

    trees: tuple[bytes, ...]
    is_empty: bool
    left: Callable[[], Sequence[bytes]] = tuple


def choose_sections(root: Root, holdings: SiteHoldings | None, allow_full: bool) -> tuple[Section, ...]:
    """The sections to fetch: all without a site, else the one that costs its site least; none if it has the target.

    [T-4] to [T-6]. Raises NoSection if the bundle has nothing for the site, ConsentNeeded if it has the full release
    only: that is never fetched in place of a delta unless somebody said so.
    """
    if holdings is None:
        return tuple(root.sections)
    if root.tree in holdings.trees:
        return ()
    deltas = _deltas(root, holdings.trees) or (_deltas(root, holdings.left()) if holdings.trees else [])
    if deltas:
        return (min(deltas, key=lambda section: stored_bytes(root, section)),)
    full = root.full_section()
    what = f"this bundle of {root.product} {root.version} holds deltas from {_shown(root.bases())}"
    held = f"the site holds {_shown(holdings.trees)}"
    if full is None:
        raise NoSection(f"{what} and no full release, but {held}: ask ashore for a bundle built with one of those")
    if holdings.is_empty or allow_full:
        return (full,)
    raise ConsentNeeded(
        f"{what}, but {held}: only the full release would do, {stored_bytes(root, full):,} bytes; "
        "--allow-full accepts that"
    )


def _deltas(root: Root, trees: Sequence[bytes]) -> list[Section]:
    return [section for tree in trees if (section := root.delta_section(tree))]


def _shown(trees: Sequence[bytes]) -> str:
    hashes = ", ".join(tree.hex()[:12] for tree in trees[:HASHES_SHOWN]) or "no release"
    return f"{hashes} and {len(trees) - HASHES_SHOWN} more" if len(trees) > HASHES_SHOWN else hashes


class State(Enum):
    """What is known of a piece of the output."""

    UNKNOWN = auto()  # there may be bytes in its place, not hashed yet
    MISSING = auto()
    PRESENT = auto()


@dataclass(frozen=True)
class Slot:
    """A wanted piece: `offset` and `length` in bytes in the file. A table names the hashes of other pieces."""

    number: int
    offset: int
    length: int
    is_table: bool
    piece: Piece
    tree: HashTree


@dataclass(frozen=True)
class VerifiedPiece:
    """Bytes whose hash is under the signed root; only `Plan.accept` makes one."""

    offset: int
    data: bytes


class Plan:
    """The wanted pieces of one bundle. `fresh`: the output is new, so nothing is there yet."""

    def __init__(self, verified: VerifiedRoot, sections: Sequence[Section], fresh: bool) -> None:
        self._slots = list(_slots(verified, sections))
        self._states = [State.MISSING if fresh else State.UNKNOWN] * len(self._slots)
        self.wanted_bytes = sum(slot.length for slot in self._slots)
        self.present_bytes = 0

    def examine(self, read: Callable[[int, int], bytes]) -> int:
        """Hashes what stands in the place of unknown pieces; returns the bytes found good [T-9].

        Top-down: a piece whose table is missing stays unknown, and is looked at again when the table is there. A hole
        is missing either way. `read(offset, length)` reads the output; it may return fewer bytes.
        """
        found = 0
        for slot in self._slots:
            if self._states[slot.number] is not State.UNKNOWN:
                continue
            data = read(slot.offset, slot.length)
            if slot.tree.knows(slot.piece):
                try:
                    found += len(self.accept(slot, data).data)
                except Corrupt:
                    self._states[slot.number] = State.MISSING
            elif not data.strip(b"\0"):
                self._states[slot.number] = State.MISSING
        return found

    def next_run(self) -> list[Slot]:
        """The first missing pieces that lie side by side; empty once the plan is fulfilled [T-7]."""
        run: list[Slot] = []
        for slot in self._slots:
            beside = not run or slot.offset == run[-1].offset + run[-1].length
            if self._states[slot.number] is State.MISSING and beside:
                run.append(slot)
            elif run:
                break
        return run

    @property
    def present_pieces(self) -> int:
        """How many pieces are there, verified."""
        return self._states.count(State.PRESENT)

    def missing(self) -> list[Slot]:
        """The pieces that are missing, in the order of the file; empty once the plan is fulfilled."""
        return [slot for slot in self._slots if self._states[slot.number] is State.MISSING]

    def accept(self, slot: Slot, data: bytes) -> VerifiedPiece:
        """The piece, verified, and counted as present from now on [T-8]. Raises Corrupt if it is not that piece."""
        slot.tree.verify(slot.piece, data)
        self._states[slot.number] = State.PRESENT
        self.present_bytes += slot.length
        return VerifiedPiece(slot.offset, data)


def _slots(verified: VerifiedRoot, sections: Sequence[Section]) -> Iterator[Slot]:
    number = 0
    for section in sorted(sections, key=verified.root.offset_of):
        tree = verified.hash_tree(section)
        pieces = list(verified.pieces(section))
        last_level = pieces[-1][1].level
        for offset, piece in pieces:
            yield Slot(number, offset, piece.length, piece.level < last_level, piece, tree)
            number += 1
