"""The health window: is a version that was just started good enough to keep? [A-21]

    0 ---- start_after_s ---- round, interval_s, round, interval_s, round ... ---- deadline_s
                                                                  |                    |
                     consecutive_passes rounds in a row passed: healthy       not yet: failed

A round makes every required check, and passes if all of them do. Wanted checks are made once, when the verdict is
already healthy, so that they can neither fail a release nor delay a rollback. The deadline holds: what is left of the
window also limits each check. Time and checks are handed in. This module only decides.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from apply.application.checks import CheckResult
from apply.site.config import HealthWindow
from apply.site.health_checks import HealthCheck

# Makes one check within so many seconds, and never raises: apply.application.checks.check_once for one version.
Probe = Callable[[HealthCheck, float], CheckResult]
Ruling = Literal["healthy", "failed", "undecided"]


@dataclass(frozen=True)
class Verdict:
    """Whether to keep the version. reason: one clause, always there. results: the last of every check that was made."""

    healthy: bool
    reason: str
    rounds: int
    seconds: float
    results: tuple[CheckResult, ...]

    @property
    def unmet_wishes(self) -> tuple[CheckResult, ...]:
        """Wanted checks that failed: to be reported, and no more."""
        return tuple(result for result in self.results if result.requirement == "wanted" and not result.passed)


def ruling(window: HealthWindow, elapsed_s: float, passes_in_a_row: int) -> Ruling:
    """The rule, after a round that ended so long after the start."""
    if passes_in_a_row >= window.consecutive_passes:
        return "healthy"
    return "failed" if elapsed_s >= window.deadline_s else "undecided"


def watch(
    checks: Sequence[HealthCheck],
    window: HealthWindow,
    probe: Probe,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Verdict:
    """Go through the window, which begins now. Without any check: healthy at once, and the reason says so."""
    if not checks:
        return Verdict(healthy=True, reason="no health check is configured", rounds=0, seconds=0.0, results=())
    begun = clock()
    rounds = _Rounds([check for check in checks if check.requirement == "required"], probe, window.deadline_s)
    sleep(window.start_after_s)
    while True:
        rounds.make(lambda: clock() - begun)
        elapsed_s = clock() - begun
        decided = ruling(window, elapsed_s, rounds.passes_in_a_row)
        if decided == "failed":
            # The latest complaint of each check, not the last round's alone: that may have had no time for any.
            reason = f"not healthy within {window.deadline_s:g} s: {rounds.complaints(window.consecutive_passes)}"
            return Verdict(False, reason, rounds.count, elapsed_s, tuple(rounds.latest.values()))
        if decided == "healthy":
            wishes = [probe(check, check.timeout_s) for check in checks if check.requirement == "wanted"]
            reason = f"every required check passed {window.consecutive_passes} times in a row"
            return Verdict(True, reason, rounds.count, clock() - begun, (*rounds.latest.values(), *wishes))
        sleep(min(window.interval_s, window.deadline_s - elapsed_s))


class _Rounds:
    """Makes rounds of the required checks, and keeps what they came to."""

    def __init__(self, required: Sequence[HealthCheck], probe: Probe, deadline_s: float) -> None:
        self._required = required
        self._probe = probe
        self._deadline_s = deadline_s
        self._failures: dict[int, str] = {}
        self.count = 0
        self.passes_in_a_row = 0
        self.latest: dict[int, CheckResult] = {}

    def make(self, elapsed_s: Callable[[], float]) -> None:
        """Makes one round. A check for which no time is left is not made, and the round has not passed."""
        self.count += 1
        passed = True
        for place, check in enumerate(self._required):
            left_s = self._deadline_s - elapsed_s()
            if left_s <= 0:
                passed = False
                break
            result = self.latest[place] = self._probe(check, left_s)
            if not result.passed:
                passed = False
                # A check that the deadline cut off says less than what it said before.
                if elapsed_s() >= self._deadline_s and place in self._failures:
                    continue
                self._failures[place] = f"{result.check}: {result.detail} (at {elapsed_s():.1f} s)"
        self.passes_in_a_row = self.passes_in_a_row + 1 if passed else 0

    def complaints(self, wanted_passes: int) -> str:
        """The last failure of each check that ever failed, in the order of the configuration."""
        if self._failures:
            return "; ".join(self._failures[place] for place in sorted(self._failures))
        return f"no check failed, but they were too slow for {wanted_passes} rounds in a row"
