"""The bytes of pull's datagrams, version 1: spec/transfer.md, section 17. No other module knows an offset.

offset   size   meaning, numbers unsigned and little-endian
     0      2   magic, "UP"
     2      1   version, 1
     3      1   kind: 1 open, 2 grant, 3 ask, 4 data, 5 refusal
     4      4   session: a number that the ship drew; each answer repeats it
     8      4   number of the request; each answer repeats it

open, from the ship
    12      2   packet: the most bytes of the file in one answer
    14      8   offset  the range that is asked for with it
    22      4   length
    26      2   length of the path
    28          path as in a URL, UTF-8; zero bytes behind it

grant
    12      8   cookie: belongs to the ship's address
    20      8   handle: stands for the file as it is now
    28      8   length of the file

ask, from the ship
    12      8   cookie
    20      8   handle
    28      2   packet, as in an open
    30          1 to 16 ranges: offset 8, length 4

data
    12      8   offset in the file
    20          bytes of the file, up to the last one of the datagram

refusal
    12      1   reason: 1 no such file, 2 handle not known, 3 cookie not valid, 4 nothing there to send
    13      8   cookie that is valid now, for reason 3; else zeros
"""

import struct
from dataclasses import dataclass
from enum import IntEnum

from bundle.errors import Malformed

MAGIC = b"UP"
VERSION = 1
WIRE_BYTES = 28  # IP and UDP
DATA_HEAD_BYTES = 20
GRANT_BYTES = 36
MAX_DATAGRAM_BYTES = 1472  # 1,500 with IP and UDP
PACKET_BYTES = MAX_DATAGRAM_BYTES - DATA_HEAD_BYTES
SMALL_PACKET_BYTES = 1200 - WIRE_BYTES - DATA_HEAD_BYTES  # passes wherever UDP passes
MIN_PACKET_BYTES = 256
MAX_RANGES = 16
MAX_AMPLIFICATION = 3
MAX_PATH_BYTES = 1024
TOKEN_BYTES = 8
NO_COOKIE = bytes(TOKEN_BYTES)
MAX_OFFSET = (1 << 53) - 1

_HEAD = struct.Struct("<2sBBII")
_OPEN = struct.Struct("<HQIH")
_GRANT = struct.Struct(f"<{TOKEN_BYTES}s{TOKEN_BYTES}sQ")
_ASK = struct.Struct(f"<{TOKEN_BYTES}s{TOKEN_BYTES}sH")
_RANGE = struct.Struct("<QI")
_OFFSET = struct.Struct("<Q")
_REFUSAL = struct.Struct(f"<B{TOKEN_BYTES}s")

Range = tuple[int, int]  # offset, length


class Kind(IntEnum):
    """What a datagram is."""

    OPEN = 1
    GRANT = 2
    ASK = 3
    DATA = 4
    REFUSAL = 5


class Reason(IntEnum):
    """Why a request is not answered."""

    NO_FILE = 1
    HANDLE = 2
    COOKIE = 3
    PAST_END = 4


@dataclass(frozen=True, slots=True)
class Open:
    """Asks for a file by its path, and for the first bytes that are wanted of it."""

    session: int
    number: int
    packet: int
    range: Range
    path: str

    def pack(self, padded_bytes: int = 0) -> bytes:
        """The bytes to send; zeros behind them up to `padded_bytes`, which an answer is measured by."""
        path = self.path.encode()
        head = _HEAD.pack(MAGIC, VERSION, Kind.OPEN, self.session, self.number)
        return (head + _OPEN.pack(self.packet, *self.range, len(path)) + path).ljust(padded_bytes, b"\0")


@dataclass(frozen=True, slots=True)
class Grant:
    """What a ship needs to ask for more of a file."""

    session: int
    number: int
    cookie: bytes
    handle: bytes
    total_bytes: int

    def pack(self) -> bytes:
        """The bytes to send."""
        head = _HEAD.pack(MAGIC, VERSION, Kind.GRANT, self.session, self.number)
        return head + _GRANT.pack(self.cookie, self.handle, self.total_bytes)


@dataclass(frozen=True, slots=True)
class Ask:
    """Asks for ranges of a file that was granted."""

    session: int
    number: int
    cookie: bytes
    handle: bytes
    packet: int
    ranges: tuple[Range, ...]

    def pack(self) -> bytes:
        """The bytes to send."""
        head = _HEAD.pack(MAGIC, VERSION, Kind.ASK, self.session, self.number)
        return head + _ASK.pack(self.cookie, self.handle, self.packet) + b"".join(_RANGE.pack(*r) for r in self.ranges)


@dataclass(frozen=True, slots=True)
class Data:
    """Bytes of the file."""

    session: int
    number: int
    offset: int
    data: bytes

    def pack(self) -> bytes:
        """The bytes to send."""
        return _HEAD.pack(MAGIC, VERSION, Kind.DATA, self.session, self.number) + _OFFSET.pack(self.offset) + self.data


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no data."""

    session: int
    number: int
    reason: Reason
    cookie: bytes = NO_COOKIE

    def pack(self) -> bytes:
        """The bytes to send."""
        head = _HEAD.pack(MAGIC, VERSION, Kind.REFUSAL, self.session, self.number)
        return head + _REFUSAL.pack(self.reason, self.cookie)


Request = Open | Ask
Answer = Grant | Data | Refusal


def read_request(data: bytes) -> Request:
    """What a ship sends [T-156], [T-157]. Raises Malformed for anything else."""
    kind, session, number = _read_head(data)
    try:
        if kind == Kind.OPEN:
            packet, offset, length, path_bytes = _OPEN.unpack_from(data, _HEAD.size)
            start = _HEAD.size + _OPEN.size
            path, padding = data[start : start + path_bytes], data[start + path_bytes :]
            if len(path) != path_bytes or path_bytes > MAX_PATH_BYTES or padding.strip(b"\0"):
                raise Malformed("an open whose path does not fit")
            _check_bounds(packet, [(offset, length)])
            return Open(session, number, packet, (offset, length), path.decode())
        if kind == Kind.ASK:
            cookie, handle, packet = _ASK.unpack_from(data, _HEAD.size)
            ranges = tuple(_RANGE.iter_unpack(data[_HEAD.size + _ASK.size :]))
            if not 0 < len(ranges) <= MAX_RANGES:
                raise Malformed("an ask with too many ranges, or none")
            _check_bounds(packet, ranges)
            return Ask(session, number, cookie, handle, packet, ranges)
    except (struct.error, UnicodeDecodeError) as error:
        raise Malformed("a request of the wrong length") from error
    raise Malformed("no request")


def read_answer(data: bytes) -> Answer:
    """What a server sends [T-158]. Raises Malformed for anything else."""
    kind, session, number = _read_head(data)
    body = data[_HEAD.size :]
    try:
        if kind == Kind.DATA:
            (offset,) = _OFFSET.unpack_from(body)
            if len(data) == DATA_HEAD_BYTES:
                raise Malformed("data without a byte")
            return Data(session, number, offset, body[_OFFSET.size :])
        if kind == Kind.GRANT:
            cookie, handle, total_bytes = _GRANT.unpack(body)
            if total_bytes > MAX_OFFSET:
                raise Malformed("a grant of more than there can be")
            return Grant(session, number, cookie, handle, total_bytes)
        if kind == Kind.REFUSAL:
            reason, cookie = _REFUSAL.unpack(body)
            return Refusal(session, number, Reason(reason), cookie)
    except (struct.error, ValueError) as error:
        raise Malformed("an answer of the wrong length") from error
    raise Malformed("no answer")


def _read_head(data: bytes) -> tuple[int, int, int]:
    if not _HEAD.size < len(data) <= MAX_DATAGRAM_BYTES or not data.startswith(MAGIC):
        raise Malformed("no datagram of pull")
    _, version, kind, session, number = _HEAD.unpack_from(data)
    if version != VERSION:
        raise Malformed(f"a datagram of version {version}; this unrep reads version {VERSION}")
    return kind, session, number


def _check_bounds(packet: int, ranges: "list[Range] | tuple[Range, ...]") -> None:
    if not MIN_PACKET_BYTES <= packet <= PACKET_BYTES:
        raise Malformed("a request for packets that are too long or too short")
    if any(not length or offset + length > MAX_OFFSET for offset, length in ranges):
        raise Malformed("a request for a range that is none")
