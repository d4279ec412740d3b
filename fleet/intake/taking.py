"""Receipts into the record: each once, each proven, and what is no ship's word apart [L-10] to [L-16].

1. What was found is decoded, a batch at a time. What is no receipt at all is counted and named.
2. The keys of a batch are looked up, and are ours until the batch is recorded.
3. What is there already, byte for byte, is passed over.
4. The signature of what is new is verified. What names an older one by its mark does not prove it: 8 bytes are too few.
5. Receipts, counts and what stands apart are recorded in one transaction.

A kill loses the batch under way. The same call again records it.
"""

import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from bundle.errors import Refused
from bundle.names.plain_text import plain
from bundle.receipts.receipt import (
    MAX_NAME_BYTES,
    Receipt,
    claimed_site,
    cut,
    mark_of,
    open_receipt,
    read_unproven,
)
from bundle.trust.signing import VerifyingKey
from fleet.record.database import Database
from fleet.record.receipts import (
    Apart,
    Key,
    add_receipts,
    count_faults,
    forget_apart,
    known_keys,
    set_apart,
    standing_apart,
    stored,
)

BATCH: Final = 20_000
AHEAD_S: Final = 86_400.0  # a clock that is further ahead is named
_COPIED: Final = "its state was copied or put back"
_NAMED: Final = 20  # sentences of one kind: the rest is counted

# Why something stands apart, and what a person is told of it.
WHYS: Final = {
    "malformed": "no receipts",
    "unknown": "of unknown ships",
    "forged": "not signed by the ship that they name",
    "retired": "signed by a key that was retired",
    "fork": "second versions of a number",
    "other": "of other products",
}


@dataclass(frozen=True)
class Found:
    """Bytes that may be a receipt, and where they were found."""

    source: str
    data: bytes


@dataclass
class Taken:
    """What came of it. new, repeated: receipts. apart: how many by why. named: sentences, some of each kind.

    ahead: how many came from clocks that are ahead. broken: how many do not follow the one before.
    """

    new: int = 0
    repeated: int = 0
    ahead: int = 0
    broken: int = 0
    apart: Counter[str] = field(default_factory=Counter)
    named: dict[str, list[str]] = field(default_factory=dict)
    ships: set[str] = field(default_factory=set)

    def name(self, why: str, sentence: str) -> None:
        """Keeps a sentence, unless there are many of its kind."""
        said = self.named.setdefault(why, [])
        if len(said) < _NAMED:
            said.append(sentence)


@dataclass
class _Batch:
    """What one transaction records."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    apart: list[Apart] = field(default_factory=list)
    forks: Counter[int] = field(default_factory=Counter)
    ahead: Counter[int] = field(default_factory=Counter)


def take(
    database: Database,
    found: Iterable[Found],
    product: str,
    now: float | None = None,
    kept: Collection[str] = frozenset(WHYS),
) -> Taken:
    """Takes in what was found. `product`: of the fleet; receipts of another stand apart. `kept`: whys of what is kept.

    Raises FleetError, and what `found` raises: the batches before that are recorded.
    """
    taken = Taken()
    waiting = iter(found)
    while batch := list(islice(waiting, BATCH)):
        _take(database, batch, product, time.time() if now is None else now, taken, kept)
    return taken


def take_unknown_again(database: Database, product: str, now: float | None = None) -> Taken:
    """Takes in what came of ships that were unknown then."""
    with database.reading() as connection:
        waiting = standing_apart(connection, "unknown")
        keys = known_keys(connection, {claimed_site(data, source) for source, data in waiting})
    found = [Found(source, data) for source, data in waiting if claimed_site(data, source) in keys]
    taken = take(database, found, product, now)
    with database.writing() as connection:
        forget_apart(connection, "unknown", [one.data for one in found])
    return taken


def _take(
    database: Database, found: list[Found], product: str, now: float, taken: Taken, kept: Collection[str]
) -> None:
    by_site: dict[bytes, list[Found]] = {}
    outcome, batch = Taken(), _Batch()
    for one in found:
        try:
            by_site.setdefault(claimed_site(one.data, one.source), []).append(one)
        except Refused as error:
            _set_apart(outcome, batch, one, "malformed", str(error))
    with database.writing() as connection:
        keys = known_keys(connection, by_site)
        for site, ones in by_site.items():
            if site not in keys:
                for one in ones:
                    _set_apart(outcome, batch, one, "unknown", f"{one.source}: of no ship of the fleet, {site.hex()}")
        read = {site: list(_readable(ones, outcome, batch)) for site, ones in by_site.items() if site in keys}
        wanted = {
            keys[site]: {n for _, said in readable for n in (said.number - 1, said.number, said.number + 1)}
            for site, readable in read.items()
        }
        there = stored(connection, wanted)
        for site, readable in read.items():
            _Site(keys[site], there, product, now, outcome, batch).take(readable)
        add_receipts(connection, batch.rows)
        for row in sorted(batch.forks.keys() | batch.ahead.keys()):
            count_faults(connection, row, forks=batch.forks[row], ahead=batch.ahead[row])
        set_apart(connection, [one for one in batch.apart if one.why in kept], now)
    _merge(taken, outcome)


def _readable(found: list[Found], outcome: Taken, batch: _Batch) -> Iterator[tuple[Found, Receipt]]:
    for one in found:
        try:
            yield one, read_unproven(one.data, one.source)
        except Refused as error:
            _set_apart(outcome, batch, one, "malformed", str(error))


@dataclass
class _Site:
    """The receipts of one key within a batch. `there`: what is recorded of them and of their neighbours."""

    key: Key
    there: dict[tuple[int, int], bytes]
    product: str
    now: float
    outcome: Taken
    batch: _Batch

    def take(self, found: list[tuple[Found, Receipt]]) -> None:
        """The newest first. Repeated ones are passed over, and forks told."""
        accepted: dict[int, tuple[bytes, Receipt]] = {}
        for one, said in sorted(found, key=lambda pair: -pair[1].number):
            known = self._known(said.number, accepted)
            if known == one.data:
                self.outcome.repeated += 1
            elif self._is_proven(one, said) and self._is_ours(one, said):
                if known is not None:
                    self.batch.forks[self.key.row] += 1
                    text = f"{one.source}: number {said.number} of {self.key.name} is there with other content"
                    _set_apart(
                        self.outcome, self.batch, one, "fork", f"{text}; its state was copied or put back", self, said
                    )
                else:
                    accepted[said.number] = one.data, said
        for number, (data, said) in accepted.items():
            before = self._known(number - 1, accepted)
            if before is not None and mark_of(before) != said.before:
                self._name_broken(number)
            after = self.there.get((self.key.row, number + 1))
            if after is not None and read_unproven(after, "").before != mark_of(data):
                self._name_broken(number + 1)
            self._record(data, said)

    def _known(self, number: int, accepted: dict[int, tuple[bytes, Receipt]]) -> bytes | None:
        return accepted[number][0] if number in accepted else self.there.get((self.key.row, number))

    def _is_proven(self, one: Found, said: Receipt) -> bool:
        try:
            open_receipt(one.data, {self.key.key_id: VerifyingKey(self.key.raw)}, one.source)
        except Refused as error:
            _set_apart(self.outcome, self.batch, one, "forged", str(error), self, said)
            return False
        return True

    def _is_ours(self, one: Found, said: Receipt) -> bool:
        if said.product and said.product != cut(self.product, MAX_NAME_BYTES):
            _set_apart(self.outcome, self.batch, one, "other", f"{one.source}: of product {said.product!r}", self, said)
            return False
        if self.key.retired is not None and said.time > self.key.retired:
            text = f"{one.source}: signed by a key of {self.key.name} that was retired before"
            _set_apart(self.outcome, self.batch, one, "retired", text, self, said)
            return False
        return True

    def _name_broken(self, number: int) -> None:
        self.outcome.broken += 1
        self.batch.forks[self.key.row] += 1
        text = f"{self.key.name}: number {number} does not follow the one before it; {_COPIED}"
        self.outcome.name("broken", text)

    def _record(self, data: bytes, said: Receipt) -> None:
        if said.time > self.now + AHEAD_S:
            self.outcome.ahead += 1
            self.batch.ahead[self.key.row] += 1
            days = (said.time - self.now) / 86_400
            self.outcome.name("ahead", f"{self.key.name}: the clock of number {said.number} is {days:,.0f} days ahead")
        self.outcome.new += 1
        self.outcome.ships.add(self.key.name)
        self.batch.rows.append(
            {
                "key": self.key.row,
                "number": said.number,
                "ship": self.key.ship,
                "at": min(float(said.time), self.now),
                "taken": self.now,
                "time": said.time,
                "outcome": said.outcome,
                "code": said.code,
                "reason": plain(said.reason),
                "origin": plain(said.origin),
                "version": plain(said.to),
                "tree": said.tree,
                "serving": said.serving,
                "held": said.held,
                "deploy_ms": said.deploy_ms,
                "outage_ms": said.outage_ms,
                "paid": said.paid,
                "hold": said.hold,
                "free_mib": said.free_mib,
                "program": plain(said.program),
                "data": data,
            }
        )


def _set_apart(
    outcome: Taken,
    batch: _Batch,
    one: Found,
    why: str,
    sentence: str,
    site: _Site | None = None,
    said: Receipt | None = None,
) -> None:
    outcome.apart[why] += 1
    outcome.name(why, sentence)
    if why != "malformed":  # which may be anything: only receipts are kept
        ship, number = (site.key.name if site else ""), (said.number if said else 0)
        batch.apart.append(Apart(why, plain(one.source)[-200:], ship, number, one.data))


def _merge(taken: Taken, more: Taken) -> None:
    """Once the batch is recorded."""
    taken.new += more.new
    taken.repeated += more.repeated
    taken.ahead += more.ahead
    taken.broken += more.broken
    taken.apart += more.apart
    taken.ships |= more.ships
    for why, sentences in more.named.items():
        for sentence in sentences:
            taken.name(why, sentence)
