"""Every ticket of a fleet tried on every ship that it is not for, and on another bundle.

    python -m tests.support.faults.wrong_tickets SHIPS

Each is tried twice: as a ship would, and past all of a ship's checks, on the seal alone. Prints the counts.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from bundle.errors import Refused
from bundle.format.section_cipher import ContentKey
from bundle.recipients.ship_key import ShipKey
from bundle.recipients.ticket import TICKET_TYPE, decode_ticket, issue_ticket, open_ticket, verify_ticket
from tests.support.contents.releases import KEY, TRUST
from tests.support.contents.sealed import ship

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
_ROOT, _OTHER = sha256(b"one").digest(), sha256(b"another").digest()


@dataclass(frozen=True)
class Tried:
    """How many right and wrong pairs of ship and ticket were tried; how many wrong ones were accepted by a ship's own
    reader, and how many seals opened once all its checks were left out."""

    ships: int
    right: int
    wrong: int
    accepted: int
    opened: int


def try_every_wrong_ticket(ships: int) -> Tried:
    """All pairs of ship and ticket of one bundle, and each ship's ticket on another bundle."""
    fleet = [ship(number) for number in range(1, ships + 1)]
    content = ContentKey.new()
    tickets = [issue_ticket(content, member.public, _ROOT, [KEY]) for member in fleet]
    right = sum(_accepts(member, data, _ROOT) == content for member, data in zip(fleet, tickets, strict=True))
    wrong = accepted = opened = 0
    for at, member in enumerate(fleet):
        others = [(data, _ROOT) for number, data in enumerate(tickets) if number != at]
        for data, root_hash in (*others, (tickets[at], _OTHER)):
            wrong += 1
            accepted += _accepts(member, data, root_hash) is not None
            opened += _opens(member, data, root_hash)
    return Tried(ships, right, wrong, accepted, opened)


def _accepts(member: ShipKey, data: bytes, root_hash: bytes) -> ContentKey | None:
    try:
        ticket = decode_ticket(data)
        verify_ticket(ticket, root_hash, TRUST)
        return open_ticket(ticket, member, root_hash)
    except Refused:
        return None


def _opens(member: ShipKey, data: bytes, root_hash: bytes) -> bool:
    """Whether the seal opens, hints and signature left aside."""
    decrypt: Callable[..., bytes] = _SUITE.decrypt
    try:
        decrypt(decode_ticket(data).sealed, member.private, TICKET_TYPE + member.public.raw + root_hash)
    except (InvalidTag, ValueError):
        return False
    return True


def main() -> None:
    tried = try_every_wrong_ticket(int(sys.argv[1]))
    print(
        f"{tried.ships:,} ships: {tried.right:,} right tickets opened; of {tried.wrong:,} wrong ones "
        f"{tried.accepted} were accepted, and {tried.opened} seals opened"
    )
    sys.exit(bool(tried.accepted or tried.opened or tried.right != tried.ships))


if __name__ == "__main__":
    main()
