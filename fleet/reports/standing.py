"""How each ship stands: what it runs, since when it is silent, and what is wrong, the worst first [L-20] to [L-23]."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, and_, select

from bundle.names.plain_text import plain
from bundle.receipts.meanings import code_name, kind_of, outcome_name
from bundle.receipts.receipt import HELD_BYTES
from fleet.record.tables import receipt, ship, ship_key
from fleet.reports.shore import Shore, is_tree

SILENT_DAYS: Final = 14.0
DAY_S: Final = 86_400.0

# What a ship may be, the worst first, and what that means.
STATES: Final = {
    "degraded": "no release serves: a person is needed aboard",
    "unhealthy": "its release fails its health checks",
    "stranded": "nothing leads from what it holds to its ring's release",
    "drifted": "its files were changed aboard",
    "config-broken": "its own settings keep it from updating",
    "forked": "its receipts contradict each other: its state was copied or put back",
    "went-back": "it went back from its ring's release",
    "refused": "it refused its ring's release",
    "silent": "nothing was heard of it for long",
    "unheard": "nothing was ever heard of it",
    "held": "somebody aboard holds updates back",
    "behind": "it does not run its ring's release yet",
    "current": "it runs its ring's release",
    "unassigned": "its ring names no release yet",
}
WRONG: Final = tuple(STATES)[: tuple(STATES).index("silent")]
_BAD: Final = {"degraded", "unhealthy", "stranded", "drifted", "config-broken"}


@dataclass(frozen=True)
class Standing:
    """A ship. Times in seconds since 1970; None where nothing was heard.

    heard     when it last said something, by its clock and never later than that came in
    told      outcome and reason of its last word that was more than a sign of life
    missing   numbers of receipts that never came; forks: those that contradict others; ahead: of a clock that is ahead
    """

    name: str
    ring: str
    state: str
    serving: str
    target: str
    heard: float | None
    silent_days: float | None
    told: str
    reason: str
    held: tuple[str, ...]
    hold: bool
    free_bytes: int | None
    program: str
    missing: int
    forks: int
    ahead: int
    serving_tree: bytes = b""
    held_trees: tuple[bytes, ...] = ()

    @property
    def meaning(self) -> str:
        """Its state in words."""
        return STATES[self.state]


def standings(
    connection: Connection,
    shore: Shore,
    now: float | None = None,
    silent_days: float = SILENT_DAYS,
    name: str | None = None,
) -> list[Standing]:
    """Every ship, or that of a name alone: the worst first, then the longest silent."""
    moment = time.time() if now is None else now
    found = [_standing(row, shore, moment, silent_days) for row in _rows(connection, name)]
    order = {state: place for place, state in enumerate(STATES)}
    return sorted(found, key=lambda one: (order[one.state], -(one.silent_days or 0.0), one.name))


def _rows(connection: Connection, name: str | None) -> Iterable[Any]:
    """For each ship that key by which it was heard last, with its last receipt and its last that told something."""
    told = receipt.alias("told")
    last = and_(receipt.c.key == ship_key.c.id, receipt.c.number == ship_key.c.highest)
    last_told = and_(told.c.key == ship_key.c.id, told.c.number == ship_key.c.told)
    joined = ship.join(ship_key).outerjoin(receipt, last).outerjoin(told, last_told)
    columns = [
        *(ship.c.name, ship.c.ring, ship_key.c.lowest, ship_key.c.highest, ship_key.c.came, ship_key.c.forks),
        *(ship_key.c.ahead, receipt.c.at, receipt.c.serving, receipt.c.held, receipt.c.hold, receipt.c.free_mib),
        *(receipt.c.program, told.c.outcome, told.c.code, told.c.reason, told.c.tree),
    ]
    asked = select(*columns).select_from(joined).order_by(ship.c.name, ship_key.c.id)
    latest: dict[str, Any] = {}
    for row in connection.execute(asked if name is None else asked.where(ship.c.name == name)):
        known = latest.get(row.name)
        if known is None or (row.at or 0.0) >= (known.at or 0.0):
            latest[row.name] = row
    return latest.values()


def _standing(row: Any, shore: Shore, now: float, silent_days: float) -> Standing:
    silent = None if row.at is None else max(0.0, (now - row.at) / DAY_S)
    target = shore.channels.get(row.ring)
    serving, held = row.serving or b"", split_held(row.held or b"")
    return Standing(
        name=row.name,
        ring=row.ring,
        state=_state(row, shore, silent, silent_days),
        serving=shore.named(serving) if serving else "",
        target=target.version if target else "",
        heard=row.at,
        silent_days=silent,
        told="" if row.outcome is None else outcome_name(row.outcome),
        reason=_reason(row),
        held=tuple(shore.named(tree) for tree in held),
        hold=bool(row.hold),
        free_bytes=None if row.free_mib is None else row.free_mib << 20,
        program=plain(row.program or ""),
        missing=max(0, row.highest - row.lowest + 1 - row.came) if row.came else 0,
        forks=row.forks,
        ahead=row.ahead,
        serving_tree=serving,
        held_trees=held,
    )


def _state(row: Any, shore: Shore, silent: float | None, silent_days: float) -> str:
    if silent is None:
        return "unheard"
    told = "" if row.outcome is None else outcome_name(row.outcome)
    if told in _BAD:
        return told
    if row.forks:
        return "forked"
    target = shore.channels.get(row.ring)
    is_current = target is not None and is_tree(row.serving or b"", target)
    if target and not is_current and is_tree(row.tree or b"", target):
        if told == "rolled-back":
            return "went-back"
        if kind_of(told) == "refusal":
            return "refused"
    if silent > silent_days:
        return "silent"
    if target is None:
        return "unassigned"
    if not is_current:
        return "held" if row.hold else "behind"
    return "current"


def _reason(row: Any) -> str:
    if row.outcome is None:
        return ""
    code = code_name(row.code)
    return plain(": ".join(part for part in ("" if code == "none" else code, row.reason.strip()) if part))


def split_held(held: bytes) -> tuple[bytes, ...]:
    """The ids of the trees in a column `held`."""
    return tuple(held[at : at + HELD_BYTES] for at in range(0, len(held), HELD_BYTES))
