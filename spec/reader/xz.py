"""The structure of xz streams, and liblzma's engines, for the second reader [F-88] [F-89]."""

import lzma
import struct
import zlib
from dataclasses import dataclass

MAGIC = b"\xfd7zXZ\0"
CHECKS = {0: 0, 1: 4, 4: 8, 10: 32}
DICTIONARIES = (12, 16, 18, 20, 20, 22, 22)


class NoStream(Exception):
    """No stream by [F-88]: `at` bytes of it were seen."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.at = at


@dataclass
class Walk:
    """A walk through a stream that begins at `start`; `at` counts from there."""

    data: bytes
    start: int
    at: int = 0
    plain: int = 0
    chunks: int = 0

    def take(self, size: int) -> bytes:
        first = self.start + self.at
        if first + size > len(self.data):
            raise NoStream(len(self.data) - self.start)
        self.at += size
        return self.data[first : first + size]

    def need(self, condition: bool) -> None:
        if not condition:
            raise NoStream(self.at)

    def stream(self) -> None:
        head = self.take(12)
        self.need(head[:7] == MAGIC + b"\0" and head[7] in CHECKS and head[8:] == crc(head[6:8]))
        blocks = 0
        while size := self.take(1)[0]:
            self.block(bytes([size]) + self.take(4 * size + 3), CHECKS[head[7]])
            blocks += 1
        index = self.at - 1
        self.need(self.number() == blocks)
        for _ in range(2 * blocks):
            self.number()
        self.take(-(self.at - index) % 4 + 4)
        self.need(self.take(12)[8:] == head[6:8] + b"YZ")

    def block(self, header: bytes, check: int) -> None:
        at = 2
        for bit in (64, 128):
            if header[1] & bit:
                while at < len(header) and header[at] >= 128:
                    at += 1
                at += 1
        filters = header[at : at + 3]
        self.need(header[1] & 63 == 0 and filters[:2] == b"\x21\1" and len(filters) == 3 and filters[2] <= 22)
        self.need(header[-4:] == crc(header[:-4]))
        begin, more = self.at, True
        while more:
            self.chunks += 1
            self.need(self.chunks <= 64 + self.at // 1024)
            control = self.take(1)[0]
            self.need(control in (0, 1, 2) or control >= 128)
            more = control > 0
            if control >= 128:
                low, packed = struct.unpack(">HH", self.take(4))
                self.plain += (control % 32 << 16) + low + 1
                self.take(packed + 1 + (control >= 192))
            elif more:
                size = int.from_bytes(self.take(2), "big") + 1
                self.plain += size
                self.take(size)
        self.take(-(self.at - begin) % 4 + check)

    def number(self) -> int:
        value = shift = 0
        byte = self.take(1)[0]
        while byte >= 128 and shift < 56:
            value |= byte % 128 << shift
            shift += 7
            byte = self.take(1)[0]
        return value | byte << shift


def crc(data: bytes) -> bytes:
    return struct.pack("<I", zlib.crc32(data))


def measure(data: bytes, start: int) -> int:
    """The length of the stream that begins there. Raises NoStream."""
    walk = Walk(data, start)
    walk.stream()
    walk.need(walk.plain <= 1040 * walk.at)
    return walk.at


def pack_xz(engine: int, data: bytes) -> bytes:
    """The stream of an engine [F-89]."""
    way = engine - 200
    preset, extreme, check = way % 8, way // 8 % 2, sorted(CHECKS)[way // 16 % 4]
    settings = preset | (lzma.PRESET_EXTREME if extreme else 0)
    if way < 64:
        return lzma.compress(data, lzma.FORMAT_XZ, check, settings)
    dictionary = DICTIONARIES[preset]
    size = max(3 * ((2 + dictionary % 2) << dictionary // 2 + 11), 1 << 20)
    parts, numbers = [MAGIC + bytes([0, check]) + crc(bytes([0, check]))], b""
    for at in range(0, len(data), size):
        plain = data[at : at + size]
        alone = lzma.compress(plain, lzma.FORMAT_XZ, check, settings)
        index = 4 * (int.from_bytes(alone[-8:-4], "little") + 1)
        walk = Walk(alone, len(alone) - 12 - index + 2)
        packed = walk.number() - 12 - CHECKS[check]
        header = b"\xc0" + varint(packed) + varint(len(plain)) + bytes([0x21, 1, dictionary])
        length = 20 if preset else 16
        header = bytes([length // 4 - 1]) + header + bytes(length - 5 - len(header))
        parts += [header, crc(header), alone[24 : 24 + packed + -packed % 4 + CHECKS[check]]]
        numbers += varint(length + packed + CHECKS[check]) + varint(len(plain))
    index_bytes = b"\0" + varint(-(-len(data) // size)) + numbers
    index_bytes += bytes(-len(index_bytes) % 4)
    footer = struct.pack("<I", len(index_bytes) // 4) + bytes([0, check])
    return b"".join([*parts, index_bytes, crc(index_bytes), crc(footer), footer, b"YZ"])


def varint(value: int) -> bytes:
    """As xz has it: seven bits a byte, lowest first."""
    result = bytearray()
    while value >= 128:
        result.append(value % 128 + 128)
        value //= 128
    return bytes([*result, value])
