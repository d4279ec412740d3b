"""`unrep demo` tells its story to the end, and leaves nothing behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(os.name == "nt", reason="looks for processes in /proc")
def test_the_demonstration(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path), "HOME": str(tmp_path)}
    argv = [sys.executable, "-m", "unrep", "demo"]
    done = subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    story = done.stderr
    for heading in ("Ashore", "First install", "The update", "A bad release", "And by hand", "Figures of this run"):
        assert f"\n{heading}" in story
    served = [line for line in story.splitlines() if "the ship's server answers" in line]
    assert [line.rsplit(" ", 1)[1] for line in served] == ["1.0.0", "1.0.1", "1.0.1", "1.0.0"]
    assert "drops survived" in story and "Traceback" not in story
    assert list(tmp_path.iterdir()) == [], "it left a file"
    commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not [command for command in commands if str(tmp_path).encode() in command], "it left a process"
