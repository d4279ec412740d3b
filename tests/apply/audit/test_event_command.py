"""The site's own command that is told of events: what it reads, how long it may take, that nothing waits for it
[A-149], [A-150]."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from apply.audit import event_command
from apply.audit.event_command import document, failures, tell_command
from apply.audit.events import Event
from apply.errors import LogFailed
from apply.site.layout import Site
from bundle.errors import Refused
from tests.support.sites.site import Ship, shore, until

EVENT = Event("refused", "warning", "apply: refused: no room", {"UNREP_SITE": "/srv/vms", "UNREP_CODE": "disk-full"})
KEEP = "import sys; open({path!r}, 'ab').write(sys.stdin.buffer.read())"


@pytest.fixture(autouse=True)
def idle() -> None:
    """No command of another test runs any more."""
    for _ in range(event_command.MAX_RUNNING):
        assert event_command._running.acquire(timeout=60)
    event_command._running.release(event_command.MAX_RUNNING)
    failures()


def failed(count: int) -> list[str]:
    """What went wrong, once so many went wrong."""
    found: list[str] = []

    def enough() -> bool:
        found.extend(failures())
        return len(found) >= count

    until(enough)
    return found


def keeping(path: Path) -> list[str]:
    """A command that keeps what it is told."""
    return [sys.executable, "-c", KEEP.format(path=str(path))]


def told(path: Path, count: int) -> list[dict[str, Any]]:
    until(lambda: path.exists() and path.read_bytes().count(b"\n") >= count)
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_what_it_reads(tmp_path: Path) -> None:
    tell_command(keeping(tmp_path / "told"), Site(tmp_path), EVENT)
    (event,) = told(tmp_path / "told", 1)
    assert (event["schema"], event["event"], event["severity"]) == (1, "refused", "warning")
    assert (event["message"], event["site"], event["code"]) == ("apply: refused: no room", "/srv/vms", "disk-full")
    long = Event("refused", "warning", "m" * 100_000, {"UNREP_REASON": "r" * 100_000})
    assert len(document(long)) < 5000


def test_every_end_of_a_run_is_told_and_every_refusal(tmp_path: Path) -> None:
    """[A-149]: also that of a bundle that does not verify, which leaves no record."""
    ship = Ship.sailing(tmp_path, "1.0.0")
    ship.configure()
    command = f"[hooks]\non_event = {json.dumps(keeping(tmp_path / 'told'))}\n"
    ship.write_config((ship.root / "unrep.toml").read_text().replace("[hooks]\n", command))
    bundle = tmp_path / "bad.unrep"
    bundle.write_bytes(shore().bundle("1.0.1", 2, "1.0.0").read_bytes()[:-100] + bytes(100))
    with pytest.raises(Refused):
        ship.apply(bundle)
    bundle.write_bytes(b"no bundle at all")
    with pytest.raises(Refused):
        ship.apply(bundle)
    ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
    events = sorted((event["event"], event["code"]) for event in told(tmp_path / "told", 3))
    assert [kind for kind, _ in events] == ["applied", "refused", "refused"] and events[0] == ("applied", "none")
    assert {code for _, code in events[1:]} <= {"corrupt", "malformed", "untrusted"}


def test_one_that_hangs_is_in_nobody_s_way_and_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[A-150]"""
    monkeypatch.setattr(event_command, "EVENT_TIMEOUT_S", 6.0)
    hanging = [sys.executable, "-c", "import time; time.sleep(600)"]
    begun = time.monotonic()
    for _ in range(event_command.MAX_RUNNING):
        tell_command(hanging, Site(tmp_path), EVENT)
    with pytest.raises(LogFailed, match="8 of its commands still run; it was not told"):
        tell_command(hanging, Site(tmp_path), EVENT)
    assert time.monotonic() - begun < 5, "somebody waited"
    assert all("was killed after 6 s" in failure for failure in failed(event_command.MAX_RUNNING))


def test_one_that_cannot_be_started_or_does_not_read(tmp_path: Path) -> None:
    tell_command(["no-such-command"], Site(tmp_path), EVENT)
    tell_command([sys.executable, "-c", "raise SystemExit(4)"], Site(tmp_path), EVENT)
    assert sorted("exited with 4" in failure for failure in failed(2)) == [False, True]
