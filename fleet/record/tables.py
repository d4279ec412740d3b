"""The tables of a fleet. In a repository's `repo.db` they stand beside those of the repository.

    part         name, version: which version the tables of each part of the program have
    ship         id, name, ring, added
    ship_key     id, ship, key_id, raw, added, retired; and what came by it: lowest, highest, told, came, forks, ahead
    receipt      key, number: a ship's word, as it came and in columns
    apart        what came and is no word of a ship of this fleet, and why
    rollout      id, version, tree, state and the conditions of going on
    ring_step    rollout, place, ring: when its channel was moved
    account      name, role, the hash of the password
    session      the hash of a token, and whose it is

`ship_key.told` is the highest number that told more than a sign of life. Of a tree a receipt says the first 8 bytes
of its hash, and the first 4 of those held. Hashes and ids are binary, times are seconds since 1970. `receipt.at` is
the ship's time, or that of intake where the ship's clock is ahead of it.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from bundle.receipts.meanings import outcome_number

VERSION: Final = 1
ALIVE: Final = outcome_number("alive")
PART: Final = "fleet"

metadata: Final = MetaData()

part = Table(
    "part",
    metadata,
    Column("name", Text, primary_key=True),
    Column("version", Integer, nullable=False),
)

ship = Table(
    "ship",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("ring", Text, nullable=False),
    Column("added", Double, nullable=False),
)

ship_key = Table(
    "ship_key",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("ship", ForeignKey("ship.id", ondelete="CASCADE"), nullable=False),
    Column("key_id", LargeBinary, nullable=False, unique=True),
    Column("raw", LargeBinary, nullable=False),
    Column("added", Double, nullable=False),
    Column("retired", Double),
    Column("lowest", BigInteger, nullable=False, default=0),
    Column("highest", BigInteger, nullable=False, default=0),
    Column("told", BigInteger, nullable=False, default=0),
    Column("came", BigInteger, nullable=False, default=0),
    Column("forks", BigInteger, nullable=False, default=0),
    Column("ahead", BigInteger, nullable=False, default=0),
)

receipt = Table(
    "receipt",
    metadata,
    Column("key", ForeignKey("ship_key.id", ondelete="CASCADE"), nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("ship", Integer, nullable=False),
    Column("at", Double, nullable=False),
    Column("taken", Double, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("outcome", Integer, nullable=False),
    Column("code", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("tree", LargeBinary, nullable=False),
    Column("serving", LargeBinary, nullable=False),
    Column("held", LargeBinary, nullable=False),
    Column("deploy_ms", BigInteger, nullable=False),
    Column("outage_ms", BigInteger, nullable=False),
    Column("paid", BigInteger, nullable=False),
    Column("hold", Integer, nullable=False),
    Column("free_mib", BigInteger, nullable=False),
    Column("program", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
    PrimaryKeyConstraint("key", "number"),
    sqlite_with_rowid=False,
)
Index("receipt_of_ship", receipt.c.ship, receipt.c.at)
_told = receipt.c.outcome != ALIVE  # of a year of receipts nearly all are signs of life
# All that figures are made of, so that they read no receipt.
_FIGURES: Final = (
    receipt.c.at,
    receipt.c.outcome,
    receipt.c.ship,
    receipt.c.deploy_ms,
    receipt.c.outage_ms,
    receipt.c.paid,
)
Index("receipt_when", *_FIGURES, sqlite_where=_told, postgresql_where=_told)
Index("receipt_of_tree", receipt.c.tree, sqlite_where=_told, postgresql_where=_told)

apart = Table(
    "apart",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("why", Text, nullable=False),
    Column("taken", Double, nullable=False),
    Column("source", Text, nullable=False),
    Column("ship", Text, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("data", LargeBinary, nullable=False),
    UniqueConstraint("digest", "why"),
)
Index("apart_why", apart.c.why)

rollout = Table(
    "rollout",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("version", Text, nullable=False),
    Column("tree", LargeBinary, nullable=False),
    Column("after", Integer, nullable=False),
    Column("within_s", Double, nullable=False),
    Column("steady_s", Double, nullable=False),
    Column("stop_on", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("begun", Double, nullable=False),
    Column("changed", Double, nullable=False),
    Column("forgiven", Double, nullable=False),
)

ring_step = Table(
    "ring_step",
    metadata,
    Column("rollout", ForeignKey("rollout.id", ondelete="CASCADE"), nullable=False),
    Column("place", Integer, nullable=False),
    Column("ring", Text, nullable=False),
    Column("moved", Double),
    PrimaryKeyConstraint("rollout", "place"),
)

account = Table(
    "account",
    metadata,
    Column("name", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("password", Text, nullable=False),
    Column("added", Double, nullable=False),
)

session = Table(
    "session",
    metadata,
    Column("token", LargeBinary, primary_key=True),
    Column("account", ForeignKey("account.name", ondelete="CASCADE"), nullable=False),
    Column("form", Text, nullable=False),
    Column("ends", Double, nullable=False),
)
