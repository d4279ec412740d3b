"""The trust file: a chain of trust roots, with the revocation list, as people hand it around. spec/trust.md, section 4.

Ashore it may be a draft: signatures of its last trust root or of its list are still missing. Aboard it never is.
"""

import msgspec

from bundle.errors import Malformed
from bundle.format import canonical
from bundle.trust.signing import Links, Signed

MAX_TRUST_FILE_BYTES = 4 * 1024 * 1024


class TrustFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the file holds [R-12]. `key`: the plain key that trust root 1 follows, if there was one."""

    trust: int
    links: Links
    revocations: Signed | None = None
    key: bytes = b""


def is_trust_file(data: bytes) -> bool:
    """Whether these bytes set out to be a trust file, sound or not: a map that begins with the key `trust`."""
    return data[1:7] == b"\xa5trust" and data[0] & 0xF0 == 0x80


def decode_trust_file(data: bytes) -> TrustFile:
    """Raises Malformed for bytes that are no trust file; nothing in it is verified by that."""
    if len(data) > MAX_TRUST_FILE_BYTES:
        raise Malformed(f"{len(data)} bytes, a trust file has at most {MAX_TRUST_FILE_BYTES}")
    file = canonical.decode(data, TrustFile, "trust file")
    if file.trust != 1 or not file.links.roots:
        raise Malformed("trust file: of another format, or without a trust root")
    return file
