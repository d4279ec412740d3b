"""Receipts: what a run came to, signed by the site, small enough for any link. spec/apply.md, section 9.

file      array: payload, signature        canonical msgpack, at most 300 bytes
payload   array: the fields of Receipt     canonical msgpack
signed    the DSSE pre-authentication encoding of the payload, type "unrep/receipt/1", by Ed25519
"""

from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from apply.record.chain import Link
from bundle.errors import Malformed, Untrusted
from bundle.format import canonical
from bundle.format.layout import pre_authentication_encoding
from bundle.names.plain_text import plain
from bundle.trust.signing import VerifyingKey, verifying_key

FORMAT: Final = 1
PAYLOAD_TYPE: Final = b"unrep/receipt/1"
MAX_RECEIPT_BYTES: Final = 300
_MAX_NAME: Final = 31  # characters, all of them ASCII; the tree hash says what a longer name no longer does


class Receipt(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, kw_only=True):
    """What it says. `product`, `version`, `epoch`, `seq`, `tree`: the release that the run was about, 0 and "" if none.

    site: the id of the site's key. serving: the version that `current` named afterwards, "" for none. number, head: the
    run's place in the record, and the chain up to it. time: by the ship's clock, in seconds since 1970.
    """

    receipt: int
    site: bytes
    product: str
    version: str
    epoch: int
    seq: int
    tree: bytes
    outcome: str
    serving: str
    number: int
    head: bytes
    time: int

    def document(self) -> dict[str, Any]:
        """As one JSON object, bytes in hex."""
        fields = msgspec.structs.asdict(self)
        return {name: value.hex() if isinstance(value, bytes) else value for name, value in fields.items()}


class _Envelope(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    payload: bytes
    signature: bytes


def sign_receipt(run: dict[str, Any], link: Link, key: Ed25519PrivateKey, time_s: float) -> bytes:
    """The receipt of a run, given as its record and the record's place in the chain [A-84]."""
    release = run["release"] or {}
    payload = canonical.encode(
        Receipt(
            receipt=FORMAT,
            site=verifying_key(key).key_id,
            product=plain(run["product"])[:_MAX_NAME],
            version=plain(release.get("version", ""))[:_MAX_NAME],
            epoch=release.get("epoch", 0),
            seq=release.get("seq", 0),
            tree=bytes.fromhex(release.get("tree", "")),
            outcome=run["outcome"],
            serving=plain(run["to"])[:_MAX_NAME],
            number=link.number,
            head=bytes.fromhex(link.head),
            time=max(0, int(time_s)),
        )
    )
    return canonical.encode(_Envelope(payload, key.sign(_signed(payload))))


def open_receipt(data: bytes, key: VerifyingKey, name: str) -> Receipt:
    """The receipt in those bytes, which messages call `name` [A-84].

    Raises Malformed, or Untrusted where another key than this one signed it.
    """
    if len(data) > MAX_RECEIPT_BYTES:
        raise Malformed(f"{name}: over {MAX_RECEIPT_BYTES} bytes, no receipt")
    envelope = canonical.decode(data, _Envelope, name)
    try:
        Ed25519PublicKey.from_public_bytes(key.raw).verify(envelope.signature, _signed(envelope.payload))
    except InvalidSignature as error:
        raise Untrusted(f"{name}: not signed by the site with the key id {key.key_id.hex()}") from error
    receipt = canonical.decode(envelope.payload, Receipt, name)
    if receipt.receipt != FORMAT:
        raise Malformed(f"{name}: a receipt of format {receipt.receipt}; this unrep reads format {FORMAT}")
    if receipt.site != key.key_id or len(receipt.tree) not in (0, 32) or len(receipt.head) != 32:
        raise Malformed(f"{name}: a key id or a hash in it is none")
    return receipt


def _signed(payload: bytes) -> bytes:
    return pre_authentication_encoding(payload, PAYLOAD_TYPE)
