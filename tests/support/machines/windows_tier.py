"""`make test-windows`: the suite under CPython for Windows, in Wine, on Linux without a display.

Everything is as on Windows but junctions, for which see wine_junctions beside this: locks, sharing violations,
MoveFileEx, read-only files, services, long paths are Wine's, which keeps to Windows there. What is needed is installed
into `.wine/`, once: Wine and a compiler by apt-get where root is at hand, all else by pip, each by its hash. What
cannot be had is said, and ends the run with 0; a test that fails does not.
"""

import contextlib
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from tests.support.machines.wine_junctions import PORT_VARIABLE, served
from tests.support.repository import REPOSITORY

HOME: Final = REPOSITORY / ".wine"
PYTHON: Final = HOME / "python"
PREFIX: Final = HOME / "prefix"
READY: Final = HOME / "ready"
INTERPRETER_LOCK: Final = REPOSITORY / "requirements" / "windows-python.lock"
PACKAGES_LOCK: Final = REPOSITORY / "requirements" / "windows.lock"
RANDOM_SOURCE: Final = REPOSITORY / "tests" / "support" / "machines" / "processprng.c"
COMPILER: Final = "x86_64-w64-mingw32-gcc"
DEBIAN: Final = ("wine:wine", "wineserver:wine", f"{COMPILER}:gcc-mingw-w64-x86-64")
# Of tests/end_to_end these alone, for in Wine each command takes seconds to start.
COMMANDS: Final = (
    "tests/end_to_end/test_build_commands.py::test_build_says_what_it_made",
    "tests/end_to_end/test_fetch.py::test_it_comes_through_bad_weather",
)
# Of the server of Wine 8 an assertion fails now and then where connections break: tests/transfer goes in small batches.
TRANSFER: Final = sorted(
    str(path.relative_to(REPOSITORY)) for path in (REPOSITORY / "tests" / "transfer").rglob("test_*.py")
)
BAD_INPUTS: Final = sorted(
    str(path.relative_to(REPOSITORY)) for path in (REPOSITORY / "tests" / "hostile").glob("test_bad_*.py")
)
# Of the office all but its pages, of which those alone that say who may see them.
FLEET: Final = (
    *(f"tests/fleet/{room}" for room in ("drawing", "intake", "record", "reports", "rollout")),
    "tests/fleet/pages/test_access.py",
)
BATCHES: Final = (
    (*COMMANDS, *BAD_INPUTS, "tests/contracts", "tests/apply"),
    *(TRANSFER[at : at + 6] for at in range(0, len(TRANSFER), 6)),
    ("tests/unrep", "tests/bundle", "tests/repository"),
    FLEET,
)
OPTIONS: Final = ("-n", "2", "--ignore=tests/unrep/demo/test_story.py")  # the demonstration takes minutes there
PATIENCE_S: Final = 600  # no test takes so long
ATTEMPTS: Final = 3  # for one batch, if Wine itself fails
SERVER_LOG: Final = HOME / "server.log"
DRIVE: Final = PREFIX / "drive_c"
# Wine's own, and what of it would only look for a display, a browser or .NET.
ENVIRONMENT: Final = {
    "WINEPREFIX": str(PREFIX),
    "WINEDEBUG": "-all",
    "DISPLAY": "",
    "WINEDLLOVERRIDES": "mscoree=;mshtml=;bcryptprimitives=n,b",
}


class Unavailable(Exception):
    """Something that the tier needs cannot be had here; the text says what, and why."""


def main() -> int:
    """Sets up what is missing, runs the tests; 1 if one fails. Arguments go to pytest, in place of all."""
    try:
        _install_debian_packages()
        _set_up()
        return _run_tests(sys.argv[1:], [()]) if sys.argv[1:] else _run_tests(OPTIONS, BATCHES)
    except Unavailable as why:
        print(f"SKIPPED: the tests under Windows: {why}", file=sys.stderr)
        return 0


def _install_debian_packages() -> None:
    if sys.platform == "linux":
        subprocess.run(
            ["sh", REPOSITORY / "tests" / "support" / "machines" / "debian_packages.sh", *DEBIAN], check=True
        )
    missing = [program for program, _ in (pair.split(":") for pair in DEBIAN) if shutil.which(program) is None]
    if missing:
        raise Unavailable(f"there is no {', no '.join(missing)} on PATH")


def _set_up() -> None:
    """Makes `.wine/` anew, unless it was made from the very same files."""
    sources = (Path(__file__), INTERPRETER_LOCK, PACKAGES_LOCK, RANDOM_SOURCE)
    wanted = hashlib.sha256(b"".join(map(Path.read_bytes, sources)) + os.fsencode(REPOSITORY)).hexdigest()
    if READY.exists() and READY.read_text() == wanted:
        return
    print("windows: installing Wine's Python, once", file=sys.stderr)
    if PREFIX.exists():
        _wine("wineserver", "-k", check=False)
    _remove(HOME)
    HOME.mkdir()
    _install_interpreter()
    _install_packages()
    _install_wine()
    READY.write_text(wanted)


def _install_interpreter() -> None:
    downloads = HOME / "downloads"
    _pip("download", "--no-deps", "--no-binary=:all:", "--require-hashes", "-d", downloads, "-r", INTERPRETER_LOCK)
    with tarfile.open(next(downloads.glob("*.tar.gz"))) as archive:
        data = next(member for member in archive if member.name.endswith("/data.zip"))
        opened = archive.extractfile(data)
        assert opened
        with opened, zipfile.ZipFile(opened) as files:
            for name in files.namelist():
                place = PYTHON / Path(name).relative_to("cp312")
                if not name.endswith("/"):
                    place.parent.mkdir(parents=True, exist_ok=True)
                    place.write_bytes(files.read(name))
    # Without its ._pth it is like an installed Python: PYTHONPATH and the working directory count. Wine 8 has not what
    # _wmi calls; the standard library does without.
    (PYTHON / "python312._pth").unlink()
    (PYTHON / "_wmi.pyd").unlink()


def _install_packages() -> None:
    packages = PYTHON / "Lib" / "site-packages"
    platform = ("--platform", "win_amd64", "--python-version", "3.12", "--implementation", "cp")
    wheels = ("--only-binary=:all:", "--no-deps", "--require-hashes", "-r", PACKAGES_LOCK)
    _pip("install", "--target", packages, *platform, *wheels)
    (packages / "unrep.pth").write_text(f"Z:{REPOSITORY}\n")
    (packages / "sitecustomize.py").write_text(
        "from tests.support.machines.wine_junctions import install\n\ninstall()\n"
    )


def _install_wine() -> None:
    _wine("wine", "wineboot", "-i")
    _wine("wine", "reg", "add", r"HKCU\Software\Wine", "/v", "Version", "/d", "win10", "/f")
    library = DRIVE / "windows" / "system32" / "bcryptprimitives.dll"
    subprocess.run([COMPILER, "-shared", "-O2", "-s", "-o", library, RANDOM_SOURCE, "-ladvapi32"], check=True)


def _pip(command: str, *arguments: str | Path) -> None:
    pip = [sys.executable, "-m", "pip", command, "-q", "--disable-pip-version-check", *arguments]
    done = subprocess.run(pip, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise Unavailable(f"pip could not {command} what it needs: {' '.join(done.stderr.split()[-60:])}")


def _wine(*command: str, check: bool = True) -> None:
    # No pipes: Wine's server inherits them, and stays.
    nothing = subprocess.DEVNULL
    done = subprocess.run(command, env=os.environ | ENVIRONMENT, stdin=nothing, stdout=nothing, stderr=nothing)
    if check and done.returncode:
        raise Unavailable(f"{' '.join(command)} failed with {done.returncode}")


def _remove(directory: Path) -> None:
    subprocess.run(["rm", "-rf", directory], check=True)  # for a test makes a tree that is too deep for shutil


def _run_tests(options: Sequence[str], batches: Sequence[Sequence[str]]) -> int:
    """1 if a test fails. In Wine a process now and then dies or halts under a test: what failed is tried once more, by
    itself, and must pass then."""
    runs = [ran for batch in batches for ran in _run_batch(options, batch)]
    failed = [test for ran in runs for test in ran.failed]
    if failed:
        print(f"windows: once more, by themselves: {', '.join(failed)}", flush=True)
    again = _run_batch((), failed) if failed else []
    counts = sum((ran.counts for ran in runs + again), Counter[str]())
    counts["failed"] = sum(ran.counts["failed"] for ran in again)
    print(f"windows: {', '.join(f'{count:,} {outcome}' for outcome, count in counts.items())}", flush=True)
    is_answered = sum((ran.counts for ran in again), Counter[str]()).total() >= len(failed)
    return int(not is_answered or any(ran.code for ran in again + [ran for ran in runs if not ran.failed]))


@dataclass
class Ran:
    """What came of one batch. `code`: pytest's own; `failed`: the tests that did; `counts`: of its closing line."""

    code: int = 0
    failed: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def read(self, line: str) -> None:
        """Takes what a line of pytest's output tells."""
        if found := re.match(r"(?:FAILED|ERROR) (\S+?::.*?)(?: - .*)?$", line):
            self.failed.append(found[1])
        elif re.match(r"=+ .* in [0-9.]+s", line):
            self.counts.update({what: int(count) for count, what in re.findall(r"(\d+) (passed|failed|skipped)", line)})


def _run_batch(options: Sequence[str], tests: Sequence[str], attempts: int = ATTEMPTS) -> list[Ran]:
    """Runs pytest under a server of its own. If that died, or the run came to no end, again, in halves, for neither
    says anything of the tests; what is too small for that is left out after so many attempts that a server died in."""
    with _wine_server() as server, served() as port:
        _wine("wine", "wineboot")
        ran = _pytest([*options, *tests], port, server)
        died = server.poll()
    if died is None and ran.counts:
        return [ran]
    if died is not None:
        said = SERVER_LOG.read_text(errors="replace").strip() or "nothing"
        print(f"windows: Wine's server ended with {died} and said {said}", flush=True)
    if len(tests) > 1:
        middle = len(tests) // 2
        return _run_batch(options, tests[:middle]) + _run_batch(options, tests[middle:])
    if attempts > 1:
        return _run_batch(options, tests, attempts - 1)
    if died is None:
        return [ran]
    print(f"SKIPPED: Wine's server died in each of {ATTEMPTS} runs of {' '.join(tests)}", file=sys.stderr, flush=True)
    return []


@contextlib.contextmanager
def _wine_server() -> Iterator[subprocess.Popen[bytes]]:
    """Wine's server as a child of ours, for one that begins by itself ends when it sees no program for a moment."""
    for option in ("-k", "-w"):  # the one of the setting up, if it is still there
        _wine("wineserver", option, check=False)
    command = ["wineserver", "--foreground", "--persistent"]
    nothing = subprocess.DEVNULL
    with (
        SERVER_LOG.open("wb") as log,
        subprocess.Popen(command, env=os.environ | ENVIRONMENT, stdin=nothing, stdout=log, stderr=log) as server,
    ):
        try:
            time.sleep(2)  # before that a program would begin another
            yield server
        finally:
            _wine("wineserver", "-k", check=False)
            server.wait()


def _pytest(arguments: Sequence[str], port: str, server: subprocess.Popen[bytes]) -> Ran:
    """What came of it. Its output goes through a pipe, for Wine's Python takes no file; nobody waits for the pipe's
    end, for a process that a test leaves behind may hold it."""
    _remove(DRIVE / "t")  # from here, for Wine does not see a link to nowhere
    given = ["-p", "no:cacheprovider", "--basetemp", r"C:\t", "-v", "-r", "fEs"]
    ran = Ran()
    told_at = time.monotonic()

    def show(output: IO[str]) -> None:
        nonlocal told_at
        for line in output:
            told_at = time.monotonic()
            print(line, end="", flush=True)
            ran.read(line)

    running = subprocess.Popen(
        ["wine", PYTHON / "python.exe", "-m", "pytest", *given, *arguments],
        cwd=REPOSITORY,
        # Its lines come at once, whatever becomes of it; tests/conftest.py takes the variable away again.
        env=os.environ | ENVIRONMENT | {PORT_VARIABLE: port, "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    shown = threading.Thread(target=show, args=(running.stdout,), daemon=True)
    shown.start()
    while running.poll() is None and server.poll() is None and time.monotonic() < told_at + PATIENCE_S:
        time.sleep(1)
        _bury_half_dead(running.pid)
    if running.poll() is None and server.poll() is None:
        print(f"windows: nothing was heard for {PATIENCE_S} s: the run is ended", flush=True)
    shown.join(5)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGKILL)
    ran.code = running.wait()
    return ran


def _bury_half_dead(session: int) -> None:
    """Ends processes of which the first thread alone is dead: Wine leaves such, and xdist waits for them for ever."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, _, _, its_session = (process / "stat").read_bytes().rpartition(b")")[2].split()[:4]
            if state == b"Z" and int(its_session) == session and len(list((process / "task").iterdir())) > 1:
                os.kill(int(process.name), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
