"""The rules of spec/references.md for images and their references, byte after byte as the text has them.

Slow, and written from the text alone, to be compared with the code."""

import struct
from collections.abc import Iterator

Stretch = tuple[int, int, int, int, bool]  # offset, size, address, room, executable
Found = dict[str, list[tuple[int, ...]]]
ONE = bytes.fromhex("0103090B21232931332B38393A3B6380818384858788898A8B8DC6C7F6F7FF")
TWO = [
    *range(0x10, 0x18),
    0x28,
    0x29,
    0x2E,
    0x2F,
    *range(0x40, 0x50),
    0x51,
    0x54,
    *range(0x57, 0x5B),
    *range(0x5C, 0x60),
]
TWO += bytes.fromhex("6E6F7E7FAFB6B7BEBFD6DBEBEF")
WIDTHS = {"LONG": 8}


class PlainImage:
    """[F-50]; raises ValueError for what is none."""

    def __init__(self, data: bytes) -> None:
        self.data, self.base = data, 0
        self.stretches: list[Stretch] = []
        self.tables: dict[str, tuple[int, int]] = {}
        if len(data) > 33_554_432:
            raise ValueError
        try:
            if data[:2] == b"MZ":
                self._read_pe()
            elif data[:7] == b"\x7fELF\2\1\1":
                self._read_elf()
            else:
                raise ValueError
        except (struct.error, OverflowError) as error:
            raise ValueError from error
        offset_end = address_end = 0
        for offset, size, address, room, _ in self.stretches:
            if offset < offset_end or address < address_end or not 1 <= size <= room:
                raise ValueError
            offset_end, address_end = offset + size, address + room
        if not self.stretches or max(offset_end, address_end) >= 1 << 40 or self.base >= 1 << 52:
            raise ValueError
        if sum(room for _, _, _, room, _ in self.stretches) > 1 << 29:
            raise ValueError
        self.lowest = min(s[2] for s in self.stretches)
        self.end = max([s[2] + s[3] for s in self.stretches if s[2] < 1 << 39], default=0)

    def number(self, form: str, at: int) -> int:
        if at < 0:
            raise struct.error
        return int(struct.unpack_from("<" + form, self.data, at)[0])

    def _read_pe(self) -> None:
        at = self.number("I", 0x3C)
        machines = {(0x8664, 0x20B): 62, (0xFD1D, 0x20B): 62, (0xAA64, 0x20B): 183, (0x14C, 0x10B): 3}
        self.machine = machines.get((self.number("H", at + 4), self.number("H", at + 24)), 0)
        count, optional = self.number("H", at + 6), at + 24
        if self.data[at : at + 4] != b"PE\0\0" or not self.machine:
            raise ValueError
        if not 1 <= count <= 64:
            raise ValueError
        self.base = self.number("I", optional + 28) if self.machine == 3 else self.number("Q", optional + 24)
        for name, row in (("exceptions", 3), ("relocations", 5)):
            entry = optional + (96 if self.machine == 3 else 112) + 8 * row
            if name == "relocations" or self.machine == 62:
                self.tables[name] = self.number("I", entry), self.number("I", entry + 4)
        first = optional + self.number("H", at + 20)
        for header in range(first, first + 40 * count, 40):
            room, address, size, offset = struct.unpack_from("<IIII", self.data, header + 8)
            flags = self.number("I", header + 36)
            size = min(size, len(self.data) - offset)
            if size > 0:
                self.stretches.append((offset, size, address, max(room, size), bool(flags & 0x20000000)))

    def _read_elf(self) -> None:
        self.machine = self.number("H", 18)
        first, size, count = self.number("Q", 32), self.number("H", 54), self.number("H", 56)
        if self.machine not in (62, 183) or size != 56 or not 1 <= count <= 64:
            raise ValueError
        for header in range(first, first + 56 * count, 56):
            kind, flags, offset, address, _, size, room = struct.unpack_from("<IIQQQQQ", self.data, header)
            if kind == 1 and size:
                self.stretches.append((offset, min(size, len(self.data) - offset), address, room, bool(flags & 1)))
            if kind in (2, 0x6474E550):
                self.tables["dynamic" if kind == 2 else "frames"] = address, size
        if not self.stretches:
            raise ValueError
        end = max(s[0] + s[1] for s in self.stretches)
        if end < len(self.data):
            self.stretches.append((end, len(self.data) - end, (1 << 39) + end, len(self.data) - end, False))

    def address(self, offset: int) -> int:
        return next((offset - s[0] + s[2] for s in self.stretches if s[0] <= offset < s[0] + s[1]), offset)

    def offset(self, address: int) -> int:
        return next((address - s[2] + s[0] for s in self.stretches if s[2] <= address < s[2] + s[1]), -1)

    def stored(self, address: int, size: int) -> range:
        for s in self.stretches:
            if size and s[2] <= address < s[2] + s[1]:
                start = address - s[2] + s[0]
                return range(start, min(start + size, s[0] + s[1]))
        return range(0)

    def table(self, name: str) -> range:
        return self.stored(*self.tables.get(name, (0, 0)))

    def word(self, at: int) -> int:
        return self.number("I", at)


def signed(value: int, bits: int) -> int:
    return (value + (1 << bits - 1)) % (1 << bits) - (1 << bits - 1)


def find(data: bytes) -> Found | None:
    """[F-51]: the references of each kind that has some; None if there is no image."""
    try:
        image = PlainImage(data)
    except ValueError:
        return None
    relatives = kept("RELATIVE", data, _relatives(image) if image.machine in (62, 3) else [])
    code = _code(image) if image.machine == 183 else []
    all_found = [*_pe(image), *_frames(image), *_relocations(image), *_symbols(image), *code]
    jumps = _jumps(image, relatives) if image.machine == 62 else []
    found = {"RELATIVE": relatives}
    for kind in ("JUMP", "HERE", "BACK", "SHORT", "LONG", "BRANCH", "PAGE", "LOW"):
        listed: list[tuple[int, ...]] = [found_at[1:] for found_at in all_found if found_at[0] == kind]
        found[kind] = kept(kind, data, listed + (jumps if kind == "JUMP" else []))
    return {kind: references for kind, references in found.items() if references}


def kept(kind: str, data: bytes, references: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """[F-51]: those that are whole and do not overlap."""
    result: list[tuple[int, ...]] = []
    width, end = WIDTHS.get(kind, 4), 0
    for reference in sorted(references, key=lambda reference: reference[0]):
        if reference[0] >= end and reference[0] + width <= len(data):
            result.append(reference)
            end = reference[0] + width
    return result


def _long(image: PlainImage, at: int) -> Iterator[tuple[str, int, int]]:
    if 0 <= at <= len(image.data) - 8:
        yield "LONG", at, signed(image.number("q", at) - image.base, 64)


def _short(image: PlainImage, at: int) -> tuple[str, int, int]:
    return "SHORT", at, image.word(at)


def _pe(image: PlainImage) -> Iterator[tuple[str, int, int]]:
    """[F-54]"""
    stored, infos = image.table("exceptions"), set()
    rows = range(stored.start, stored.start + len(stored) // 12 * 12, 12)
    for row in rows:
        yield from (_short(image, row + part) for part in (0, 4, 8))
    for u in {image.offset(image.word(row + 8)) for row in rows}:
        if u < 0 or u + 600 >= len(image.data):
            continue
        f, h = image.data[u] >> 3, u + 4 + 2 * ((image.data[u + 2] + 1) // 2 * 2)
        if f & 3:
            yield _short(image, h)
            i = image.offset(image.word(h + 4))
            if 0 <= i <= len(image.data) - 40 and 0x19930520 <= image.word(i) <= 0x19930527:
                infos.add(i)
                yield _short(image, h + 4)
        if f & 4:
            yield from (_short(image, h + part) for part in (0, 4, 8))
    for i in infos:
        yield from (_short(image, i + 4 * part) for part in (2, 4, 6, 8))
    tries = _rows(image, [(i + 12, i + 16) for i in infos], 20)
    handlers = _rows(image, [(row + 12, row + 16) for row in tries], 20)
    yield from (_short(image, row + 4) for row in _rows(image, [(i + 4, i + 8) for i in infos], 8))
    yield from (_short(image, row) for row in _rows(image, [(i + 20, i + 24) for i in infos], 8))
    yield from (_short(image, row + 16) for row in tries)
    yield from (_short(image, row + part) for row in handlers for part in (4, 12))
    stored = image.table("relocations")
    at = stored.start
    for _ in range(1_048_576):
        length = image.word(at + 4) if at + 8 <= stored.stop else 0
        if length < 8 or at + length > stored.stop:
            break
        for place in range(at + 8, at + length - 1, 2):
            entry = image.number("H", place)
            pointer = image.offset(image.word(at) + entry % 4096)
            if image.machine != 3 and entry >> 12 == 10:
                yield from _long(image, pointer)
            if image.machine == 3 and entry >> 12 == 3 and 0 <= pointer <= len(image.data) - 4:
                yield "SHORT", pointer, image.word(pointer) - image.base
        at += length


def _rows(image: PlainImage, named: list[tuple[int, int]], width: int) -> set[int]:
    tables = {(image.offset(image.word(address)), image.word(count)) for count, address in named}
    sound = [t for t in tables if t[0] >= 0 and t[1] <= 4096 and t[0] + t[1] * width <= len(image.data)]
    if sum(count for _, count in sound) * width > len(image.data):
        return set()
    return {start + width * row for start, count in sound for row in range(count)}


def _relocations(image: PlainImage) -> Iterator[tuple[str, int, int]]:
    """[F-55]"""
    stored = image.table("dynamic")
    rows = range(stored.start, stored.stop - 15, 16)[:4096]
    tags = {image.number("q", row): image.number("Q", row + 8) for row in rows}
    for address, size in ((7, 8), (23, 2)):
        stored = image.stored(tags.get(address, 0), tags.get(size, 0))
        for row in range(stored.start, stored.stop - 23, 24):
            yield from _long(image, row)
            if image.number("q", row + 8) in (8, 1027):
                yield from _long(image, row + 16)
                place = image.offset(image.number("q", row))
                if (
                    0 <= place <= len(image.data) - 8
                    and image.data[place : place + 8] == image.data[row + 16 : row + 24]
                ):
                    yield from _long(image, place)


def _symbols(image: PlainImage) -> Iterator[tuple[str, int, int, int] | tuple[str, int, int]]:
    """[F-55]"""
    if image.data[:4] != b"\x7fELF" or len(image.data) < 64:
        return
    first, size, count = image.number("Q", 40), image.number("H", 58), image.number("H", 60)
    if size != 64 or count > 128 or first + 64 * count > len(image.data):
        return
    for wanted in (2, 11):
        rows, anchor = range(0), 0
        for header in range(first, first + 64 * count, 64):
            offset, length, link = (
                image.number("Q", header + 24),
                image.number("Q", header + 32),
                image.word(header + 40),
            )
            if image.word(header + 4) == wanted and offset + length <= len(image.data) and link < count:
                rows = range(offset, offset + length // 24 * 24, 24)
                anchor = image.address(min(image.number("Q", first + 64 * link + 24), len(image.data)))
        for row in rows:
            yield "JUMP", row, anchor + image.number("i", row), anchor
            yield from _long(image, row + 8)


def _frames(image: PlainImage) -> Iterator[tuple[str, int, int] | tuple[str, int, int, int]]:
    """[F-56]"""
    stored = image.table("frames")
    if len(stored) < 12 or image.data[stored.start :][:4] != b"\x01\x1b\x03\x3b":
        return
    start, header = stored.start, image.tables["frames"][0]
    yield _here(image, start + 4)
    entries = set()
    for row in range(start + 12, start + 12 + 8 * min(image.word(start + 8), (len(stored) - 12) // 8), 8):
        for at in (row, row + 4):
            yield "JUMP", at, header + image.number("i", at), header
        entries.add(image.offset(header + image.number("i", row + 4)))
    entries = {entry for entry in entries if 0 <= entry <= len(image.data) - 24}
    commons = {entry: image.offset(image.address(entry + 4) - image.number("i", entry + 4)) for entry in entries}
    commons = {entry: common for entry, common in commons.items() if common >= 0}
    if len(set(commons.values())) > 4096:
        return
    for entry, common in commons.items():
        yield "BACK", entry + 4, image.address(entry + 4) - image.number("i", entry + 4)
        encodings, personality = _common(image.data[common : common + 64])
        if encodings.get("R") == 0x1B:
            yield _here(image, entry + 8)
            if encodings.get("L") == 0x1B and image.data[entry + 16] == 4 and image.word(entry + 17):
                yield _here(image, entry + 17)
        if encodings.get("P", 0) & 0x7F == 0x1B:
            yield _here(image, common + personality)


def _here(image: PlainImage, at: int) -> tuple[str, int, int]:
    return "HERE", at, image.address(at) + image.number("i", at)


def _common(data: bytes) -> tuple[dict[str, int], int]:
    end = data.find(0, 9)
    if len(data) < 64 or data[4:9] != b"\0\0\0\0\1" or not 10 <= end <= 17 or data[9:10] != b"z":
        return {}, 0
    at, found, personality = end + 5, {}, 0
    for letter in data[10:end]:
        if chr(letter) in "LRP":
            found[chr(letter)] = data[at]
            at += 1
            if letter == ord("P"):
                personality = at
                at += 4
    return found, personality


def _code(image: PlainImage) -> Iterator[tuple[str, int, int]]:
    """[F-57]"""
    for offset, size, address, room, executable in image.stretches:
        seen: list[tuple[int, int, int]] = []  # (offset, register, page)
        found: dict[int, int] = {}
        for at in range(offset, offset + size - 3, 4) if executable else ():
            w, own = image.word(at), at - offset + address
            target = own + 4 * signed(w & 0x3FFFFFF, 26)
            if w & 0x7C000000 == 0x14000000 and address <= target < address + room:
                yield "BRANCH", at, target
            load = w & 0x3B000000 == 0x39000000
            if load or w & 0xFFC00000 == 0x91000000:
                near = [s for s in seen[-8:] if s[0] >= at - 32 and s[1] == w >> 5 & 31 and s[2] >= 0]
                scale = 0 if not load else 4 if not w >> 30 and w >> 23 & 1 and w >> 26 & 1 else w >> 30
                target = near[-1][2] + ((w >> 10 & 0xFFF) << scale) if near else -1
                if near and image.lowest <= target < image.end:
                    yield "LOW", at, target
                    found.setdefault(near[-1][0], target)
            if w & 0x9F000000 == 0x90000000:
                page = own // 4096 * 4096 + 4096 * signed((w >> 5 & 0x7FFFF) << 2 | w >> 29 & 3, 21)
                seen.append((at, w & 31, page))
        yield from (("PAGE", at, target) for at, target in found.items())


def _relatives(image: PlainImage) -> list[tuple[int, ...]]:
    """[F-58]"""
    data = image.data
    found: list[tuple[int, ...]] = []
    for offset, size, address, room, executable in image.stretches:
        for i in range(offset, offset + size - 8) if executable else ():
            calls, loads = [], []
            if data[i] in b"\xe8\xe9":
                calls.append(i + 1)
            if data[i] == 0x0F and 0x80 <= data[i + 1] <= 0x8F:
                calls.append(i + 2)
            if image.machine == 62 and data[i] in ONE and data[i + 1] & 0xC7 == 5:
                loads.append(i + 2)
            if image.machine == 62 and data[i] == 0x0F and data[i + 1] in TWO and data[i + 2] & 0xC7 == 5:
                loads.append(i + 3)
            for places, first, last in ((calls, address, address + room), (loads, image.lowest, image.end)):
                for at in places:
                    target = at - offset + address + 4 + image.number("i", at)
                    if first <= target < last:
                        found.append((at, target))
    return found


def _jumps(image: PlainImage, relatives: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """[F-58]"""
    found: list[tuple[int, ...]] = []
    code = [range(s[2], s[2] + s[3]) for s in image.stretches if s[4]]
    anchors = sorted({target for at, target in relatives if at >= 2 and image.data[at - 2] == 0x8D and target % 4 == 0})
    for offset, size, address, _, executable in image.stretches:
        inside = [] if executable else [anchor for anchor in anchors if address <= anchor < address + size]
        for anchor, end in zip(inside, [*inside, address + size][1:], strict=True):
            for place in range(anchor, min(end, address + size - 3), 4):
                at = place - address + offset
                target = anchor + image.number("i", at)
                if not any(target in stretch for stretch in code):
                    break
                found.append((at, target, anchor))
    return found
