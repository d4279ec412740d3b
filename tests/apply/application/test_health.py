"""The health window's rules, on a clock that only the test moves: no check, no server, no waiting."""

from collections.abc import Sequence

import pytest

from apply.application.checks import CheckResult
from apply.application.health import Verdict, ruling, watch
from apply.site.config import HealthWindow
from apply.site.health_checks import HealthCheck, TcpCheck

WINDOW = HealthWindow(start_after_s=1, deadline_s=20, interval_s=2, consecutive_passes=3)
A, B = TcpCheck(host="a", port=1), TcpCheck(host="b", port=2)
WANTED = TcpCheck(host="w", port=3, requirement="wanted")


class Ship:
    """A clock, and checks that take their time and answer by script; the last answer of each goes on for ever."""

    def __init__(self, **answers: str) -> None:
        self.now = 1000.0
        self.sleeps: list[float] = []
        self.probes: list[tuple[str, float, float]] = []  # host, seconds since the start, seconds allowed
        self.takes_s = 0.0
        self._answers = {host: list(script) for host, script in answers.items()}

    def probe(self, check: HealthCheck, timeout_s: float) -> CheckResult:
        assert isinstance(check, TcpCheck)
        self.probes.append((check.host, self.now - 1000, timeout_s))
        self.now += min(self.takes_s, timeout_s)
        script = self._answers[check.host]
        answer = script.pop(0) if len(script) > 1 else script[0]
        detail = "connected" if answer == "+" else f"refused {len(self.probes)}"
        return CheckResult(f"tcp {check.host}", check.requirement, answer == "+", detail)

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.sleeps.append(seconds)
        self.now += seconds

    def watch(self, checks: Sequence[HealthCheck], window: HealthWindow = WINDOW) -> Verdict:
        return watch(checks, window, self.probe, clock=lambda: self.now, sleep=self.sleep)

    def times(self, host: str) -> list[float]:
        return [at for probed, at, _ in self.probes if probed == host]


def test_without_checks_it_is_healthy_at_once_and_says_so() -> None:
    ship = Ship()
    verdict = ship.watch([])
    assert verdict == Verdict(True, "no health check is configured", 0, 0.0, ())
    assert ship.sleeps == []


def test_a_healthy_version_needs_its_passes_in_a_row_and_no_more() -> None:
    ship = Ship(a="+")
    verdict = ship.watch([A])
    assert verdict.healthy
    assert "3 times in a row" in verdict.reason
    assert ship.times("a") == [1, 3, 5]
    assert (verdict.rounds, verdict.seconds) == (3, 5)
    assert [result.detail for result in verdict.results] == ["connected"]


def test_a_failure_begins_the_row_anew() -> None:
    ship = Ship(a="--++-+++")
    assert ship.watch([A]).healthy
    assert ship.times("a") == [1, 3, 5, 7, 9, 11, 13, 15]


def test_a_round_passes_only_if_every_required_check_does() -> None:
    ship = Ship(a="+-+-+-+-+-", b="-+-+-+-+-+")
    assert not ship.watch([A, B]).healthy


def test_a_round_makes_every_check_though_one_has_failed() -> None:
    ship = Ship(a="-", b="-")
    verdict = ship.watch([A, B])
    assert ship.times("a") == ship.times("b")
    assert "tcp a: refused" in verdict.reason
    assert "tcp b: refused" in verdict.reason


def test_at_the_deadline_it_has_failed_with_the_last_failure_of_each_check() -> None:
    ship = Ship(a="+--+-", b="--+")
    verdict = ship.watch([A, B])
    assert not verdict.healthy
    assert verdict.seconds == 20
    assert ship.times("a") == [1, 3, 5, 7, 9, 11, 13, 15, 17, 19]
    assert verdict.reason == "not healthy within 20 s: tcp a: refused 19 (at 19.0 s); tcp b: refused 4 (at 3.0 s)"
    assert {result.check: result.passed for result in verdict.results} == {"tcp a": False, "tcp b": True}


def test_the_row_may_be_completed_up_to_the_deadline_and_not_after() -> None:
    assert Ship(a="-------+++").watch([A]).healthy  # the rounds at 15, 17 and 19 s
    assert not Ship(a="--------++").watch([A]).healthy


def test_a_check_gets_no_more_time_than_the_window_has_left() -> None:
    ship = Ship(a="-")
    ship.takes_s = 1000
    verdict = ship.watch([A, B])
    assert ship.probes == [("a", 1, 19)]
    assert not verdict.healthy
    assert verdict.seconds == 20


def test_a_check_that_the_deadline_cut_off_does_not_speak_over_what_it_said_before() -> None:
    """[A-21]: "killed after 0.005 s" tells nobody what is wrong with the version."""
    ship = Ship(a="-")
    ship.takes_s = 3
    verdict = ship.watch([A])
    assert [at for _, at, _ in ship.probes] == [1, 6, 11, 16] and verdict.seconds == 20
    assert "refused 4 (at 19.0 s)" in verdict.reason
    ship = Ship(a="-")
    ship.takes_s = 4
    verdict = ship.watch([A], HealthWindow(start_after_s=1, deadline_s=9, interval_s=2, consecutive_passes=3))
    assert [at for _, at, _ in ship.probes] == [1, 7] and "refused 1 (at 5.0 s)" in verdict.reason


def test_checks_too_slow_for_the_row_fail_the_version_though_none_failed() -> None:
    ship = Ship(a="+", b="+")
    ship.takes_s = 6
    verdict = ship.watch([A, B])
    assert not verdict.healthy
    assert verdict.seconds <= 20
    assert "no check failed" in verdict.reason


def test_two_checks_that_look_the_same_are_two() -> None:
    ship = Ship(a="+-")
    assert not ship.watch([A, A]).healthy


class TestWantedChecks:
    def test_one_that_fails_is_reported_and_fails_nothing(self) -> None:
        ship = Ship(a="+", w="-")
        verdict = ship.watch([WANTED, A])
        assert verdict.healthy
        assert [result.check for result in verdict.unmet_wishes] == ["tcp w"]
        assert {result.check for result in verdict.results} == {"tcp a", "tcp w"}

    def test_it_is_made_once_when_the_verdict_stands(self) -> None:
        ship = Ship(a="-+", w="+")
        verdict = ship.watch([WANTED, A])
        assert ship.times("w") == [7]
        assert verdict.unmet_wishes == ()

    def test_however_slow_it_takes_no_time_from_the_others(self) -> None:
        ship = Ship(a="+", w="-")
        ship.takes_s = 4
        assert ship.watch([WANTED, A]).healthy

    def test_it_does_not_delay_a_rollback(self) -> None:
        ship = Ship(a="-", w="-")
        assert not ship.watch([WANTED, A]).healthy
        assert ship.times("w") == []

    def test_alone_it_waits_through_the_row_and_is_reported(self) -> None:
        ship = Ship(w="-")
        verdict = ship.watch([WANTED])
        assert verdict.healthy
        assert ship.times("w") == [5]


@pytest.mark.parametrize(
    ("elapsed_s", "passes", "expected"),
    [
        (0, 0, "undecided"),
        (19.9, 2, "undecided"),
        (0, 3, "healthy"),
        (25, 3, "healthy"),  # a row that was completed counts, even if its last check ended a little late
        (20, 2, "failed"),
        (20, 0, "failed"),
    ],
)
def test_the_ruling(elapsed_s: float, passes: int, expected: str) -> None:
    assert ruling(WINDOW, elapsed_s, passes) == expected
