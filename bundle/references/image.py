"""The layout of an executable: which file bytes are loaded where. spec/references.md [F-50].

PE32+ and ELF64, for x86-64 and AArch64, and PE32 for x86. Headers may be hostile: whatever they say, reading them ends
soon and never fails. A file that is no image, or that breaks a rule, is `None`. It has no references.
"""

import struct
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bundle.references.pages import Pages
from bundle.references.words import Numbers

# Of an image, each byte of its rooms takes a bit of memory while its references are found [F-50].
MAX_IMAGE_BYTES = 512 * 1024 * 1024
MAX_IMAGE_SHRINKING = 16  # how many times the result a source may be: reading one takes time [F-66]
MAX_SECTIONS = 64
MAX_LAYOUT_NUMBERS = 1 + 4 * (MAX_SECTIONS + 1)  # the base, and four for each stretch, one of them the rest of the file
EH_FRAME = 0x6474E550  # PT_GNU_EH_FRAME
# Symbol tables and debug data of an ELF file are not loaded, yet references point into them. They get addresses of
# their own, far above the usual ones.
REST_ADDRESS = 1 << 39
_LIMIT = 1 << 40  # no address and no size may reach this
_BASE_LIMIT = 1 << 52  # so that the difference of two is a varint


class Machine(Enum):
    """Machines whose code is known, and their words for an address."""

    X86_64 = "x86-64"
    AARCH64 = "aarch64"
    X86 = "x86"


_ELF_MACHINES = {62: Machine.X86_64, 183: Machine.AARCH64}
# By machine and the magic of the optional header. 0xFD1D is 0x8664 as .NET marks code for Linux.
_PE_MACHINES = {
    (0x8664, 0x20B): Machine.X86_64,
    (0xFD1D, 0x20B): Machine.X86_64,
    (0xAA64, 0x20B): Machine.AARCH64,
    (0x14C, 0x10B): Machine.X86,
}


@dataclass(frozen=True)
class Stretch:
    """Bytes `offset` to `offset + size` of the file, loaded at `address`, where `room` bytes are theirs."""

    offset: int
    size: int
    address: int
    room: int
    executable: bool

    @property
    def kind(self) -> tuple[bool, bool]:
        """Stretches of one kind follow each other from image to image."""
        return self.executable, self.address >= REST_ADDRESS


@dataclass(frozen=True)
class Image:
    """Stretches in ascending order of offset and address. `base`: what absolute pointers count from.

    `tables`: (address, size) of the tables in which a kind of executable lists references.
    """

    stretches: tuple[Stretch, ...]
    base: int
    machine: Machine
    tables: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def lowest(self) -> int:
        return min(stretch.address for stretch in self.stretches)

    @property
    def end(self) -> int:
        return max((s.address + s.room for s in self.stretches if s.address < REST_ADDRESS), default=0)

    @property
    def room(self) -> int:
        """How many bytes the rooms of all stretches have together."""
        return sum(stretch.room for stretch in self.stretches)

    def addresses(self, offsets: Numbers) -> Numbers:
        """The address of each file offset. An offset that is not loaded stands for itself."""
        at, within = self._found(offsets, self._columns[0], self._columns[1])
        return np.where(within, offsets - self._columns[0][at] + self._columns[2][at], offsets)

    def offsets(self, addresses: Numbers) -> Numbers:
        """The file offset of each address, -1 where no file byte is loaded."""
        at, within = self._found(addresses, self._columns[2], self._columns[1])
        return np.where(within, addresses - self._columns[2][at] + self._columns[0][at], -1)

    def rooms(self, addresses: Numbers) -> Numbers:
        """Each address, counted through the rooms of all stretches. -1 where it is in none."""
        at, within = self._found(addresses, self._columns[2], self._columns[3])
        before = np.cumsum(self._columns[3]) - self._columns[3]
        return np.where(within, addresses - self._columns[2][at] + before[at], -1)

    def holds_code(self, offsets: Numbers) -> NDArray[np.bool_]:
        """Which offsets are in an executable stretch of x86 or x86-64."""
        at, within = self._found(offsets, self._columns[0], self._columns[1])
        executable = np.array([stretch.executable for stretch in self.stretches])
        found: NDArray[np.bool_] = within & executable[at] & (self.machine != Machine.AARCH64)
        return found

    def moved_rooms(self, addresses: Numbers, new: "Image") -> Numbers:
        """Each address, moved as its stretch is in another image. Those outside of all rooms stay."""
        at, within = self._found(addresses, self._columns[2], self._columns[3])
        steps = np.array(self._steps(new), np.int64)
        return np.where(within, addresses + steps[at], addresses)

    def _steps(self, new: "Image") -> list[int]:
        """How far each stretch moved. Of as many, one follows from the other; else by kind, in their order [F-109]."""
        if len(new.stretches) == len(self.stretches):
            return [after.address - before.address for before, after in zip(self.stretches, new.stretches, strict=True)]
        left: dict[tuple[bool, bool], list[int]] = {}
        for stretch in reversed(new.stretches):
            left.setdefault(stretch.kind, []).append(stretch.address)
        named = ((stretch.address, left.get(stretch.kind)) for stretch in self.stretches)
        return [after.pop() - before if after else 0 for before, after in named]

    @cached_property
    def _columns(self) -> Numbers:
        """Offsets, sizes, addresses and rooms of the stretches."""
        return np.array([(s.offset, s.size, s.address, s.room) for s in self.stretches], np.int64).T

    @staticmethod
    def _found(numbers: Numbers, starts: Numbers, sizes: Numbers) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """(which of the ranges each number is in, whether it is in any)."""
        at = np.searchsorted(starts, numbers, "right") - 1
        return at, (at >= 0) & (numbers < starts[at] + sizes[at])

    def stored(self, address: int, size: int) -> tuple[int, int]:
        """(first offset, end) of what lies at an address, cut at its stretch's end. Nothing if not in the file."""
        for s in self.stretches:
            if size and s.address <= address < s.address + s.size:
                start = address - s.address + s.offset
                return start, min(start + size, s.offset + s.size)
        return 0, 0

    def table(self, name: str) -> tuple[int, int]:
        """The same of a table."""
        return self.stored(*self.tables.get(name, (0, 0)))

    def numbers(self) -> list[int]:
        """The layout as numbers, for another image that is described by its differences."""
        return [self.base, *(n for s in self.stretches for n in (s.offset, s.size, s.address, s.room))]

    def whole_numbers(self) -> list[int]:
        """The stretches as numbers, five each, for an image with another number of them."""
        return [n for s in self.stretches for n in (s.offset, s.size, s.address, s.room, int(s.executable))]

    def laid_out(self, base: int, numbers: list[int]) -> "Image | None":
        """An image of the same machine with stretches of `whole_numbers`. None if that is no layout."""
        if not 0 < len(numbers) <= 5 * (MAX_SECTIONS + 1) or len(numbers) % 5 or set(numbers[4::5]) - {0, 1}:
            return None
        stretches = tuple(
            Stretch(*numbers[at : at + 4], executable=bool(numbers[at + 4]))  # type: ignore[misc,arg-type]
            for at in range(0, len(numbers), 5)
        )
        return _checked(Image(stretches, base, self.machine))

    def moved(self, numbers: list[int]) -> "Image | None":
        """An image with as many stretches, laid out as `numbers` say. None if that is no layout."""
        stretches = tuple(
            Stretch(*numbers[at : at + 4], executable=before.executable)  # type: ignore[misc,arg-type]
            for at, before in zip(range(1, len(numbers), 4), self.stretches, strict=True)
        )
        return _checked(Image(stretches, numbers[0], self.machine))


def read_image(data: Pages) -> Image | None:
    """The layout of an executable, None if it is none that is known."""
    if data.size > MAX_IMAGE_BYTES:
        return None
    try:
        if data.span(0, 2).tobytes() == b"MZ":
            return _read_pe(data)
        if data.span(0, 7).tobytes() == b"\x7fELF\x02\x01\x01":
            return _read_elf(data)
    except struct.error:
        return None
    return None


def _unpack(form: str, data: Pages, at: int) -> tuple[Any, ...]:
    """The fields at an offset. Raises struct.error if they lie outside of the file."""
    return struct.unpack(form, data.span(at, at + struct.calcsize(form)).tobytes())


def _read_pe(data: Pages) -> Image | None:
    (header,) = _unpack("<I", data, 0x3C)
    magic, machine, count, optional, kind = _unpack("<4sHH12xH2xH", data, header)
    known = _PE_MACHINES.get((machine, kind))
    if magic != b"PE\0\0" or known is None or not 0 < count <= MAX_SECTIONS:
        return None
    (base,) = _unpack("<I", data, header + 24 + 28) if known == Machine.X86 else _unpack("<Q", data, header + 24 + 24)
    directories = header + 24 + (96 if known == Machine.X86 else 112)
    exceptions = _unpack("<II", data, directories + 3 * 8)
    relocations = _unpack("<II", data, directories + 5 * 8)
    stretches = []
    for number in range(count):
        room, address, size, offset, flags = _unpack("<8xIIII12xI", data, header + 24 + optional + 40 * number)
        size = max(0, min(size, data.size - offset))
        if size:  # a section without bytes in the file, such as .bss, has nothing that a patch could make
            stretches.append(Stretch(offset, size, address, max(room, size), bool(flags & 0x20000000)))
    tables = {"relocations": relocations}
    # The exception data of AArch64 may pack its unwind codes in the place of an address: no rule reads it [F-54].
    if known == Machine.X86_64:
        tables["exceptions"] = exceptions
    return _checked(Image(tuple(stretches), base, known, tables))


def _read_elf(data: Pages) -> Image | None:
    machine, program, entry_bytes, count = _unpack("<2xH12xQ14xHH", data, 16)
    if machine not in _ELF_MACHINES or entry_bytes != 56 or not 0 < count <= MAX_SECTIONS:
        return None
    stretches, tables = [], {}
    for number in range(count):
        kind, flags, offset, address, size, room = _unpack("<IIQQ8xQQ", data, program + 56 * number)
        if kind == 1 and size:
            stretches.append(Stretch(offset, max(0, min(size, data.size - offset)), address, room, bool(flags & 1)))
        elif kind == 2:
            tables["dynamic"] = (address, size)
        elif kind == EH_FRAME:
            tables["frames"] = (address, size)
    # What is behind the last loaded byte: section headers, symbol tables, debug data.
    loaded = max((s.offset + s.size for s in stretches), default=data.size)
    if loaded < data.size:
        stretches.append(Stretch(loaded, data.size - loaded, REST_ADDRESS + loaded, data.size - loaded, False))
    return _checked(Image(tuple(stretches), 0, _ELF_MACHINES[machine], tables))


def _checked(image: Image) -> Image | None:
    """The image, if its stretches ascend, do not overlap and have bounds, in offsets and addresses alike."""
    # Without overlap an address has one offset, and an offset one address. Under these bounds no sum or difference of
    # addresses overflows 64 bits.
    end_offset = end_address = 0
    for s in image.stretches:
        if s.offset < end_offset or s.address < end_address or not 0 < s.size <= s.room:
            return None
        end_offset, end_address = s.offset + s.size, s.address + s.room
    if image.room > MAX_IMAGE_BYTES:
        return None
    known = image.stretches and end_offset < _LIMIT and end_address < _LIMIT and 0 <= image.base < _BASE_LIMIT
    return image if known else None
