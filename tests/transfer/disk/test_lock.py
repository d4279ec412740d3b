"""One fetch at a time into one file, by a lock that no crash leaves behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from transfer.disk.lock import output_lock
from transfer.errors import OutputBusy

HOLD = """\
import pathlib, sys, time
from transfer.disk.lock import output_lock
with output_lock(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""
RACE = """\
import os, pathlib, sys, time
from transfer.errors import OutputBusy
from transfer.disk.lock import output_lock
output, inside = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
until, held = time.monotonic() + 1.0, 0
while time.monotonic() < until:
    try:
        with output_lock(output):
            os.close(os.open(inside, os.O_CREAT | os.O_EXCL))
            inside.unlink()
            held += 1
    except OutputBusy:
        pass
print(held)
"""


def test_the_second_is_told_who_holds_it_and_a_kill_frees_it(tmp_path: Path) -> None:
    """[T-13]"""
    output = tmp_path / "out"
    with subprocess.Popen([sys.executable, "-c", HOLD, output], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None and holder.stdout.readline().strip() == b"held"
        with pytest.raises(OutputBusy, match=f"process {holder.pid} is fetching"), output_lock(output):
            pass
        holder.send_signal(signal.SIGKILL if os.name != "nt" else signal.SIGTERM)
        holder.wait()
    with output_lock(output):
        assert (tmp_path / "out.lock").exists()
    assert list(tmp_path.iterdir()) == []


def test_two_outputs_do_not_wait_for_each_other(tmp_path: Path) -> None:
    """[T-13]"""
    with output_lock(tmp_path / "one"), output_lock(tmp_path / "two"):
        assert len(list(tmp_path.iterdir())) == 2


def test_never_are_two_inside(tmp_path: Path) -> None:
    """[T-13]: four processes at it for a second; each taking removes the file that the others may be opening."""
    command = [sys.executable, "-c", RACE, str(tmp_path / "out"), str(tmp_path / "inside")]
    racers = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)]
    began = time.monotonic()
    results = [racer.communicate(timeout=30) for racer in racers]
    assert all(racer.returncode == 0 for racer in racers), results
    assert sum(int(out) for out, _ in results) > 10, f"in {time.monotonic() - began:.1f} s"


def test_a_lock_file_that_cannot_be_removed_does_not_undo_what_was_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched, output_lock(tmp_path / "out"):
        patched.setattr(Path, "unlink", refuse)
    with output_lock(tmp_path / "out"):
        pass
    assert list(tmp_path.iterdir()) == []
