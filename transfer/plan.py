"""What to fetch: pure rules from a verified root, what the site holds, and which pieces are there already.

A plan lists the pieces of the wanted sections in the order of the file. Hash tables stand before what they name, so
pieces that come in order can be verified one by one.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import accumulate
from pathlib import Path

from bundle.archives.engines import ENGINE_FEATURES, present_features
from bundle.errors import Corrupt, NoSection
from bundle.format.pieces import HashTree, Piece
from bundle.format.root import Root, Section
from bundle.read.reader import VerifiedRoot, stored_bytes
from transfer.errors import ConsentNeeded

HASHES_SHOWN = 5


@dataclass(frozen=True)
class RepairRanges:
    """Ranges of the full section's body, (start, end) in bytes. `reason`: what consent is needed for, if not empty."""

    ranges: Sequence[tuple[int, int]]
    reason: str = ""


@dataclass(frozen=True)
class SiteHoldings:
    """The tree hashes of the releases that a site holds verified, the current one first.

    is_empty   whether nothing was ever installed there; a site without any verified release need not be empty
    left       the tree hashes of what is left of damaged releases, for when no delta starts from the others [T-40]
    repair     given the file that holds a delta by now, and the delta: what the full section has to add [T-41]. Each
               item is to be fetched before the next is asked for, which is read from the file
    admit      raises Refused for a product that the site does not take, whatever it holds; asked before the choice
    version    the name of the first of the trees, for messages
    """

    trees: tuple[bytes, ...]
    is_empty: bool
    left: Callable[[], Sequence[bytes]] = tuple
    repair: Callable[[Path, Section], Iterator[RepairRanges]] = lambda path, delta: iter(())
    admit: Callable[[str], None] = lambda product: None
    version: str = ""


def choose_sections(root: Root, holdings: SiteHoldings | None, allow_full: bool) -> tuple[Section, ...]:
    """The sections to fetch: all without a site, else the one that costs its site least, or none if it has the target.

    [T-4] to [T-6]. Raises NoSection if the bundle has nothing for the site, and Refused if the site does not take it.
    Raises ConsentNeeded if only the full release would do: it is never fetched in place of a delta unless allowed.
    """
    if holdings is None:
        return tuple(root.sections)
    holdings.admit(root.product)
    if root.tree in holdings.trees:
        return ()
    deltas = _deltas(root, holdings.trees) or (_deltas(root, holdings.left()) if holdings.trees else [])
    full = root.full_section(present_features())
    if full and not deltas:
        deltas = [section for tree in holdings.trees if (section := root.delta_section(tree, ENGINE_FEATURES))]
    if deltas:
        return (min(deltas, key=lambda section: stored_bytes(root, section)),)
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
    return [section for tree in trees if (section := root.delta_section(tree, present_features()))]


def _shown(trees: Sequence[bytes]) -> str:
    hashes = ", ".join(tree.hex()[:12] for tree in trees[:HASHES_SHOWN]) or "no release"
    return f"{hashes} and {len(trees) - HASHES_SHOWN} more" if len(trees) > HASHES_SHOWN else hashes


def _touched(ranges: Sequence[tuple[int, int]]) -> Callable[[int, int], bool]:
    """Tells whether any of these, in whatever order and across each other, has a byte from `start` to `end`."""
    ordered = sorted(ranges)
    reaches = list(accumulate((end for _, end in ordered), max))

    def touches(start: int, end: int) -> bool:
        before = bisect_left(ordered, (end,))
        return before > 0 and reaches[before - 1] > start

    return touches


class State(Enum):
    """What is known of a piece of the output."""

    UNKNOWN = auto()  # there may be bytes in its place, not hashed yet
    MISSING = auto()
    PRESENT = auto()


@dataclass(frozen=True)
class Slot:
    """A wanted piece: `offset` and `length` in bytes in the file. A table names the hashes of other pieces."""

    offset: int
    length: int
    is_table: bool
    piece: Piece
    tree: HashTree


@dataclass(frozen=True)
class VerifiedPiece:
    """Bytes whose hash is under the signed root. Only `FetchPlan.accept` makes one."""

    offset: int
    data: bytes


class FetchPlan:
    """The wanted pieces of one bundle, `slots` in the order of the file."""

    def __init__(self, verified: VerifiedRoot) -> None:
        self.slots: list[Slot] = []
        self.wanted_bytes = 0
        self.present_bytes = 0
        self.verified = verified
        self._states: dict[int, State] = {}  # by the offset of the piece
        self._trees: dict[int, HashTree] = {}  # by the offset of the section

    @classmethod
    def of(cls, verified: VerifiedRoot, sections: Sequence[Section], fresh: bool) -> "FetchPlan":
        """A plan for whole sections. `fresh`: nothing of them is there yet."""
        plan = cls(verified)
        for section in sections:
            plan.add(section, fresh=fresh)
        return plan

    @property
    def present_pieces(self) -> int:
        """How many pieces are there."""
        return sum(state is State.PRESENT for state in self._states.values())

    def add(self, section: Section, ranges: Sequence[tuple[int, int]] | None = None, fresh: bool = False) -> None:
        """Wants a section, or its tables and the pieces of its body that touch the ranges [T-41].

        `fresh`: nothing of it is there yet.
        """
        verified = self.verified
        if section.is_inner:
            return  # it came with the header
        tree = self._trees.setdefault(verified.root.offset_of(section), verified.hash_tree(section))
        pieces = list(verified.pieces(section))
        size, body = verified.root.piece_size, pieces[-1][1].level
        touches = _touched(ranges) if ranges is not None else lambda start, end: True
        for offset, piece in pieces:
            at = piece.index * size
            touched = touches(at, at + piece.length)
            if offset not in self._states and (touched or piece.level < body):
                self.slots.append(Slot(offset, piece.length, piece.level < body, piece, tree))
                self._states[offset] = State.MISSING if fresh else State.UNKNOWN
                self.wanted_bytes += piece.length
        self.slots.sort(key=lambda slot: slot.offset)

    def examine(self, read: Callable[[int, int], bytes]) -> int:
        """Hashes what stands in the place of unknown pieces, and returns the bytes found good [T-9].

        Top-down: a piece whose table is missing stays unknown, and is hashed when the table is there. A hole is missing
        either way. `read(offset, length)` reads the output, and may return fewer bytes.
        """
        found = 0
        for slot in self.slots:
            if self._states[slot.offset] is not State.UNKNOWN:
                continue
            data = read(slot.offset, slot.length)
            if slot.tree.knows(slot.piece):
                try:
                    found += len(self.accept(slot, data).data)
                except Corrupt:
                    self._states[slot.offset] = State.MISSING
            elif not data.strip(b"\0"):
                self._states[slot.offset] = State.MISSING
        return found

    def missing(self) -> list[Slot]:
        """The pieces that are missing, in the order of the file; none once the plan is fulfilled."""
        return [slot for slot in self.slots if self._states[slot.offset] is State.MISSING]

    def is_present(self, slot: Slot) -> bool:
        """Whether the piece is there."""
        return self._states[slot.offset] is State.PRESENT

    def accept(self, slot: Slot, data: bytes) -> VerifiedPiece:
        """The piece, verified, and counted as present from now on [T-8]. Raises Corrupt if it is not that piece."""
        slot.tree.verify(slot.piece, data)
        self._states[slot.offset] = State.PRESENT
        self.present_bytes += slot.length
        return VerifiedPiece(slot.offset, data)
