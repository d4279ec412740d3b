"""A ticket: the content key of one bundle, sealed to one ship, signed by shore. spec/sealing.md, section 4.

    offset   size   meaning
         0      1   format, 1
         1      4   bundle: the first bytes of the hash of its root
         5      4   ship: the first bytes of the id of its key
         9     64   the content key, sealed by HPKE: encapsulated key (32), ciphertext and tag (16 + 16)
        73   72 n   signatures, ascending by key id: key id (8), Ed25519 signature (64)

The hints at 1 and 5 are for messages. What binds is the seal, whose `info` has ship and root whole, and the signature,
which covers the root's hash and all that stands before it. A ticket with one signature has 145 bytes.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from bundle.errors import Malformed, Sealed, Unsupported, naming
from bundle.format.section_cipher import ContentKey
from bundle.host.files import read_plain
from bundle.read.reader import VerifiedRoot
from bundle.recipients.ship_key import ShipKey, ShipPublicKey
from bundle.trust.signing import (
    KEY_ID_BYTES,
    MAX_SIGNATURES,
    SIGNATURE_BYTES,
    Signature,
    Signer,
    check_signatures,
    sign_payload,
)
from bundle.trust.trust import Trust

TICKET_TYPE = b"unrep/ticket/1"
TICKET_FORMAT = 1
HINT_BYTES = 4

_HEAD = struct.Struct("<B4s4s64s")
_ENTRY_BYTES = KEY_ID_BYTES + SIGNATURE_BYTES
MAX_TICKET_BYTES = _HEAD.size + MAX_SIGNATURES * _ENTRY_BYTES

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


@dataclass(frozen=True)
class Ticket:
    """A ticket that was read. `head` is what its signatures cover of it."""

    head: bytes
    bundle: bytes
    ship: bytes
    sealed: bytes
    signatures: list[Signature]


def issue_ticket(key: ContentKey, ship: ShipPublicKey, root_hash: bytes, signers: Sequence[Signer]) -> bytes:
    """A ticket for that ship and the bundle with that root. Its bytes differ each time [S-9]."""
    sealed = _SUITE.encrypt(key.raw, X25519PublicKey.from_public_bytes(ship.raw), _info(ship, root_hash))
    head = _HEAD.pack(TICKET_FORMAT, root_hash[:HINT_BYTES], ship.key_id[:HINT_BYTES], sealed)
    return _signed(head, root_hash, signers)


def sign_ticket_anew(data: bytes, root_hash: bytes, signers: Sequence[Signer]) -> bytes:
    """The ticket with these signatures alone. Raises Malformed or Unsupported; Sealed if it is for another bundle."""
    ticket = decode_ticket(data)
    _check_bundle(ticket, root_hash)
    return _signed(ticket.head, root_hash, signers)


def decode_ticket(data: bytes) -> Ticket:
    """Raises Malformed or Unsupported for bytes that are no ticket [S-8]; nothing in it is verified by that."""
    if data[:1] not in (b"", bytes([TICKET_FORMAT])):
        raise Unsupported(f"ticket: format {data[0]} is not {TICKET_FORMAT}; is it a ticket? If so, update unrep first")
    head, entries = data[: _HEAD.size], data[_HEAD.size :]
    if len(head) < _HEAD.size or len(entries) % _ENTRY_BYTES:
        raise Malformed(f"ticket: no ticket has {len(data)} bytes; it was cut short, or is something else")
    _, bundle, ship, sealed = _HEAD.unpack(head)
    starts = range(0, len(entries), _ENTRY_BYTES)
    signatures = [
        Signature(entries[at : at + KEY_ID_BYTES], entries[at + KEY_ID_BYTES :][:SIGNATURE_BYTES]) for at in starts
    ]
    check_signatures(signatures, "ticket")
    if any(a.key_id > b.key_id for a, b in pairwise(signatures)):
        raise Malformed("ticket: its signatures do not ascend by key id")
    return Ticket(head, bundle, ship, sealed, signatures)


def verify_ticket(ticket: Ticket, root_hash: bytes, trust: Trust) -> None:
    """Raises Sealed if it is for another bundle, Untrusted unless trusted keys signed it for this one [S-10]."""
    _check_bundle(ticket, root_hash)
    trust.signers(root_hash + ticket.head, TICKET_TYPE, ticket.signatures)


def open_ticket(ticket: Ticket, key: ShipKey, root_hash: bytes) -> ContentKey:
    """The content key. Raises Sealed if the ticket is for another bundle or ship, whatever its hints say [S-11]."""
    _check_bundle(ticket, root_hash)
    ship = key.public
    if ticket.ship != ship.key_id[:HINT_BYTES]:
        raise Sealed(
            f"the ticket of another ship, whose key id begins with {ticket.ship.hex()}; "
            f"this ship's is {ship.key_id.hex()}: ask shore for a ticket for that"
        )
    try:
        return ContentKey(_SUITE.decrypt(ticket.sealed, key.private, _info(ship, root_hash)))
    except (InvalidTag, ValueError) as error:
        raise Sealed(
            f"does not open with this ship's key, whose id is {ship.key_id.hex()}: ask shore for a ticket for that"
        ) from error


@dataclass(frozen=True)
class TicketFile:
    """Where a ship's ticket for a bundle lies. Calling it gives the content key, as `bundle.read.reader.Unlock`.

    `is_trusted_only`: whether the signature must be by whom the bundle was verified. Only display does without.
    """

    key: ShipKey
    path: Path
    is_trusted_only: bool = True

    def __call__(self, verified: VerifiedRoot) -> ContentKey:
        """Raises Sealed if it is not there or not for this ship and bundle; Untrusted, Malformed or Unsupported."""
        with naming(self.path):
            ticket = decode_ticket(self._read())
            if self.is_trusted_only:
                verify_ticket(ticket, verified.root_hash, verified.trust)
            return open_ticket(ticket, self.key, verified.root_hash)

    def _read(self) -> bytes:
        try:
            return read_plain(self.path, MAX_TICKET_BYTES + 1)
        except OSError as error:
            raise Sealed(
                f"cannot be read ({error.strerror}), and the bundle is encrypted: ask shore for the ticket of the ship "
                f"whose key id is {self.key.public.key_id.hex()}"
            ) from error


def _signed(head: bytes, root_hash: bytes, signers: Sequence[Signer]) -> bytes:
    signatures = sign_payload(root_hash + head, TICKET_TYPE, signers)
    return head + b"".join(signature.key_id + signature.value for signature in signatures)


def _info(ship: ShipPublicKey, root_hash: bytes) -> bytes:
    return TICKET_TYPE + ship.raw + root_hash


def _check_bundle(ticket: Ticket, root_hash: bytes) -> None:
    if ticket.bundle != root_hash[:HINT_BYTES]:
        raise Sealed(
            f"a ticket for another bundle, the hash of whose root begins with {ticket.bundle.hex()}, "
            f"not {root_hash[:HINT_BYTES].hex()}: ask shore for one for this bundle"
        )
