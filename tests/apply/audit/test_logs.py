"""The system's log: journald by a real socket, the Windows event log, and what neither may do to a run [A-86]."""

import os
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from apply.audit import journald
from apply.audit.eventlog import MAX_TEXT_UNITS, arguments, report_event
from apply.audit.events import Event, event_of
from apply.audit.log import open_log
from apply.errors import LogFailed, RolledBack
from apply.site.config import LogConfig, SiteConfig
from apply.site.layout import Site
from bundle.names.plain_text import plain
from tests.support.sites.records import recorded
from tests.support.sites.site import Ship, shore

EVENT = Event("refused", "warning", "apply: refused: no room", {"UNREP_SITE": "/srv/vms", "UNREP_SECONDS": "0.250"})
needs_unix = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="there are no Unix sockets")


class Journal:
    """A datagram socket such as journald's, and what came to it."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(20)

    def received(self) -> dict[str, str]:
        """The next event, read as systemd's protocol says."""
        data, fields = self.socket.recv(1 << 20), {}
        while data:
            name, equals, _ = data.partition(b"\n")[0].partition(b"=")
            if equals:
                value, _, data = data[len(name) + 1 :].partition(b"\n")
            else:
                start = len(name) + 9
                (size,) = struct.unpack_from("<Q", data, len(name) + 1)
                value, data = data[start : start + size], data[start + size :]
                assert data.startswith(b"\n")
                data = data[1:]
            assert name.decode().replace("_", "").isalnum() and name.isupper() and name.decode() not in fields
            fields[name.decode()] = value.decode()
        return fields


@pytest.fixture
def journal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    with TemporaryDirectory() as directory:  # the path of a socket holds 107 bytes, and pytest's are long
        journal = Journal(Path(directory) / "socket")
        monkeypatch.setattr(journald, "SOCKET", journal.path)
        yield journal
        journal.socket.close()


@needs_unix
def test_an_event_for_journald(journal: Journal) -> None:
    """[A-86]"""
    journald.send(EVENT)
    assert journal.received() == {
        "MESSAGE": "apply: refused: no room",
        "MESSAGE_ID": journald.MESSAGE_ID,
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "unrep",
        "UNREP_SITE": "/srv/vms",
        "UNREP_SECONDS": "0.250",
    }


@needs_unix
@pytest.mark.parametrize(
    "message", ["two\nlines", "\n", "a=b", "", "Stra\u00dfe \udcff", "MESSAGE\nPRIORITY=0", "\x1b[31m\u202e"]
)
def test_any_text_arrives_as_one_line(journal: Journal, message: str) -> None:
    """[A-86] [A-95]: nobody forges a field with a newline."""
    journald.send(Event("applied", "info", message, {"UNREP_SITE": message}))
    fields = journal.received()
    assert fields["MESSAGE"] == fields["UNREP_SITE"] == plain(message) and fields["PRIORITY"] == "6"


@needs_unix
def test_a_very_long_reason_is_cut(journal: Journal) -> None:
    journald.send(Event("degraded", "error", "x" * 10_000_000, {}))
    assert 1000 < len(journal.received()["MESSAGE"]) < 100_000


@needs_unix
@pytest.mark.usefixtures("journal")
def test_a_journal_that_does_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """[A-86]: reported, and soon."""
    monkeypatch.setattr(journald, "_SEND_TIMEOUT_S", 0.05)
    with pytest.raises(LogFailed, match=r"journald at .*: timed out"):
        for _ in range(1000):
            journald.send(EVENT)


@needs_unix
def test_every_run_tells_the_journal_that_is_configured(tmp_path: Path, journal: Journal) -> None:
    """[A-86]"""
    ship = Ship.sailing(tmp_path, "1.0.0")
    ship.configure('[log]\ntarget = "journald"\n')
    ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
    with pytest.raises(RolledBack):
        ship.apply(shore().bundle("dead", 3, "1.0.1"))
    ship.roll_back()
    ship.recover()
    applied, failed, back, recovered = (journal.received() for _ in range(4))
    assert applied["MESSAGE"].startswith("apply: applied: 1.0.0 -> 1.0.1: every required check passed")
    assert (applied["PRIORITY"], applied["UNREP_SITE"], applied["UNREP_TO"]) == ("6", str(ship.root), "1.0.1")
    assert applied["UNREP_TREE"] == shore().tree("1.0.1") and applied["UNREP_RUN"] == ship.runs[-4]["run"]
    assert (failed["PRIORITY"], failed["UNREP_OUTCOME"], failed["UNREP_RELEASE"]) == ("4", "rolled-back", "dead")
    assert back["UNREP_COMMAND"] == "rollback" and recovered["UNREP_OUTCOME"] == "nothing-to-do"


def test_a_log_that_fails_is_told_and_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[A-88]"""
    ship = Ship.sailing(tmp_path, "1.0.0")
    ship.configure('[log]\ntarget = "journald"\n')
    monkeypatch.setattr(journald, "SOCKET", str(tmp_path / "no-socket"))
    report = ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
    assert report.outcome == "applied" and "; this run could not be logged: " in report.reason
    assert len(ship.runs) == 2
    ship.check_sound()


def test_no_log_is_told_unless_one_is_configured() -> None:
    open_log(Site(Path("site")), SiteConfig())(EVENT)


@pytest.mark.parametrize(
    ("outcome", "severity", "kind"),
    [("applied", "info", (4, 1)), ("rolled-back", "warning", (2, 2)), ("refused", "warning", (2, 2)),
     ("degraded", "error", (1, 3))],
)  # fmt: skip
def test_how_grave_an_outcome_is(outcome: str, severity: str, kind: tuple[int, int]) -> None:
    """[A-86]"""
    event = event_of(recorded(outcome=outcome), "/srv/vms")
    assert event.severity == severity and arguments(event)[:2] == kind
    assert set(event.fields) >= {"UNREP_SITE", "UNREP_RUN", "UNREP_COMMAND", "UNREP_OUTCOME", "UNREP_USER"}


def test_the_text_for_the_event_log() -> None:
    """[A-86]"""
    assert arguments(EVENT)[2] == "apply: refused: no room\r\nUNREP_SITE: /srv/vms\r\nUNREP_SECONDS: 0.250"
    long = arguments(Event("applied", "info", "\U0001f6a2" * 40_000 + "\0", {}))[2]
    assert len(long.encode("utf-16-le")) // 2 <= MAX_TEXT_UNITS
    assert "\0" not in arguments(Event("applied", "info", "a\0b", {}))[2]


@pytest.mark.skipif(os.name != "nt", reason="the event log of Windows")
def test_windows_takes_an_event() -> None:
    """[A-86]"""
    open_log(Site(Path("site")), SiteConfig(log=LogConfig(target="eventlog")))(EVENT)
    report_event(Event("applied", "info", "x" * 100_000, {}))


@pytest.mark.skipif(sys.platform == "win32", reason="a system without the event log")
def test_no_event_log_on_another_system(tmp_path: Path) -> None:
    """[A-86]"""
    with pytest.raises(LogFailed, match="there is no Windows event log on this system; choose another"):
        open_log(Site(Path("site")), SiteConfig(log=LogConfig(target="eventlog")))(EVENT)
