"""What a rollout does next, and why, in one sentence: pure [L-32] to [L-36].

Rings are taken in their order. A ring is done when enough of its ships are healthy on the release for long enough. The
next one moves then. Too many ships that went back stop the rollout, and so does a ring from which too little is heard.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

DAY_S: Final = 86_400.0
_STOPS: Final = ": stops, "

State = Literal["running", "paused", "done", "superseded"]
Action = Literal["move", "wait", "pause", "finish", "nothing"]


@dataclass(frozen=True)
class Conditions:
    """after: ships of a ring that must be healthy. within_s: until when, from the ring's move. steady_s: for how long
    each of them. stop_on: so many failures stop it, 0 never."""

    after: int
    within_s: float
    steady_s: float
    stop_on: int


@dataclass(frozen=True)
class Ring:
    """A ring of a rollout, and what its ships say of the release. moved: when its channel was moved; None for not yet.

    ships: how many it has. healthy: those that run the release, and have for long enough. fresh: those that run it, and
    not for long enough. failed: names of ships that went back from it, refused it, or are ill on it.
    """

    name: str
    moved: float | None
    ships: int
    healthy: int = 0
    fresh: int = 0
    failed: tuple[str, ...] = ()

    def needs(self, conditions: Conditions) -> int:
        """How many healthy ships are enough: of a small ring all."""
        return min(conditions.after, max(self.ships, 1))


@dataclass(frozen=True)
class Decision:
    """What is to be done, with which ring, and why."""

    action: Action
    sentence: str
    ring: str = ""

    @property
    def why(self) -> str:
        """The reason alone, of one that stops."""
        return self.sentence.partition(_STOPS)[2] or self.sentence


def decide(version: str, state: State, why: str, conditions: Conditions, rings: Sequence[Ring], now: float) -> Decision:
    """The next thing to do. `why`: the reason that was given for its state."""
    if state == "superseded":
        return Decision("nothing", f"{version}: gave way to a newer release")
    if state == "done":
        return Decision("nothing", f"{version}: is out in all rings")
    if state == "paused":
        return Decision("nothing", f"{version}: paused, {why}; 'unrep fleet resume' lets it go on")
    failed = [name for ring in rings for name in ring.failed]
    if conditions.stop_on and len(failed) >= conditions.stop_on:
        ships = "ship" if len(failed) == 1 else "ships"
        names = ", ".join(failed[:3]) + (f" and {len(failed) - 3} more" if len(failed) > 3 else "")
        return Decision("pause", f"{version}{_STOPS}for {len(failed)} {ships} failed on it: {names}")
    for place, ring in enumerate(rings):
        if ring.moved is None:
            return _move(version, rings[:place], ring, conditions)
        waiting = _waiting(version, ring, conditions, now, is_last=place == len(rings) - 1)
        if waiting is not None:
            return waiting
    return Decision("finish", f"{version}: is out in all rings: {', '.join(ring.name for ring in rings)}")


def _move(version: str, before: Sequence[Ring], ring: Ring, conditions: Conditions) -> Decision:
    if not before:
        return Decision("move", f"{version}: begins with ring {ring.name}, {_ships(ring.ships)}", ring.name)
    last = before[-1]
    healthy = f"{last.healthy} of {_ships(last.ships)} of ring {last.name} are healthy on it"
    return Decision("move", f"{version}: goes on to ring {ring.name}, {_ships(ring.ships)}, for {healthy}", ring.name)


def _waiting(version: str, ring: Ring, conditions: Conditions, now: float, *, is_last: bool) -> Decision | None:
    """None for a ring that is done. After the last ring nobody waits for the rollout, so it is not stopped there."""
    needed = ring.needs(conditions)
    if ring.healthy >= needed or (is_last and not ring.ships):
        return None
    if not ring.ships:
        return Decision("pause", f"{version}{_STOPS}for ring {ring.name} has no ship to try it; leave the ring out")
    left_s = (now if ring.moved is None else ring.moved) + conditions.within_s - now
    heard = f"{ring.healthy} of {needed} ships of ring {ring.name} are healthy on it"
    if left_s <= 0 and not is_last:
        days = conditions.within_s / DAY_S
        return Decision("pause", f"{version}{_STOPS}for after {days:,.3g} days only {heard}")
    steady = f", {ring.fresh} more not for long enough" if ring.fresh else ""
    until = f"; stops in {max(left_s, 0) / DAY_S:,.1f} days otherwise" if not is_last else ""
    return Decision("wait", f"{version}: waits, for {heard}{steady}{until}")


def _ships(count: int) -> str:
    return "1 ship" if count == 1 else f"{count} ships"
