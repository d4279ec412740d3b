"""The bytes of a broadcast datagram, version 1: spec/transfer.md, section 12. No other module knows an offset.

offset   size   meaning, numbers unsigned and little-endian
     0      4   magic, "UNRB"
     4      1   version, 1
     5      8   bundle id: the first bytes of the SHA-256 of the bundle's header
    13      4   block number; 0 is the header
    17      4   length of the block in bytes
    21      4   symbol id, below 2^24
    25      4   CRC-32 of the bytes before it and of the symbol
    29          symbol, up to the last byte of the datagram
"""

import struct
from dataclasses import dataclass
from hashlib import sha256
from zlib import crc32

from bundle.errors import Malformed

MAGIC = b"UNRB"
VERSION = 1
MAX_SYMBOL_BYTES = 1368
MAX_SYMBOLS = 1 << 24
HEAD_BYTES = 29
MAX_DATAGRAM_BYTES = HEAD_BYTES + MAX_SYMBOL_BYTES
ID_BYTES = 8

_HEAD = struct.Struct(f"<4sB{ID_BYTES}sIII")
_CHECKSUM = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Datagram:
    """One coded symbol, and what it is a symbol of. Nothing of it is verified."""

    bundle: bytes
    block: int
    block_bytes: int
    symbol: int
    data: bytes

    def pack(self) -> bytes:
        """The bytes to send."""
        head = _HEAD.pack(MAGIC, VERSION, self.bundle, self.block, self.block_bytes, self.symbol)
        return head + _CHECKSUM.pack(crc32(self.data, crc32(head))) + self.data


def read_datagram(data: bytes) -> Datagram:
    """Reads one [T-120]. Raises Malformed for anything else that comes by, and for one damaged on the way."""
    if len(data) <= HEAD_BYTES or not data.startswith(MAGIC):
        raise Malformed("no datagram of a broadcast")
    _, version, bundle, block, block_bytes, symbol = _HEAD.unpack_from(data)
    if version != VERSION:
        raise Malformed(f"a datagram of version {version}; this unrep reads version {VERSION}")
    if _CHECKSUM.unpack_from(data, _HEAD.size) != (crc32(data[HEAD_BYTES:], crc32(data[: _HEAD.size])),):
        raise Malformed("a damaged datagram")
    if symbol >= MAX_SYMBOLS or not block_bytes or len(data) > MAX_DATAGRAM_BYTES:
        raise Malformed("a datagram out of its bounds")
    return Datagram(bundle, block, block_bytes, symbol, data[HEAD_BYTES:])


def bundle_id(header: bytes) -> bytes:
    """What a broadcast calls a bundle, by its header: preamble, root and signatures."""
    return sha256(header).digest()[:ID_BYTES]
