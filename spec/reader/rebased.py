"""Rebased patches for the second reader: a new executable image from an old one [F-52] [F-53] [F-139] to [F-142]."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass

from images import (
    BRANCH,
    IMAGE_MAX,
    KINDS,
    ONE,
    REFERENCES_MAX,
    RELATIVE,
    TWO,
    X86,
    Image,
    Reference,
    find_references,
    likes,
    parse_image,
    relocation_table,
    replaced,
    with_stretches,
)
from wire import Cursor, need

KNOWN_MAX = 1_048_576
SHIFT_MAX = 1 << 30
TRIPLES_MAX = 1_048_576
PIECE = 1_048_576
Triples = list[tuple[int, int, int]]


class Blocks:
    """The stretches that triples copy: from which old offset to which new one, and how long."""

    def __init__(self, triples: Triples) -> None:
        self.all: list[tuple[int, int, int]] = []
        new = 0
        for old, copied, extra in triples:
            if copied:
                self.all.append((old, new, copied))
            new += copied + extra
        self._starts, self._moves = self._segments()

    def _segments(self) -> tuple[list[int], list[int | None]]:
        """Old offsets at which the winning block changes: the longest, the later among equals."""
        bounds = sorted({edge for old, _, length in self.all for edge in (old, old + length)})
        moves: list[int | None] = [None] * len(bounds)
        for old, new, length in sorted(self.all, key=lambda block: block[2]):  # stable: later ones write over equals
            for n in range(bisect_left(bounds, old), bisect_left(bounds, old + length)):
                moves[n] = new - old
        last: int | None = None
        for n, move in enumerate(moves):  # behind a covered byte its move holds on
            last = moves[n] = last if move is None else move
        return bounds, moves

    def moved(self, offset: int) -> int:
        n = bisect_right(self._starts, offset) - 1
        return offset + (self._moves[n] or 0) if n >= 0 else offset


def _new_layout(old: Image, layouts: Cursor) -> Image:
    """[F-53]"""
    count = layouts.varint()
    if count == 0:
        return _whole_layout(old, layouts)
    need(count == 1 + 4 * len(old.stretches), "a layout has another count of numbers than the old image")
    base = old.base + layouts.seek()
    stretches = [[value + layouts.seek() for value in (s.offset, s.size, s.address, s.room)] for s in old.stretches]
    new = replaced(old, base, stretches)
    need(new is not None, "a new layout is none of an image")
    assert new is not None
    return new


def _whole_layout(old: Image, layouts: Cursor) -> Image:
    """[F-109]"""
    count = layouts.varint()
    need(1 <= count <= 65 and count != len(old.stretches), "a layout of whole stretches has a wrong count of them")
    base = old.base + layouts.seek()
    new = with_stretches(old, base, [[layouts.varint() for _ in range(5)] for _ in range(count)])
    need(new is not None, "a new layout is none of an image")
    assert new is not None
    return new


def _shifts(known: list[int], places: Cursor, layouts: Cursor) -> dict[int, int]:
    count = places.varint()
    need(count <= KNOWN_MAX, "a rebased patch has too many shifts")
    indexes, at = [], 0
    for n in range(count):
        step = places.varint()
        need(n == 0 or step > 0, "places of shifts do not ascend")
        at += step
        need(at < len(known), "a shift is of an address that is not known")
        indexes.append(at)
    found, shift = {}, 0
    for index in indexes:
        shift += layouts.seek()
        need(abs(shift) < SHIFT_MAX, "a shift is out of bounds")
        found[known[index]] = shift
    return found


def _map(old: Image, new: Image, blocks: Blocks, address: int) -> int:
    offset = old.offset_of(address)
    if offset >= 0:
        return new.address_of(blocks.moved(offset))
    for before, after in zip(old.stretches, likes(old, new), strict=True):
        if before.address <= address < before.address + before.room:
            return address + after.address - before.address if after else address
    return address


@dataclass(frozen=True)
class Marked:
    """A reference that a change may mark: where it is in the new image, and the byte before it in the old one."""

    place: int
    before: int


def rebase(source: bytes, size: int, triples: Triples, end: int, streams: list[Cursor]) -> bytes:
    """The new image. `end`: the farthest position in the source."""
    operands, jumps, marks = (streams[8].varint() for _ in range(3))
    new, covered, markable = predict(source, size, triples, end, streams[7], streams[8])
    marked = _change(covered, markable, streams[4], streams[5])
    made, fresh = _weave(triples, bytes(covered), new, streams[6])
    missing = {one.place: one.before for one in marked} | {at: made[at - 1] for at in fresh}
    found = sum(_is_jump(before) for before in missing.values())
    need(
        (len(missing) - found, found, len(marked)) == (operands, jumps, marks),
        "a patch has other operands than it says",
    )
    for at, before in sorted(missing.items()):
        stream = streams[10] if _is_jump(before) else streams[9]
        value = int.from_bytes(stream.take(4), "big")
        value -= 0 if _is_jump(before) else new.address_of(at) + 4
        made[at : at + 4] = (value % (1 << 32)).to_bytes(4, "little")
    return bytes(made)


def _is_jump(before: int) -> bool:
    return before == 0xE9 or 0x80 <= before <= 0x8F


def _change(covered: bytearray, markable: dict[int, Marked], skips: Cursor, changes: Cursor) -> list[Marked]:
    """Adds the changes [F-36], and says which references are marked [F-142]."""
    at, marked = 0, []
    for _ in range(skips.varint()):
        at += skips.varint()
        need(at < len(covered), "a change is behind the last copied byte")
        if at in markable:
            marked.append(markable[at])
        else:
            covered[at] = (covered[at] + changes.byte()) % 256
        at += 1
    return marked


def _weave(triples: Triples, covered: bytes, new: Image, extra: Cursor) -> tuple[bytearray, list[int]]:
    """(the new image without its operands, where those of new code stand) [F-141]."""
    made, fresh, at = bytearray(), [], 0
    for _, copied, more in triples:
        made += covered[at : at + copied]
        at += copied
        end = len(made) + more
        while len(made) < end:
            length = min(end, (len(made) // PIECE + 1) * PIECE) - len(made)
            start = len(made)
            if new.is_code(start):
                made += _piece(length, new.machine == X86, extra, fresh, start)
            else:
                made += extra.take(length)
    return made, fresh


def _piece(length: int, wide: bool, extra: Cursor, fresh: list[int], start: int) -> bytes:
    made, behind = bytearray(), 0
    while len(made) < length:
        made.append(extra.byte())
        if len(made) + 4 <= length and _ends_with_pattern(made[max(behind, len(made) - 3) :], wide):
            fresh.append(start + len(made))
            made += bytes(4)
            behind = len(made)
    return bytes(made)


def _ends_with_pattern(last: bytes, wide: bool) -> bool:
    if last[-1] in (0xE8, 0xE9) or (len(last) > 1 and last[-2] == 0x0F and 0x80 <= last[-1] <= 0x8F):
        return True
    if not wide or last[-1] & 0xC7 != 5 or len(last) < 2:
        return False
    return last[-2] in ONE or (len(last) > 2 and last[-3] == 0x0F and last[-2] in TWO)


Predicted = tuple[Image, bytearray, dict[int, Marked]]


def predict(source: bytes, size: int, triples: Triples, end: int, places: Cursor, layouts: Cursor) -> Predicted:
    """(the new layout, the covered bytes of the new image, one block after the other, what may be marked of them)."""
    old = parse_image(source)
    need(old is not None and size <= IMAGE_MAX, "a rebased patch has no image as source or is too large")
    assert old is not None
    references = find_references(old)
    need(len(references) <= REFERENCES_MAX, "an image has too many references")
    anchors = {r.anchor for r in references if r.kind == KINDS["jump"]}
    pointed = {r.target for r in references} | anchors
    known = sorted(address for address in pointed if any(s.holds(address) for s in old.stretches))
    new = _new_layout(old, layouts)
    shifts = _shifts(known, places, layouts)
    blocks = Blocks(triples)
    mapped = {address: _map(old, new, blocks, address) for address in pointed}
    moved = {address: (to, to + shifts.get(address, 0)) for address, to in mapped.items()}
    whole = source
    if end > len(source):
        whole += relocation_table(old, new, blocks.all)
        need(end <= len(whole), "a rebased patch reads beyond its source")
    covered = bytearray(b"".join(whole[at : at + length] for at, length, _ in triples))
    for kind in range(len(KINDS)):
        _write(covered, [r for r in references if r.kind == kind], blocks, (old, new), moved)
    return new, covered, _markable(source, [r for r in references if r.kind == RELATIVE], blocks)


def _markable(source: bytes, references: list[Reference], blocks: Blocks) -> dict[int, Marked]:
    """By the place of the first byte among the covered ones."""
    offsets = [r.offset for r in references]
    found, at = {}, 0
    for old, place, length in blocks.all:
        for offset in offsets[bisect_left(offsets, old) : bisect_left(offsets, old + length - 3)]:
            new = offset - old + place
            if new // PIECE == (new + 3) // PIECE:
                found[at + offset - old] = Marked(new, source[offset - 1])
        at += length
    return found


def _near(r: Reference, images: tuple[Image, Image], block: tuple[int, int, int], moved: int, mapped: int) -> int:
    """The new target: in the reference's own block it goes with that [F-139]."""
    old, place, length = block
    offset = images[0].offset_of(r.target)
    if r.kind not in (RELATIVE, BRANCH) or not old <= offset < old + length:
        return moved
    near = images[1].address_of(offset - old + place)
    return moved if near == mapped else near


def _write(
    covered: bytearray,
    references: list[Reference],
    blocks: Blocks,
    images: tuple[Image, Image],
    moved: dict[int, tuple[int, int]],
) -> None:
    """`moved`: by old address where it moves by the map, and that with its shift."""
    new = images[1]
    offsets = [r.offset for r in references]
    at = 0
    for old, place, length in blocks.all:
        for r in references[bisect_left(offsets, old) : bisect_left(offsets, old + length)]:
            inside = r.offset - old
            if inside + r.size <= length:
                address = new.address_of(place + inside)
                anchor = moved.get(r.anchor, (0, 0))[1]
                target = _near(r, images, (old, place, length), moved[r.target][1], moved[r.target][0])
                start = at + inside
                covered[start : start + r.size] = r.written(
                    bytes(covered[start : start + r.size]), address, anchor, new.base, target
                )
        at += length
