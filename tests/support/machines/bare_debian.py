"""`make fresh`: the two commands of README.md on machines that have nothing: bare Debian 12 and 13, by debootstrap.

Each system has `make` and no Python, and runs a clean clone of HEAD in an environment of PATH and HOME alone: as root,
for whom `make` installs the rest, and as an ordinary user, whom it tells what to install. It has a root, mounts and
processes of its own, which end with it. How the machine reaches its mirror and pip's index is asked of the machine:
apt's sources and settings, pip's own, its certificates. Needs root.
"""

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.machines.bare_root import PATH, entering, mirror
from tests.support.repository import REPOSITORY

SYSTEMS: Final = ("bookworm", "trixie")
USERS: Final = ("root", "sailor")
COMMANDS: Final = ("demo", "test")
PATIENCE_S: Final = 3600  # for one command, on a busy machine
SHOWN_LINES: Final = 40
# What a system is given besides its files. /dev is the kernel's, for tests mount images through its loop devices.
ENTER: Final = """
mount -t sysfs -o ro sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/shm /dev/pts
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts /dev/pts
setpriv --reuid "$1" --regid "$1" --init-groups env -i PATH="$2" HOME="$3" sh -c "cd && $4"
"""
PATHS: Final = {
    "root": PATH,
    "sailor": "/usr/local/bin:/usr/bin:/bin",
}
# Of a machine's settings those that say how packages are reached, not what lies on its own disk.
APT_SETTINGS: Final = re.compile(r"Acquire::(https?|ftp|Retries|Check-)\b.*", re.IGNORECASE)
PIP_SETTINGS: Final = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "default-timeout", "retries")
CERTIFICATES: Final = Path("etc/certificates-of-the-machine.pem")


@dataclass(frozen=True)
class Ran:
    """A row of the closing table."""

    system: str
    user: str
    command: str
    is_right: bool
    seconds: float

    def __str__(self) -> str:
        result = "ok" if self.is_right else "FAILED"
        return f"{self.system:<10}{self.user:<8}{self.command:<38}{result:<8}{self.seconds:>7.0f} s"


@dataclass(frozen=True)
class Bare:
    """A system for one user; `place` is its root directory."""

    suite: str
    user: str
    place: Path

    @property
    def home(self) -> Path:
        """Seen from within."""
        return Path("/root" if self.user == "root" else f"/home/{self.user}")

    def make(self, mirror: str, commit: str) -> None:
        """Everything that a machine has that was just installed, `make` and a clone of that commit."""
        included = "make,ca-certificates" if mirror.startswith("https:") else "make"
        options = ("--variant=minbase", f"--include={included}", self.suite, str(self.place), mirror)
        _done("debootstrap", *options)
        for name in ("resolv.conf", "hosts", "hostname"):
            shutil.copyfile(Path("/etc", name), self.place / "etc" / name)
        (self.place / "etc/apt/apt.conf.d/90machine").write_text(_apt_settings())
        (self.place / "etc/pip.conf").write_text(_pip_settings(self.place))
        home = str(self.place) + str(self.home)
        if self.user != "root":
            _done("chroot", str(self.place), "useradd", "--create-home", "--shell", "/bin/sh", self.user)
        _done("git", "clone", "-q", "--no-hardlinks", str(REPOSITORY), f"{home}/unrep")
        _done("git", "-C", f"{home}/unrep", "checkout", "-q", commit)
        _done("chroot", str(self.place), "chown", "-R", f"{self.user}:", str(self.home))

    def run(self, command: str, user: str, log: Path) -> int:
        """The exit code of a command that the user gives in their home; what it printed goes into the log."""
        home = "/root" if user == "root" else str(self.home)
        argv = entering(str(self.place), ENTER, user, PATHS[user], home, command)
        with log.open("wb") as output:
            try:
                return subprocess.run(
                    argv, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, timeout=PATIENCE_S
                ).returncode
            except subprocess.TimeoutExpired:
                output.write(f"\nkilled after {PATIENCE_S} s\n".encode())
                return -1


def main() -> int:
    """1 if a command failed anywhere."""
    wanted = _arguments()
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        print("make fresh: needs root and debootstrap: run 'sudo apt-get install debootstrap'", file=sys.stderr)
        return 2
    commit = _done("git", "-C", str(REPOSITORY), "rev-parse", "--short", "HEAD").strip()
    rows: list[Ran] = []
    for suite in wanted.system:
        for user in wanted.user:
            with _system(Bare(suite, user, wanted.place / f"{suite}-{user}"), commit, wanted.mirror) as bare:
                for row in _rows(bare, wanted):
                    print(row, flush=True)
                    rows.append(row)
    print(f"\nof commit {commit}:", *rows, sep="\n")
    return int(not all(row.is_right for row in rows))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make fresh", description=__doc__)
    parser.add_argument("--system", nargs="+", choices=SYSTEMS, default=SYSTEMS)
    parser.add_argument("--user", nargs="+", choices=USERS, default=USERS)
    parser.add_argument("--command", nargs="*", choices=COMMANDS, default=COMMANDS)
    parser.add_argument("--tests", default="", help="Paths for 'make test', in place of all.")
    parser.add_argument("--mirror", help="Of Debian's packages. Default: the first of this machine's apt.")
    parser.add_argument("--place", type=Path, help="Where systems are made, and logs stay. Default: a new directory.")
    wanted = parser.parse_args()
    wanted.place = wanted.place or Path(tempfile.mkdtemp(prefix="bare-debian-"))
    return wanted


@contextmanager
def _system(bare: Bare, commit: str, named: str | None) -> Iterator[Bare]:
    """It is removed at the end; nothing of it is mounted outside."""
    bare.place.mkdir(parents=True)
    try:
        bare.make(named or mirror(), commit)
        yield bare
    finally:
        _done("rm", "-rf", "--one-file-system", str(bare.place))


def _rows(bare: Bare, wanted: argparse.Namespace) -> Iterator[Ran]:
    if bare.user != "root":
        yield from _told_what_to_install(bare, wanted.place)
    for target in wanted.command:
        chosen = f" TESTS={shlex.quote(wanted.tests)}" if target == "test" and wanted.tests else ""
        yield _tried(bare, f"make -C unrep {target}{chosen}", bare.user, wanted.place, target)


def _told_what_to_install(bare: Bare, logs: Path) -> Iterator[Ran]:
    """An ordinary user cannot install: `make` says what is needed, and that is enough."""
    log = logs / f"{bare.suite}-{bare.user}-refused.log"
    began = time.monotonic()
    code = bare.run("make -C unrep demo", bare.user, log)
    advice = re.search(r"sudo (apt-get install [a-z0-9 .-]+)'", log.read_text(errors="replace"))
    yield Ran(bare.suite, bare.user, "make, told what to install", bool(code and advice), time.monotonic() - began)
    if advice:
        yield _tried(bare, f"{advice[1]} -y -q --no-install-recommends", "root", logs, "install")


def _tried(bare: Bare, command: str, user: str, logs: Path, name: str) -> Ran:
    log = logs / f"{bare.suite}-{bare.user}-{name}.log"
    began = time.monotonic()
    code = bare.run(command, user, log)
    if code:
        print(f"\n{log} ends:", *log.read_text(errors="replace").splitlines()[-SHOWN_LINES:], sep="\n", flush=True)
    shown = command.replace(" -C unrep", "").partition(" -y")[0]
    return Ran(bare.suite, user, shown, code == 0, time.monotonic() - began)


def _apt_settings() -> str:
    return "".join(f"{line}\n" for line in _done("apt-config", "dump").splitlines() if APT_SETTINGS.match(line))


def _pip_settings(place: Path) -> str:
    """A pip.conf. The file of certificates that the machine's pip trusts is copied."""
    settings = {}
    for line in _done(sys.executable, "-m", "pip", "config", "list").splitlines():
        name, _, value = line.partition("=")
        key = name.rpartition(".")[2]
        value = value.strip("'\"")
        if key == "cert":
            shutil.copyfile(value, place / CERTIFICATES)
            settings[key] = f"/{CERTIFICATES}"
        elif key in PIP_SETTINGS and "file:" not in value:
            settings[key.removeprefix("default-")] = value
    return "[global]\n" + "".join(f"{key} = {value}\n" for key, value in settings.items())


def _done(*command: str) -> str:
    """What a command of this machine printed. Ends the run if it fails."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"make fresh: {' '.join(command)} failed: {(done.stderr or done.stdout).strip()[-1000:]}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
