"""The bytes of a bundle file, format 1: spec/format.md, section 2. No other module knows an offset.

    offset   size   meaning
         0      5   magic, "UNREP"
         5      1   format version, 1
         6      4   length of the root in bytes, unsigned, little-endian
        10      4   length of the signature block in bytes, unsigned, little-endian
        14      r   root: canonical msgpack
      14+r      s   signature block: canonical msgpack
    14+r+s          sections, back to back in the order of the root, up to the last byte of the file

A section of body length n is stored as its hash tables, topmost first, followed by its body
(`bundle.format.pieces`); a body is an index followed by its packs (`bundle.format.index`).
"""

import struct
from dataclasses import dataclass

from bundle.errors import Malformed, Unsupported

MAGIC = b"UNREP"
FORMAT = 1
PREAMBLE_BYTES = 14
MAX_ROOT_BYTES = 256 * 1024
MAX_SIGNATURES_BYTES = 64 * 1024
PAYLOAD_TYPE = b"unrep/root/1"

_PREAMBLE = struct.Struct("<5sBII")


@dataclass(frozen=True)
class Preamble:
    """The lengths, in bytes, of the two parts that follow the preamble."""

    root_bytes: int
    signatures_bytes: int

    @property
    def header_bytes(self) -> int:
        """Length of preamble, root and signature block together: where the sections begin."""
        return PREAMBLE_BYTES + self.root_bytes + self.signatures_bytes

    def pack(self) -> bytes:
        """The 14 bytes of the preamble."""
        return _PREAMBLE.pack(MAGIC, FORMAT, self.root_bytes, self.signatures_bytes)


def read_preamble(data: bytes) -> Preamble:
    """Reads the preamble from the first bytes of a bundle [F-1], [F-2].

    Raises Malformed for anything that is not a bundle, Unsupported for another format version.
    """
    if len(data) < PREAMBLE_BYTES or not data.startswith(MAGIC):
        raise Malformed("this is not an unrep bundle: it does not start with the preamble 'UNREP'")
    _, version, root_bytes, signatures_bytes = _PREAMBLE.unpack_from(data)
    if version != FORMAT:
        raise Unsupported(f"the bundle has format version {version}; this unrep reads version {FORMAT}")
    if not 0 < root_bytes <= MAX_ROOT_BYTES:
        raise Malformed(f"preamble: root length {root_bytes} is not within 1 to {MAX_ROOT_BYTES} bytes")
    if not 0 < signatures_bytes <= MAX_SIGNATURES_BYTES:
        raise Malformed(
            f"preamble: signature block length {signatures_bytes} is not within 1 to {MAX_SIGNATURES_BYTES} bytes"
        )
    return Preamble(root_bytes, signatures_bytes)


def pre_authentication_encoding(payload: bytes, payload_type: bytes = PAYLOAD_TYPE) -> bytes:
    """The bytes that a signature covers: PAE of the DSSE protocol, version 1 [F-10]."""
    return b"DSSEv1 %d %s %d %s" % (len(payload_type), payload_type, len(payload), payload)
