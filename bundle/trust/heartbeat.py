"""A heartbeat: a signed announcement of what is newest, in at most 300 bytes. spec/trust.md, section 6.

It brings no release itself. A ship learns from it that somebody holds something back: a release, a trust root, or a
revocation list.
"""

import msgspec

from bundle.errors import Malformed, Unsupported
from bundle.format import canonical
from bundle.format.root import check_product
from bundle.trust.signing import Signed, Signer, check_signatures, sign_payload
from bundle.trust.trust import Signers, Trust

HEARTBEAT_TYPE = b"unrep/heartbeat/1"
HEARTBEAT_FORMAT = 1
MAX_HEARTBEAT_BYTES = 300
NONCE_BYTES = 8


class Heartbeat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is newest at `time` [R-15]: a product's release, and the versions of trust root and revocation list."""

    heartbeat: int
    product: str
    epoch: int
    seq: int
    trust: int
    revocations: int
    time: int
    nonce: bytes


def sign_heartbeat(beat: Heartbeat, signer: Signer) -> bytes:
    """The file's bytes. Raises Malformed for a value out of its bounds."""
    _check(beat)
    payload = canonical.encode(beat)
    return canonical.encode(Signed(payload, sign_payload(payload, HEARTBEAT_TYPE, [signer])))


def verify_heartbeat(data: bytes, trust: Trust) -> tuple[Heartbeat, Signers]:
    """Reads a heartbeat, and which of the trusted release keys signed it.

    Raises Malformed, Untrusted or Unsupported.
    """
    if len(data) > MAX_HEARTBEAT_BYTES:
        raise Malformed(f"heartbeat: {len(data)} bytes, it has at most {MAX_HEARTBEAT_BYTES}")
    signed = canonical.decode(data, Signed, "heartbeat")
    check_signatures(signed.signatures, "heartbeat")
    signers = trust.signers(signed.payload, HEARTBEAT_TYPE, signed.signatures)
    beat = canonical.decode(signed.payload, Heartbeat, "heartbeat")
    if beat.heartbeat != HEARTBEAT_FORMAT:
        raise Unsupported(f"heartbeat: format {beat.heartbeat} is not {HEARTBEAT_FORMAT}; update unrep first")
    _check(beat)
    return beat, signers


def _check(beat: Heartbeat) -> None:
    check_product(beat.product)
    for name, least in (("epoch", 0), ("seq", 0), ("trust", 0), ("revocations", 0), ("time", 0)):
        value = getattr(beat, name)
        if not least <= value <= canonical.MAX_INTEGER:
            raise Malformed(f"heartbeat: {name} {value} is not within {least} to 2^53 - 1")
    if len(beat.nonce) != NONCE_BYTES:
        raise Malformed(f"heartbeat: a nonce of {len(beat.nonce)} bytes, {NONCE_BYTES} are needed")
