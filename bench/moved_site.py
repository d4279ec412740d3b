"""A site that moved, a Python that was replaced, and both: what `apply`, `rollback` and the agent make of it.

    python -m bench.moved_site [--python OTHER]

Makes releases with a wheel, whose environments are made aboard, and installs two of them. Then the site is moved, its
Python is gone and another one is in the path (OTHER), or both, and one command is given. Prints how it ended, after how
many seconds, and how many hands were needed: commands beside that one.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.support.contents.wheelhouse import make_wheel
from tests.support.repository import REPOSITORY

CONFIG = """\
product = "p"
[prepare]
python_wheels = {}
[agent]
sources = ["../third.unrep"]
trust = "../k.pub"
[[health]]
type = "command"
argv = ["sh", "-c", "$UNREP_VENV/bin/python -I -c 'import chart'"]
timeout_s = 60
[health_window]
start_after_s = 0
interval_s = 0.1
consecutive_passes = 1
"""
SHOWN = 54  # characters of what it said
COMMANDS = {
    "apply, the same release": ("apply", "../second.unrep"),
    "apply, the next release": ("apply", "../third.unrep"),
    "rollback": ("rollback",),
    "agent, one round": ("agent", "--once"),
}


def unrep(directory: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Runs the command there, below a directory `made`."""
    made = next(place for place in (directory, *directory.parents) if place.name == "made")
    path = os.pathsep.join([str(made / "old-python"), str(made / "new-python"), "/usr/bin", "/bin"])
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "PATH": path}
    line = [sys.executable, "-m", "unrep", *words]
    return subprocess.run(line, cwd=directory, env=environment, capture_output=True, text=True, check=False)


def make(directory: Path) -> None:
    """Three bundles, and a site where two of them were installed."""
    unrep(directory, "keygen", "--out", "k")
    for seq, name in enumerate(("first", "second", "third"), 1):
        make_wheel(directory / name / "wheels", "chart", f"3.{seq}")
        (directory / name / "requirements.txt").write_text(f"chart==3.{seq}\n", "utf-8")
        terms = ("--product", "p", "--version", f"{seq}.0", "--seq", str(seq), "--key", "k.key", "--out")
        done = unrep(directory, "build", name, *terms, f"{name}.unrep", "--workers", "1")
        if done.returncode:
            sys.exit(done.stderr)
    put_python(directory / "old-python", sys.executable)
    (directory / "site").mkdir()
    (directory / "site" / "unrep.toml").write_text(CONFIG, "utf-8")
    for name in ("first", "second"):
        done = unrep(directory, "apply", f"{name}.unrep", "--site", "site")
        if done.returncode:
            sys.exit(done.stderr)


def put_python(directory: Path, python: str) -> None:
    """A directory of the path, with that Python."""
    directory.mkdir()
    (directory / "python3").symlink_to(Path(python).resolve())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--python", default="/usr/bin/python3")
    other = parser.parse_args().python
    print(f"{'what happened':<18} {'command':<24} {'code':>4} {'seconds':>7} {'hands':>5}  what it said")
    with tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch, "made")
        made.mkdir()
        make(made)
        for moved, replaced in ((True, False), (False, True), (True, True)):
            for label, words in COMMANDS.items():
                there = Path(scratch, "there")
                there.mkdir()
                made.rename(there / "kept")  # the original, whose environments know this path
                shutil.copytree(there / "kept", made, symlinks=True)
                if replaced:
                    shutil.rmtree(made / "old-python")
                    put_python(made / "new-python", other)
                site = made / ("moved" if moved else "site")
                if moved:
                    (made / "site").rename(site)
                begun = time.perf_counter()
                done = unrep(site, *words, "--site", str(site))
                seconds = time.perf_counter() - begun
                told = (done.stdout + done.stderr).strip().splitlines()
                shown = told[-1].replace(str(made), "") if told else ""
                what = " and ".join(["moved"] * moved + ["Python"] * replaced)
                status = unrep(site, "status", "--site", str(site))
                hands = int(bool(done.returncode or status.returncode))  # somebody has to come
                row = f"{what:<18} {label:<24} {done.returncode:>4} {seconds:>7.2f} {hands:>5}"
                print(f"{row}  {shown[:SHOWN]}", flush=True)
                if status.returncode:
                    print(status.stdout, file=sys.stderr)
                shutil.rmtree(made)
                (there / "kept").rename(made)
                shutil.rmtree(there)


if __name__ == "__main__":
    main()
