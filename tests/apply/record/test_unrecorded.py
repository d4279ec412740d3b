"""A record that cannot be written is no fault of the release: its health alone decides [A-100]."""

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from apply import trial
from apply.current.opening import open_switch
from apply.errors import Degraded, DiskFull, RolledBack, SiteInvalid, StorageFailed, SwitchFailed
from apply.record import database as record
from apply.record import found_healthy
from apply.record.database import Record
from apply.record.state import MAX_ATTEMPTS, SiteState
from tests.support.sites.site import Ship, shore, until

SECOND = ("1.0.1", 2, "1.0.0")
_LOCKER = """
import fcntl, os, sys
descriptor = os.open(sys.argv[1], os.O_RDONLY)  # reading it is enough for a lock in SQLite's way
fcntl.lockf(descriptor, fcntl.LOCK_SH)
print(flush=True)
sys.stdin.read()
"""


@pytest.fixture
def ship(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ship:
    monkeypatch.setattr(record, "LOCK_TIMEOUT_S", 0.1)
    monkeypatch.setattr(trial, "_PAUSES_S", (0.0,))
    return Ship.sailing(tmp_path, "1.0.0")


def unsaved(
    monkeypatch: pytest.MonkeyPatch, which: Callable[[SiteState], object], error: type[Exception] = StorageFailed
) -> None:
    """Saves of such states fail."""
    save = Record.save

    def fail(self: Record, state: SiteState) -> None:
        if which(state):
            raise error("state.db: database is locked")
        save(self, state)

    monkeypatch.setattr(Record, "save", fail)


def is_commit(state: SiteState) -> bool:
    return state.pending is None and state.current_version == "1.0.1"


@contextmanager
def locked_while_health_waits(ship: Ship) -> Iterator[None]:
    """Another process reads the record's shared memory under a lock, from the first health check on."""
    locker: list[subprocess.Popen[bytes]] = []

    def lock() -> None:
        until((ship.app / "waiting").exists)
        argv = [sys.executable, "-I", "-S", "-c", _LOCKER, str(ship.site.state_file) + "-shm"]
        locker.append(subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        assert locker[0].stdout and locker[0].stdout.read(1)
        ship.relieve("wait-health")

    ship.order("wait-health")
    hand = threading.Thread(target=lock)
    hand.start()
    try:
        yield
    finally:
        hand.join()
        locker[0].communicate()


@pytest.mark.skipif(os.name == "nt", reason="locks of POSIX")
@pytest.mark.parametrize("name", ["1.0.1", "sick"])
def test_a_lock_on_the_record_decides_nothing(ship: Ship, name: str) -> None:
    """[A-100]: the healthy release stays and the sick one goes, both on record as soon as that can be written."""
    ship.configure(deadline_s=1.5)
    with locked_while_health_waits(ship), pytest.raises(Degraded, match="database is locked"):
        ship.apply(shore().bundle(name, 2, "1.0.0"))
    good = name == "1.0.1"
    assert ship.current == ship.running == ("1.0.1" if good else "1.0.0") and ship.state.condition == "pending"
    if good:
        assert ship.state.quarantined == () and ship.recover().to_version == "1.0.1"
    else:
        with pytest.raises(RolledBack):
            ship.recover()
    ship.check_sound()
    assert [q.version for q in ship.state.quarantined] == ([] if good else ["sick"])


@pytest.mark.parametrize("error", [StorageFailed, DiskFull, SiteInvalid])
def test_an_attempt_that_cannot_be_recorded_is_not_made(
    ship: Ship, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """[A-20], [A-100]: the old version serves on, under its name, and recovery goes forward."""
    with monkeypatch.context() as patch:
        unsaved(patch, lambda state: state.pending and state.pending.attempts, error)
        with pytest.raises(Degraded, match=r"1\.0\.1 is ready and was not started.*is locked; then run 'unrep rec"):
            ship.apply(shore().bundle(*SECOND))
    assert ship.current == ship.running == "1.0.0" and ship.state.condition == "pending"
    assert not [call for call in ship.calls if call.startswith("restart")]
    assert ship.recover().to_version == "1.0.1"
    ship.check_sound()
    assert ship.state.quarantined == ()


def test_a_record_that_can_be_written_a_moment_later(ship: Ship, monkeypatch: pytest.MonkeyPatch) -> None:
    """[A-100]"""
    failures = [True]
    unsaved(monkeypatch, lambda state: is_commit(state) and failures and failures.pop())
    assert ship.apply(shore().bundle(*SECOND)).outcome == "applied" and not failures
    ship.check_sound()


def test_however_often_a_healthy_release_was_not_recorded_it_is_not_given_up(
    ship: Ship, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[A-24], [A-100]"""
    with monkeypatch.context() as patch:
        unsaved(patch, is_commit)
        with pytest.raises(Degraded, match="is healthy, which cannot be recorded"):
            ship.apply(shore().bundle(*SECOND))
        for _ in range(MAX_ATTEMPTS):
            with pytest.raises(Degraded, match="is healthy, which cannot be recorded"):
                ship.recover()
    assert ship.state.pending and ship.state.pending.attempts > MAX_ATTEMPTS
    assert ship.recover().to_version == "1.0.1"
    ship.check_sound()
    ship.recover()
    assert not ship.site.healthy_file.exists() and ship.state.quarantined == ()


def test_a_note_of_another_trial_says_nothing(ship: Ship, monkeypatch: pytest.MonkeyPatch) -> None:
    """[A-24]"""
    with monkeypatch.context() as patch:
        unsaved(patch, is_commit)
        for act in (lambda: ship.apply(shore().bundle(*SECOND)), *[ship.recover] * (MAX_ATTEMPTS - 1)):
            with pytest.raises(Degraded):
                act()
    assert found_healthy.noted(ship.site, ship.state)
    ship.site.healthy_file.write_text("another")
    with pytest.raises(RolledBack, match="cut short again and again"):
        ship.recover()


def test_a_rollback_that_cannot_be_recorded_leaves_the_data_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[A-26]"""
    ship = Ship.sailing(tmp_path, "1.0.0", "1.0.1")
    before = (ship.app / "data").read_text()
    unsaved(monkeypatch, lambda state: state.pending is not None)
    with pytest.raises(StorageFailed):
        ship.roll_back(restore_data=True)
    assert (ship.app / "data").read_text() == before and ship.current == ship.running == "1.0.1"
    assert [call for call in ship.calls if "restore" in call] == [
        "restore 1.0.0 current=1.0.1",
        "restore 1.0.1 current=1.0.1",
    ]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS])
@pytest.mark.parametrize("times", [1, 100])
def test_a_disk_that_does_not_move_current_decides_nothing(
    ship: Ship, monkeypatch: pytest.MonkeyPatch, number: int, times: int
) -> None:
    """[A-100]: it is tried again; if that is of no use, nothing was started, nothing is in quarantine, and recovery
    goes on."""
    replace, left = Path.replace, [times]

    def refuse(source: Path, target: Path) -> Path:
        if Path(target).name == "current" and left[0]:
            left[0] -= 1
            raise OSError(number, os.strerror(number), str(target))
        return replace(source, target)

    if os.name == "nt":
        pytest.skip("a junction is moved by a call of Windows")
    monkeypatch.setattr(Path, "replace", refuse)
    if times == 1:
        assert ship.apply(shore().bundle(*SECOND)).outcome == "applied"
        return
    with pytest.raises(Degraded, match=r"1\.0\.1 is ready and was not started, for .*current could not be pointed to"):
        ship.apply(shore().bundle(*SECOND))
    assert ship.current == "1.0.0" and not ship.state.quarantined and "restart 1.0.1" not in " ".join(ship.calls)
    monkeypatch.undo()
    assert ship.recover().outcome == "applied" and ship.current == "1.0.1"
    ship.check_sound()


def test_a_switch_that_fails_for_another_cause_is_the_versions_failure(
    ship: Ship, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[A-21]"""
    failed: list[Path] = []
    point_to = type(open_switch(ship.root)).point_to

    def refuse(self: object, directory: Path) -> None:
        if directory.name == "1.0.1" and not failed:
            failed.append(directory)
            raise SwitchFailed("held by another program")
        point_to(self, directory)  # type: ignore[arg-type]

    monkeypatch.setattr(type(open_switch(ship.root)), "point_to", refuse)
    with pytest.raises(RolledBack, match="held by another program"):
        ship.apply(shore().bundle(*SECOND))
    assert ship.current == "1.0.0" and ship.state.quarantined
