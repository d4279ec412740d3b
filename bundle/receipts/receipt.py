"""A receipt, format 2: its fields, its bounds, how it is signed and opened. spec/receipts.md.

file      array: payload, [[key id, signature]]     canonical msgpack, at most 300 bytes
payload   array: the fields of Receipt, in order    canonical msgpack
signed    the DSSE pre-authentication encoding of the payload, type "unrep/receipt/2", by Ed25519

    data = sign_receipt(receipt, key)
    opened = open_receipt(data, {key.key_id: key}, "mercy/00000007.receipt")
    opened.site, opened.receipt.outcome_name, opened.mark    # mark: what the next receipt has as `before`
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import msgspec

from bundle.errors import Malformed, Unsupported, Untrusted
from bundle.format import canonical
from bundle.names.plain_text import plain
from bundle.receipts import meanings
from bundle.trust.signing import Signed, Signer, VerifyingKey, check_signatures, sign_payload, signers_of

FORMAT: Final = 2
PAYLOAD_TYPE: Final = b"unrep/receipt/2"
MAX_RECEIPT_BYTES: Final = 300
MARK_BYTES: Final = 8
HEAD_BYTES: Final = 16
TREE_BYTES: Final = 8
HELD_BYTES: Final = 4
MAX_HELD: Final = 7
MAX_REASON_BYTES: Final = 40
MAX_NAME_BYTES: Final = 23
MAX_PROGRAM_BYTES: Final = 15
MAX_NUMBER: Final = 2**32 - 1
MAX_MEANING: Final = 127
_TEXTS: Final = {
    "reason": MAX_REASON_BYTES,
    "product": MAX_NAME_BYTES,
    "origin": MAX_NAME_BYTES,
    "to": MAX_NAME_BYTES,
    "program": MAX_PROGRAM_BYTES,
}
_LARGEST: Final = {
    "number": MAX_NUMBER,
    "record": MAX_NUMBER,
    "outcome": MAX_MEANING,
    "code": MAX_MEANING,
    "deploy_ms": MAX_NUMBER,
    "outage_ms": MAX_NUMBER,
    "paid": canonical.MAX_INTEGER,
    "hold": 1,
    "free_mib": MAX_NUMBER,
    "time": canonical.MAX_INTEGER,
}


class UnknownSite(Untrusted):
    """No key at hand is that of the site that claims to have signed it."""


class Receipt(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, kw_only=True):
    """What a ship says [C-3]; texts "" and hashes b"" for what there is not.

    number, before: its place in the site's chain. record, head: the latest run on record, and the chain up to it.
    origin, to: the version that served before, and the one that this is about, with its `tree`. serving: the tree that
    serves now. held: ids of the trees aboard. outage_ms: from the switch until healthy. paid: bytes of the link.
    """

    receipt: int = FORMAT
    number: int
    before: bytes = b""
    record: int = 0
    head: bytes = b""
    outcome: int
    code: int = 0
    reason: str = ""
    product: str = ""
    origin: str = ""
    to: str = ""
    tree: bytes = b""
    serving: bytes = b""
    held: bytes = b""
    deploy_ms: int = 0
    outage_ms: int = 0
    paid: int = 0
    hold: int = 0
    free_mib: int = 0
    program: str = ""
    time: int = 0

    @property
    def outcome_name(self) -> str:
        return meanings.outcome_name(self.outcome)

    @property
    def code_name(self) -> str:
        return meanings.code_name(self.code)

    @property
    def kind(self) -> str:
        """`outcome`, `refusal`, `stranded`, `drifted`, `config-broken`, `unhealthy` or `alive` [C-6]."""
        return meanings.kind_of(self.outcome_name)

    @property
    def held_trees(self) -> list[bytes]:
        """The first 4 bytes of the tree hash of each release aboard."""
        return [self.held[at : at + HELD_BYTES] for at in range(0, len(self.held), HELD_BYTES)]


@dataclass(frozen=True)
class Opened:
    """A receipt whose signature is that of its site. site: the id of the site's key. mark: see `mark_of`."""

    site: bytes
    mark: bytes
    receipt: Receipt

    def document(self) -> dict[str, Any]:
        """As one JSON object: bytes in hex, numbers in words, times in seconds."""
        said = self.receipt
        return {
            "receipt": said.receipt,
            "site": self.site.hex(),
            "number": said.number,
            "kind": said.kind,
            "outcome": said.outcome_name,
            "code": said.code_name,
            "reason": said.reason,
            "product": said.product,
            "from": said.origin,
            "to": said.to,
            "tree": said.tree.hex(),
            "serving": said.serving.hex(),
            "held": [tree.hex() for tree in said.held_trees],
            "deploy_seconds": said.deploy_ms / 1000,
            "outage_seconds": said.outage_ms / 1000,
            "bytes_paid": said.paid,
            "hold": bool(said.hold),
            "free_bytes": said.free_mib << 20,
            "program": said.program,
            "time": said.time,
            "record": said.record,
            "head": said.head.hex(),
            "before": said.before.hex(),
            "mark": self.mark.hex(),
        }


def fitted(receipt: Receipt) -> Receipt:
    """The same with texts cut, numbers and trees bounded as [C-4] has them, so that it can be signed."""
    changes: dict[str, Any] = {name: cut(getattr(receipt, name), most) for name, most in _TEXTS.items()}
    changes |= {name: min(max(0, getattr(receipt, name)), most) for name, most in _LARGEST.items()}
    changes["held"] = receipt.held[: MAX_HELD * HELD_BYTES]
    return msgspec.structs.replace(receipt, **changes)


def cut(text: str, most_bytes: int) -> str:
    """Plain text of at most so many bytes of UTF-8, cut between two characters."""
    return plain(text).encode()[:most_bytes].decode(errors="ignore")


def sign_receipt(receipt: Receipt, key: Signer) -> bytes:
    """The bytes of the file; its reason is cut until they are few enough [C-4]. Raises Malformed."""
    _check(receipt, "receipt")
    while len(data := _signed(receipt, key)) > MAX_RECEIPT_BYTES:
        receipt = msgspec.structs.replace(receipt, reason=receipt.reason[:-1])
    return data


def open_receipt(data: bytes, keys: Mapping[bytes, VerifyingKey], name: str) -> Opened:
    """The receipt in those bytes, which messages call `name`. `keys`: of sites, by their ids.

    Raises Malformed, Unsupported, UnknownSite for a site that has no key there, Untrusted for a bad signature.
    """
    signed = _envelope(data, name)
    site = signed.signatures[0].key_id
    if site not in keys:
        raise UnknownSite(f"{name}: signed by site {site.hex()}, whose key is not among those given")
    if not signers_of(signed.payload, PAYLOAD_TYPE, signed.signatures, [keys[site]]):
        raise Untrusted(f"{name}: its signature is not by the key of site {site.hex()}")
    return Opened(site, mark_of(data), _parsed(signed.payload, name))


def mark_of(data: bytes) -> bytes:
    """What the next receipt of the chain has as `before`: the first 8 bytes of the SHA-256 of this one's bytes."""
    return sha256(data).digest()[:MARK_BYTES]


def read_unproven(data: bytes, name: str) -> Receipt:
    """What it says, whoever signed it: for a reader that proves it by the receipt after it. Raises Malformed or
    Unsupported."""
    return _parsed(_envelope(data, name).payload, name)


def claimed_site(data: bytes, name: str) -> bytes:
    """The id of the site that a receipt says is its own, which nothing has verified. Raises Malformed."""
    return _envelope(data, name).signatures[0].key_id


def claimed_time(data: bytes) -> int:
    """When a receipt says that it was signed, which nothing has verified: for those of one's own. Raises Malformed."""
    return canonical.decode(_envelope(data, "a receipt").payload, Receipt, "a receipt").time


def _signed(receipt: Receipt, key: Signer) -> bytes:
    payload = canonical.encode(receipt)
    return canonical.encode(Signed(payload, sign_payload(payload, PAYLOAD_TYPE, [key])))


def _envelope(data: bytes, name: str) -> Signed:
    """[C-1]"""
    if len(data) > MAX_RECEIPT_BYTES:
        raise Malformed(f"{name}: over {MAX_RECEIPT_BYTES} bytes, no receipt")
    signed = canonical.decode(data, Signed, name)
    check_signatures(signed.signatures, name)
    if len(signed.signatures) > 1:
        raise Malformed(f"{name}: {len(signed.signatures)} signatures; a receipt has one")
    return signed


def _parsed(payload: bytes, name: str) -> Receipt:
    # The format comes first: the rest of another one may be anything.
    try:
        number = msgspec.msgpack.decode(payload, type=list[Any])[:1]
    except canonical.FAULTS as error:
        raise Malformed(f"{name}: {canonical.decoder_message(error)}") from error
    if number != [FORMAT]:
        shown = plain(repr(*number))[:20] if number else "none"
        raise Unsupported(f"{name}: a receipt of format {shown}; this unrep reads format {FORMAT}")
    receipt = canonical.decode(payload, Receipt, name)
    _check(receipt, name)
    return receipt


def _check(receipt: Receipt, name: str) -> None:
    """[C-4]"""
    for field, most in _LARGEST.items():
        if not 0 <= getattr(receipt, field) <= most:
            raise Malformed(f"{name}: {field} {getattr(receipt, field)} is not within 0 to {most}")
    for field, most in _TEXTS.items():
        if len(getattr(receipt, field).encode()) > most:
            raise Malformed(f"{name}: {field} has over {most} bytes")
    if not receipt.number or not receipt.outcome:
        raise Malformed(f"{name}: it has no number or no outcome")
    hashes = {"before": MARK_BYTES, "head": HEAD_BYTES, "tree": TREE_BYTES, "serving": TREE_BYTES}
    for field, size in hashes.items():
        if len(getattr(receipt, field)) not in (0, size):
            raise Malformed(f"{name}: {field} has {len(getattr(receipt, field))} bytes; it has 0 or {size}")
    if (receipt.number == 1) != (not receipt.before) or (receipt.record == 0) != (not receipt.head):
        raise Malformed(f"{name}: what comes before it does not fit its number")
    if len(receipt.held) % HELD_BYTES or len(receipt.held) > MAX_HELD * HELD_BYTES:
        raise Malformed(f"{name}: held has {len(receipt.held)} bytes")
