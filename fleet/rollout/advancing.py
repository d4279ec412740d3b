"""A rollout that goes on: evidence is read, what follows is decided, and channels move by the repository's own code.

1. The rollout that is open is read, with what the ships of its rings say of the release.
2. `decision.decide` says what follows.
3. To move a ring, the channel is moved first, which signs and publishes its file. Then the record says so.

A kill in between leaves a channel that names the release already. The same call finds that, and goes on [L-34].
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, func, select

from bundle.receipts.meanings import code_name, outcome_name
from bundle.receipts.receipt import TREE_BYTES
from fleet.errors import RolloutRefused
from fleet.record import rollouts
from fleet.record.database import Database
from fleet.record.rollouts import Rollout, Step, Word
from fleet.record.tables import ship
from fleet.rollout.decision import Conditions, Decision, Ring, decide
from repository.errors import ChannelRefused
from repository.record.database import Release

Mover = Callable[[str, str], object]  # lets a channel, the second, name a version, the first
_WELL: Final = frozenset({"applied", "already-current"})
_ILL: Final = frozenset({"rolled-back", "degraded", "unhealthy"})
_BAD_RELEASE: Final = frozenset({"malformed", "corrupt", "untrusted", "unsupported", "wrong-product", "version-taken"})


@dataclass(frozen=True)
class Progress:
    """A rollout, what its rings say, and what follows. moved: the rings that this call moved."""

    rollout: Rollout
    rings: tuple[Ring, ...]
    decision: Decision
    moved: tuple[str, ...] = ()


def begin(
    database: Database,
    release: Release,
    rings: Sequence[str],
    conditions: Conditions,
    by: str,
    now: float | None = None,
) -> None:
    """Begins a rollout, or finds that it is under way with the same rings and conditions.

    Raises RolloutRefused for rings that are named twice, and for a release that was rolled out otherwise.
    """
    if len(set(rings)) != len(rings) or not rings:
        raise RolloutRefused(f"{release.version}: name each ring once, the one that goes first at first")
    begun = time.time() if now is None else now
    made = Rollout(
        0,
        release.version,
        release.tree,
        conditions.after,
        conditions.within_s,
        conditions.steady_s,
        conditions.stop_on,
        "running",
        "",
        by,
        begun,
        begun,
        0.0,
        tuple(Step(ring, None) for ring in rings),
    )
    with database.writing() as connection:
        rollouts.hold(connection)
        known = next((one for one in rollouts.all_rollouts(connection) if one.is_open), None)
        if known is not None and known.version == release.version:
            if _asked(known) == _asked(made):
                return
            raise RolloutRefused(
                f"{release.version}: is under way with other rings or conditions; 'unrep fleet pause' it, or let it end"
            )
        rollouts.begin(connection, made)


def current(database: Database, now: float | None = None) -> Progress | None:
    """The latest rollout, and what would follow; None where there was none."""
    with database.reading() as connection:
        found = next(iter(rollouts.all_rollouts(connection)), None)
        return None if found is None else progress(connection, found, time.time() if now is None else now)


def progress(connection: Connection, found: Rollout, now: float) -> Progress:
    """What the rings of a rollout say, and what would follow."""
    rings = _rings(connection, found)
    conditions = Conditions(found.after, found.within_s, found.steady_s, found.stop_on)
    return Progress(found, rings, decide(found.version, found.state, found.why, conditions, rings, now))  # type: ignore[arg-type]


def advance(database: Database, move: Mover, now: float | None = None) -> Progress | None:
    """Does what follows, until there is nothing left to do; None where there never was a rollout.

    Raises what `move` raises: the same call goes on. A channel that cannot be moved there pauses the rollout.
    """
    moved: list[str] = []
    while (found := current(database, now)) is not None:
        decision, at = found.decision, time.time() if now is None else now
        if decision.action in ("wait", "nothing"):
            return Progress(found.rollout, found.rings, decision, tuple(moved))
        if decision.action == "move":
            try:
                move(found.rollout.version, decision.ring)
            except ChannelRefused as error:
                decision = Decision("pause", str(error))
        with database.writing() as connection:
            if decision.action == "move":
                rollouts.set_moved(connection, found.rollout.id, decision.ring, at)
                moved.append(decision.ring)
            else:
                state = "done" if decision.action == "finish" else "paused"
                rollouts.set_state(connection, found.rollout.id, "running", state, decision.why, "unrep", at)
    return None


def pause(database: Database, why: str, by: str, now: float | None = None) -> Rollout:
    """Stops the rollout that runs. One that stands still stays so. Raises RolloutRefused where none is open."""
    return _set(database, "running", "paused", why, by, now)


def resume(database: Database, by: str, now: float | None = None) -> Rollout:
    """Lets it go on: failures up to now count no more, and a ring has its whole time again. Raises RolloutRefused."""
    return _set(database, "paused", "running", "", by, now)


def _set(database: Database, before: str, state: str, why: str, by: str, now: float | None) -> Rollout:
    with database.writing() as connection:
        found = next((one for one in rollouts.all_rollouts(connection) if one.is_open), None)
        if found is None:
            raise RolloutRefused("there is no rollout under way; begin one with 'unrep fleet rollout V'")
        if found.state == before:
            rollouts.set_state(connection, found.id, before, state, why, by, time.time() if now is None else now)
        return found


def _asked(one: Rollout) -> tuple[object, ...]:
    return one.tree, one.after, one.within_s, one.steady_s, one.stop_on, tuple(step.ring for step in one.steps)


def _rings(connection: Connection, found: Rollout) -> tuple[Ring, ...]:
    names = [step.ring for step in found.steps]
    rows = connection.execute(select(ship.c.ring, func.count().label("many")).group_by(ship.c.ring))
    sizes = {row.ring: int(row.many) for row in rows}
    said = rollouts.words(connection, names, found.tree[:TREE_BYTES])
    return tuple(_ring(step, sizes.get(step.ring, 0), said, found) for step in found.steps)


def _ring(step: Step, size: int, said: Sequence[Word], found: Rollout) -> Ring:
    own = [word for word in said if word.ring == step.ring]
    failed = tuple(word.name for word in own if _has_failed(word, found))
    ages = [_steady_s(word) for word in own if word.serving == found.tree[:TREE_BYTES] and word.name not in failed]
    healthy = sum(age >= found.steady_s for age in ages)
    # Its time begins anew when a person lets the rollout go on.
    moved = None if step.moved is None else max(step.moved, found.forgiven)
    return Ring(step.ring, moved, size, healthy, len(ages) - healthy, failed)


def _steady_s(word: Word) -> float:
    """For how long the ship has been well on the release, by its own words."""
    since = word.at or 0.0
    for told in reversed(word.told):
        if outcome_name(told.outcome) not in _WELL:
            break
        since = min(since, told.at)
    return (word.at or 0.0) - since


def _has_failed(word: Word, found: Rollout) -> bool:
    """Whether its last word of this release is that it failed. What ails the ship itself does not count [L-33]."""
    if not word.told or word.told[-1].taken <= found.forgiven:
        return False
    name, code = outcome_name(word.told[-1].outcome), code_name(word.told[-1].code)
    return name in _ILL or (name == "refused" and code in _BAD_RELEASE)
