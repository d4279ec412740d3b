"""Ships that say things: keys and chains of receipts, without sites."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bundle.receipts.meanings import outcome_number
from bundle.receipts.receipt import Receipt, mark_of, sign_receipt
from bundle.trust.signing import VerifyingKey, verifying_key
from fleet.record.database import Database
from fleet.record.ships import Added, NewShip, add_ships

DAY_S = 86_400
NOW = 1_790_000_000.0


def tree(version: str) -> bytes:
    """The first 8 bytes of a made-up tree."""
    return sha256(version.encode()).digest()[:8]


@dataclass
class Ship:
    """A ship and what it said so far; `number` and `mark` may be put back, as a backup does."""

    name: str
    ring: str = "stable"
    product: str = "vms"
    version: str = "1.0.0"
    said: list[bytes] = field(default_factory=list)
    number: int = 0
    mark: bytes = b""

    def __post_init__(self) -> None:
        self.key = Ed25519PrivateKey.from_private_bytes(sha256(self.name.encode()).digest())

    @property
    def public(self) -> VerifyingKey:
        return verifying_key(self.key)

    def says(self, outcome: str, at: float = NOW, **more: Any) -> bytes:
        """Its next receipt. `to`: the version that it is about."""
        to = more.pop("to", self.version if outcome in ("applied", "already-current") else "")
        if outcome == "applied":
            self.version = to
        self.number += 1
        more = {
            "tree": tree(to) if to else b"",
            "serving": tree(self.version),
            "held": tree(self.version)[:4],
            "program": "0.9.0",
        } | more
        said = Receipt(
            number=self.number,
            before=self.mark,
            outcome=outcome_number(outcome),
            product=self.product,
            to=to,
            time=int(at),
            **more,
        )
        data = sign_receipt(said, self.key)
        self.mark = mark_of(data)
        self.said.append(data)
        return data

    def alive(self, days: int, start: float = NOW - 40 * DAY_S) -> list[bytes]:
        """A sign of life a day."""
        return [self.says("alive", start + day * DAY_S) for day in range(days)]


def added(database: Database, ships: Sequence[Ship], *, retire: bool = False) -> Added:
    """Adds ships to a fleet."""
    with database.writing() as connection:
        wanted = [NewShip(ship.name, ship.public, ship.ring, ship.name) for ship in ships]
        return add_ships(connection, wanted, "stable", retire=retire)
