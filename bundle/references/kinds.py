"""The kinds of references: how the bytes of one say which address it points to. spec/references.md [F-51].

`pointed` reads an address out of a reference, `point` writes one into it. What a reference counts from is its origin.
"""

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from bundle.references import aarch64
from bundle.references.image import Image, Machine
from bundle.references.words import NONE, Bytes, Numbers, read_long, read_unsigned, write


class Kind(IntEnum):
    """In the order in which predictions write them: of references that overlap, the later kind has the last word."""

    JUMP = 0  # 4 bytes in a table, that count from its anchor
    RELATIVE = 1  # 4 bytes that count from their own end
    HERE = 2  # 4 bytes that count from their own first
    BACK = 3  # 4 bytes that count backwards from their own first
    SHORT = 4  # 4 bytes, an address, on x86 and the image's base
    LONG = 5  # 8 bytes, an address and the image's base
    BRANCH = 6  # AArch64: an instruction whose 26 bits count from itself, in words
    PAGE = 7  # AArch64: an instruction whose 21 bits count from its own page, in pages
    LOW = 8  # AArch64: an instruction with the low 12 bits of an address


class Group(NamedTuple):
    """References of one kind: their file offsets, and the addresses that they point to.

    `anchors`: the addresses that jumps count from. Other kinds have none: they count from where they stand, or from the
    image's base.
    """

    where: Numbers = NONE
    targets: Numbers = NONE
    anchors: Numbers = NONE


_FIELDS = {
    Kind.BRANCH: (aarch64.branch_distance, aarch64.with_branch_distance),
    Kind.PAGE: (aarch64.page_distance, aarch64.with_page_distance),
    Kind.LOW: (aarch64.low_part, aarch64.with_low_part),
}


def width_of(kind: Kind) -> int:
    """Bytes of one reference."""
    return 8 if kind == Kind.LONG else 4


def pointer_of(image: Image) -> Kind:
    """The kind of those that base relocations list, which count from the image's base."""
    return Kind.SHORT if image.machine == Machine.X86 else Kind.LONG


def read(kind: Kind, data: Bytes, where: Numbers) -> Numbers:
    """The bytes of each reference as a number, for `pointed`."""
    return read_long(data, where) if kind == Kind.LONG else read_unsigned(data, where)


def pointed(kind: Kind, value: Numbers, origins: Numbers) -> Numbers:
    """The address that each reference points to, as far as it says. A page gives its start, a low part only itself."""
    if kind in (Kind.SHORT, Kind.LONG):
        return value - origins
    if kind in _FIELDS:
        return origins + _FIELDS[kind][0](value)
    signed = (value ^ (1 << 31)) - (1 << 31)
    return origins - signed if kind == Kind.BACK else origins + signed


def point(kind: Kind, data: Bytes, where: Numbers, origins: Numbers, addresses: Numbers) -> None:
    """Makes each reference point to its address."""
    if kind in (Kind.SHORT, Kind.LONG):
        write(data, where, addresses + origins, width_of(kind))
    elif kind in _FIELDS:
        write(data, where, _FIELDS[kind][1](read_unsigned(data, where), addresses - origins), 4)
    else:
        write(data, where, origins - addresses if kind == Kind.BACK else addresses - origins, 4)


def origins_of(kind: Kind, image: Image, where: Numbers, anchors: Numbers) -> Numbers:
    """What each reference counts from (of short and long ones: what is added to the address)."""
    if kind == Kind.JUMP:
        return anchors
    if kind in (Kind.SHORT, Kind.LONG, Kind.LOW):
        return np.full(len(where), image.base if kind == pointer_of(image) else 0, np.int64)
    addresses = image.addresses(where)
    if kind == Kind.PAGE:
        return addresses & ~0xFFF
    return addresses + 4 if kind == Kind.RELATIVE else addresses
