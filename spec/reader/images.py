"""Executable images for the second reader: stretches, and the references in them [F-50] [F-51] [F-54] to [F-58]."""

import struct
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace

from wire import ONE, TWO

NAMES = ("jump", "relative", "here", "back", "short", "long", "branch", "page", "low")
KINDS = {name: number for number, name in enumerate(NAMES)}
JUMP, RELATIVE, HERE, BACK, SHORT, LONG, BRANCH, PAGE, LOW = range(9)
IMAGE_MAX = 536_870_912  # of the file, and of all rooms together
REFERENCES_MAX = 33_554_432
INFOS_MAX, ROWS_MAX = 262_144, 1_048_576
X86, ARM, X86_32 = "x86-64", "AArch64", "x86"
MACHINES = {(0x8664, 0x20B): X86, (0xFD1D, 0x20B): X86, (0xAA64, 0x20B): ARM, (0x14C, 0x10B): X86_32}
LISTED_MAX = 1_048_576


@dataclass(frozen=True)
class Stretch:
    """Bytes of the file that stand at an address; numbers as in [F-50]."""

    offset: int
    size: int
    address: int
    room: int
    executable: bool

    def holds(self, address: int) -> bool:
        return self.address <= address < self.address + self.room


@dataclass(frozen=True)
class Image:
    data: bytes
    machine: str
    base: int
    stretches: tuple[Stretch, ...]
    tables: dict[str, tuple[int, int]]

    def address_of(self, offset: int) -> int:
        for s in self.stretches:
            if s.offset <= offset < s.offset + s.size:
                return s.address + offset - s.offset
        return offset

    def is_code(self, offset: int) -> bool:
        """Whether it is in an executable stretch of a machine whose operands stand apart [F-141]."""
        executable = (s for s in self.stretches if s.executable)
        return self.machine != ARM and any(s.offset <= offset < s.offset + s.size for s in executable)

    def offset_of(self, address: int) -> int:
        n = bisect_right(self.stretches, address, key=lambda s: s.address) - 1
        if n < 0 or address >= self.stretches[n].address + self.stretches[n].size:
            return -1
        return self.stretches[n].offset + address - self.stretches[n].address

    def stored(self, address: int, size: int) -> tuple[int, int]:
        """Offset and length of what is stored there; length 0 if none is."""
        at = self.offset_of(address)
        ends = [s.offset + s.size for s in self.stretches if s.offset <= at < s.offset + s.size]
        return (at, max(0, min(size, ends[0] - at))) if at >= 0 and ends else (0, 0)

    def word(self, at: int, *, signed: bool = False) -> int:
        return int.from_bytes(self.data[at : at + 4], "little", signed=signed)

    @property
    def lowest(self) -> int:
        return min((s.address for s in self.stretches), default=0)

    @property
    def end(self) -> int:
        return max((s.address + s.room for s in self.stretches if s.address < 1 << 39), default=0)


@dataclass(frozen=True)
class Reference:
    kind: int
    offset: int
    target: int
    anchor: int = 0
    based: bool = False  # a short one that counts from the image's base

    @property
    def size(self) -> int:
        return 8 if self.kind == LONG else 4

    def written(self, old: bytes, o: int, anchor: int, base: int, target: int) -> bytes:
        """Its bytes for a target, at address o [F-51]."""
        plain = {
            JUMP: target - anchor,
            RELATIVE: target - o - 4,
            HERE: target - o,
            BACK: o - target,
            SHORT: target + self.based * base,
            LONG: target + base,
        }
        if self.kind in plain:
            return (plain[self.kind] % (1 << 8 * self.size)).to_bytes(self.size, "little")
        w = int.from_bytes(old, "little")
        if self.kind == BRANCH:
            w = w & ~0x3FFFFFF | (target - o >> 2) & 0x3FFFFFF
        elif self.kind == PAGE:
            v = (target >> 12) - (o >> 12)
            w = w & ~0x60FFFFE0 | (v & 3) << 29 | (v >> 2 & 0x7FFFF) << 5
        else:
            w = w & ~0x3FFC00 | ((target & 0xFFF) >> _scale(w)) << 10
        return w.to_bytes(4, "little")


def _scale(w: int) -> int:
    if w & 0xFFC00000 == 0x91000000:
        return 0
    return w >> 30 or (4 if w & 0x04800000 == 0x04800000 else 0)


def parse_image(data: bytes) -> Image | None:
    """None where a file is no image [F-50]."""
    try:
        image = _pe(data) if data[:2] == b"MZ" else _elf(data) if data[:7] == b"\x7fELF\x02\x01\x01" else None
    except (struct.error, IndexError):
        return None
    return image if image is not None and len(data) <= IMAGE_MAX and _lawful(image) else None


def replaced(old: Image, base: int, numbers: list[list[int]]) -> Image | None:
    """The old image's layout with other numbers, or None where that is none."""
    stretches = tuple(Stretch(*row, s.executable) for row, s in zip(numbers, old.stretches, strict=True))
    new = replace(old, base=base, stretches=stretches)
    return new if _lawful(new) else None


def with_stretches(old: Image, base: int, rows: list[list[int]]) -> Image | None:
    """An image of these stretches, or None where that is none [F-109]."""
    if not 1 <= len(rows) <= 65 or any(row[4] > 1 for row in rows):
        return None
    new = replace(old, base=base, stretches=tuple(Stretch(*row[:4], row[4] == 1) for row in rows))
    return new if _lawful(new) else None


def likes(old: Image, new: Image) -> list[Stretch | None]:
    """For each stretch of the old image its like in the new one [F-109]."""
    if len(old.stretches) == len(new.stretches):
        return list(new.stretches)
    found: list[Stretch | None] = []
    for n, stretch in enumerate(old.stretches):
        place = [_kind(s) for s in old.stretches[:n]].count(_kind(stretch))
        of_kind = [s for s in new.stretches if _kind(s) == _kind(stretch)]
        found.append(of_kind[place] if place < len(of_kind) else None)
    return found


def _kind(stretch: Stretch) -> tuple[bool, bool]:
    return stretch.executable, stretch.address >= 1 << 39


def _lawful(image: Image) -> bool:
    offset = address = 0
    for s in image.stretches:
        if s.offset < offset or s.address < address or not 1 <= s.size <= s.room:
            return False
        offset, address = s.offset + s.size, s.address + s.room
        if offset >= 1 << 40 or address >= 1 << 40:
            return False
    rooms = sum(s.room for s in image.stretches)
    return bool(image.stretches) and 0 <= image.base < 1 << 52 and rooms <= IMAGE_MAX


def _pe(data: bytes) -> Image | None:
    (at,) = struct.unpack_from("<I", data, 0x3C)
    signature, machine, count = struct.unpack_from("<4sHH", data, at)
    (optional,) = struct.unpack_from("<H", data, at + 20)
    (magic,) = struct.unpack_from("<H", data, at + 24)
    name = MACHINES.get((machine, magic))
    if signature != b"PE\0\0" or name is None or not 1 <= count <= 64:
        return None
    form, base_at, directories = ("<I", 28, 96) if name == X86_32 else ("<Q", 24, 112)
    (base,) = struct.unpack_from(form, data, at + 24 + base_at)
    tables = {}
    for number, table in ((3, "exceptions"), (5, "relocations")):
        tables[table] = struct.unpack_from("<II", data, at + 24 + directories + 8 * number)
    if name != X86:
        del tables["exceptions"]
    stretches = []
    for n in range(count):
        room, address, size, offset = struct.unpack_from("<IIII", data, at + 24 + optional + 40 * n + 8)
        (flags,) = struct.unpack_from("<I", data, at + 24 + optional + 40 * n + 36)
        size = min(size, len(data) - offset)
        if size > 0:
            stretches.append(Stretch(offset, size, address, max(room, size), bool(flags & 0x20000000)))
    return Image(data, name, base, tuple(stretches), tables)


def _elf(data: bytes) -> Image | None:
    (machine,) = struct.unpack_from("<H", data, 18)
    (start,) = struct.unpack_from("<Q", data, 32)
    row, count = struct.unpack_from("<HH", data, 54)
    if machine not in (62, 183) or row != 56 or not 1 <= count <= 64 or start > len(data):
        return None
    stretches, tables = [], {}
    for n in range(count):
        kind, flags, offset, address, _, size, room, _ = struct.unpack_from("<IIQQQQQQ", data, start + 56 * n)
        if kind == 1 and size:
            size = max(0, min(size, len(data) - offset))
            stretches.append(Stretch(offset, size, address, room, bool(flags & 1)))
        elif kind in (2, 0x6474E550):
            tables["dynamic" if kind == 2 else "frames"] = (address, size)
    end = max((s.offset + s.size for s in stretches), default=0)
    if stretches and end < len(data):
        stretches.append(Stretch(end, len(data) - end, (1 << 39) + end, len(data) - end, executable=False))
    return Image(data, X86 if machine == 62 else ARM, 0, tuple(stretches), tables)


def find_references(image: Image) -> list[Reference]:
    """All that count, kind by kind, in ascending order of offset [F-51]."""
    found = [*_exceptions(image), *_relocations(image), *_frames(image), *_dynamic(image), *_symbols(image)]
    found += _arm_code(image) if image.machine == ARM else _x86_code(image)
    kept = _kept(image, found)
    if image.machine == X86:
        kept = _kept(image, found + _x86_jumps(image, [r for r in kept if r.kind == RELATIVE]))
    return kept


def _kept(image: Image, found: list[Reference]) -> list[Reference]:
    kept: list[Reference] = []
    for r in sorted(found, key=lambda r: (r.kind, r.offset)):  # stable: the order of finding decides among equals
        if r.offset < 0 or r.offset + r.size > len(image.data):
            continue
        if kept and kept[-1].kind == r.kind and r.offset < kept[-1].offset + r.size:
            continue
        kept.append(r)
    return kept


def _read(image: Image, kind: int, at: int, anchor: int = 0) -> list[Reference]:
    """A reference that counts from its own place or from an anchor; none if it is not whole in the file."""
    size = 8 if kind == LONG else 4
    if not 0 <= at <= len(image.data) - size:
        return []
    v = int.from_bytes(image.data[at : at + size], "little", signed=kind != SHORT)
    o = image.address_of(at)
    target = {JUMP: anchor + v, RELATIVE: o + 4 + v, HERE: o + v, BACK: o - v, SHORT: v, LONG: _wrap(v - image.base)}[
        kind
    ]
    if image.machine == X86_32 and kind == SHORT:
        target -= image.base
    return [Reference(kind, at, target, anchor, image.machine == X86_32)]


def _wrap(value: int) -> int:
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)


def _exceptions(image: Image) -> Iterator[Reference]:
    """PE, x86-64 [F-54]."""
    if "exceptions" not in image.tables:
        return
    at, size = image.stored(*image.tables["exceptions"])
    places = [at + n for n in range(0, size - size % 12, 4)]
    infos = []
    for u in sorted({image.offset_of(image.word(row)) for row in places[2::3]}):
        if u < 0 or u + 600 >= len(image.data):
            continue
        f, c = image.data[u] >> 3, image.data[u + 2] + image.data[u + 2] % 2
        h = u + 4 + 2 * c
        places += [h] if f & 3 else []
        places += [h, h + 4, h + 8] if f & 4 else []
        i = image.offset_of(image.word(h + 4))
        if f & 3 and 0 <= i <= len(image.data) - 40 and 0x19930520 <= image.word(i) <= 0x19930527:
            infos.append(i)
            places.append(h + 4)
    infos = sorted(set(infos))[:INFOS_MAX]
    places += [i + n for i in infos for n in (8, 16, 24, 32)]
    tries = _rows(image, infos, 3, 4, 20)
    places += [row + 4 for row in _rows(image, infos, 1, 2, 8)]
    places += _rows(image, infos, 5, 6, 8)
    places += [row + 16 for row in tries]
    places += [row + n for row in _rows(image, tries, 3, 4, 20) for n in (4, 12)]
    for place in places:
        yield from _read(image, SHORT, place)


def _rows(image: Image, owners: list[int], count: int, address: int, size: int) -> list[int]:
    """Offsets of the rows of the distinct tables that owners name by these words of theirs."""
    tables = {(image.word(at + 4 * address), image.word(at + 4 * count)) for at in owners}
    whole = []
    for where, rows in tables:
        at = image.offset_of(where)
        if rows <= 4096 and at >= 0 and at + rows * size <= len(image.data):
            whole.append((at, rows))
    count = sum(rows for _, rows in whole)
    if count * size > len(image.data) or count > ROWS_MAX:
        return []
    return [at + n * size for at, rows in whole for n in range(rows)]


def _relocations(image: Image) -> Iterator[Reference]:
    for address in relocated(image):
        yield from _read(image, SHORT if image.machine == X86_32 else LONG, image.offset_of(address))


def relocation_table(old: Image, new: Image, blocks: list[tuple[int, int, int]]) -> bytes:
    """What follows the old image as a source [F-108]."""
    listed = list(relocated(old))
    pointers = sorted({offset for address in listed if (offset := old.offset_of(address)) >= 0})
    size, kind = (4, 3) if old.machine == X86_32 else (8, 10)
    moved, count = set(), 0
    for start, target, length in blocks:
        end = min(start + length, len(old.data))
        first, last = bisect_left(pointers, start), bisect_right(pointers, end - size)
        count += max(0, last - first)
        if count > LISTED_MAX:
            break
        moved |= {offset - start + target for offset in pointers[first:last]}
    if len(listed) > LISTED_MAX or count > LISTED_MAX:
        return b""
    held = {new.address_of(at) for at in moved if any(s.offset <= at < s.offset + s.size for s in new.stretches)}
    pages: dict[int, list[int]] = {}
    for address in sorted(address for address in held if address < 1 << 32):
        pages.setdefault(address >> 12, []).append(kind << 12 | address % 4096)
    table = b""
    for page, entries in pages.items():
        even = entries + [0] * (len(entries) % 2)
        table += struct.pack(f"<II{len(even)}H", page << 12, 8 + 2 * len(even), *even)
    return table


def relocated(image: Image) -> Iterator[int]:
    """The addresses that base relocations list [F-54]."""
    if "relocations" not in image.tables:
        return
    at, size = image.stored(*image.tables["relocations"])
    end, blocks = at + size, 0
    while at + 8 <= end and blocks < 1_048_576:
        page, length = image.word(at), image.word(at + 4)
        if length < 8 or at + length > end:
            return
        for n in range(8, length - 1, 2):
            entry = int.from_bytes(image.data[at + n : at + n + 2], "little")
            if entry >> 12 == (3 if image.machine == X86_32 else 10):
                yield page + entry % 4096
        at, blocks = at + length, blocks + 1


def _dynamic(image: Image) -> Iterator[Reference]:
    """ELF, relocations [F-55]."""
    if "dynamic" not in image.tables:
        return
    at, size = image.stored(*image.tables["dynamic"])
    tags = dict(struct.unpack_from("<QQ", image.data, at + n) for n in range(0, min(size, 65_536) - 15, 16))
    for where, length in ((7, 8), (23, 2)):
        start, stored = image.stored(tags.get(where, 0), tags.get(length, 0))
        for row in range(start, start + stored - 23, 24):
            place, info, addend = struct.unpack_from("<QQQ", image.data, row)
            yield from _read(image, LONG, row)
            if info in (8, 1027):
                yield from _read(image, LONG, row + 16)
                held = image.offset_of(place)
                if held >= 0 and image.data[held : held + 8] == addend.to_bytes(8, "little"):
                    yield from _read(image, LONG, held)


def _symbols(image: Image) -> Iterator[Reference]:
    data = image.data
    if data[:4] != b"\x7fELF":
        return
    (start,) = struct.unpack_from("<Q", data, 40)
    row, count = struct.unpack_from("<HH", data, 58)
    if row != 64 or count > 128 or start + 64 * count > len(data):
        return
    headers = [struct.unpack_from("<IIQQQQI", data, start + 64 * n) for n in range(count)]
    for kind in (2, 11):
        lawful = [h for h in headers if h[1] == kind and h[4] + h[5] <= len(data) and h[6] < count]
        for _, _, _, _, offset, size, link in lawful[-1:]:
            anchor = image.address_of(min(headers[link][4], len(data)))
            for at in range(offset, offset + size - 23, 24):
                yield from _read(image, JUMP, at, anchor)
                yield from _read(image, LONG, at + 8)


def _frames(image: Image) -> Iterator[Reference]:
    """ELF, frames [F-56]."""
    if "frames" not in image.tables:
        return
    address, _ = image.tables["frames"]
    at, size = image.stored(*image.tables["frames"])
    if size < 12 or image.data[at : at + 4] != b"\x01\x1b\x03\x3b":
        return
    yield from _read(image, HERE, at + 4)
    frames = set()
    for n in range(min(image.word(at + 8), (size - 12) // 8)):
        yield from _read(image, JUMP, at + 12 + 8 * n, address)
        second = _read(image, JUMP, at + 16 + 8 * n, address)
        yield from second
        frames |= {image.offset_of(r.target) for r in second}
    owners = {}
    for f in sorted(frames):
        if 0 <= f <= len(image.data) - 24:
            cie = image.offset_of(_read(image, BACK, f + 4)[0].target)
            if cie >= 0:
                owners[f] = cie
    if len(set(owners.values())) <= 4096:
        yield from _frame_references(image, owners)


def _frame_references(image: Image, owners: dict[int, int]) -> Iterator[Reference]:
    said = {cie: _augmentation(image, cie) for cie in set(owners.values())}
    for f, cie in owners.items():
        yield from _read(image, BACK, f + 4)
        if said[cie].get("R") == 0x1B:
            yield from _read(image, HERE, f + 8)
            if said[cie].get("L") == 0x1B and image.data[f + 16] == 4 and image.word(f + 17):
                yield from _read(image, HERE, f + 17)
    for says in said.values():
        if says.get("P", 0) & 0x7F == 0x1B:
            yield from _read(image, HERE, says["personality"])


def _augmentation(image: Image, cie: int) -> dict[str, int]:
    """What a CIE says: encodings by letter, and where its personality stands."""
    data = image.data[cie : cie + 64]
    end = data.find(b"\0", 9)
    if len(data) < 64 or data[4:9] != b"\0\0\0\0\1" or not 10 <= end <= 17 or data[9:10] != b"z":
        return {}
    says, at = {}, end + 5
    for letter in data[10:end].decode("latin-1"):
        if letter in "LRP":
            says[letter] = data[at]
            at += 1
        if letter == "P":
            says["personality"] = cie + at
            at += 4
    return says


def _arm_code(image: Image) -> Iterator[Reference]:
    """[F-57]"""
    low, end = image.lowest, image.end
    for s in image.stretches:
        if not s.executable:
            continue
        words = struct.unpack_from(f"<{s.size // 4}I", image.data, s.offset)
        pages: set[int] = set()
        for n, w in enumerate(words):
            o = s.address + 4 * n
            target = o + 4 * _signed(w & 0x3FFFFFF, 26)
            if w & 0x7C000000 == 0x14000000 and s.holds(target):
                yield Reference(BRANCH, s.offset + 4 * n, target)
            if w & 0xFFC00000 != 0x91000000 and w & 0x3B000000 != 0x39000000:
                continue
            for m in range(n - 1, max(n - 9, -1), -1):
                page = _page(words[m], s.address + 4 * m)
                if words[m] & 0x9F000000 == 0x90000000 and words[m] & 31 == w >> 5 & 31 and page >= 0:
                    target = page + ((w >> 10 & 0xFFF) << _scale(w))
                    if low <= target < end:
                        yield Reference(LOW, s.offset + 4 * n, target)
                        if m not in pages:
                            yield Reference(PAGE, s.offset + 4 * m, target)
                        pages.add(m)
                    break


def _page(w: int, o: int) -> int:
    return (o & ~0xFFF) + 4096 * _signed((w >> 5 & 0x7FFFF) << 2 | w >> 29 & 3, 21)


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> bits - 1 else value


def _x86_code(image: Image) -> Iterator[Reference]:
    """[F-58], relative."""
    data, low, end = image.data, image.lowest, image.end
    for s in image.stretches:
        if not s.executable:
            continue
        for i in range(s.offset, s.offset + s.size - 8):
            one, two = data[i], data[i + 1]
            at, near = 0, False
            if one in (0xE8, 0xE9):
                at, near = i + 1, True
            elif one == 0x0F and 0x80 <= two <= 0x8F:
                at, near = i + 2, True
            elif image.machine == X86_32:
                continue
            elif one in ONE and two & 0xC7 == 5:
                at = i + 2
            elif one == 0x0F and two in TWO and data[i + 2] & 0xC7 == 5:
                at = i + 3
            if at:
                (r,) = _read(image, RELATIVE, at)
                if s.holds(r.target) if near else low <= r.target < end:
                    yield r


def _x86_jumps(image: Image, relatives: list[Reference]) -> list[Reference]:
    anchors = sorted({r.target for r in relatives if image.data[r.offset - 2] == 0x8D and r.target % 4 == 0})
    code = [s for s in image.stretches if s.executable]
    found = []
    for s in image.stretches:
        mine = [] if s.executable else [a for a in anchors if s.address <= a < s.address + s.size]
        for anchor, end in zip(mine, [*mine[1:], s.address + s.size], strict=False):
            for address in range(anchor, end - 3, 4):
                (r,) = _read(image, JUMP, image.offset_of(address), anchor)
                if not any(c.holds(r.target) for c in code):
                    break
                found.append(r)
    return found
