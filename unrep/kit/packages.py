"""What a kit is made of, brought and checked: Debian's packages, wheels, an interpreter for Windows [K-3].

Each stands in a lock with its SHA-256, and no other bytes are used, wherever they come from. What lies in the directory
of packages already is not brought again, so an office without a registry can carry it there.
"""

import hashlib
import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from apply.application.programs import located
from bundle.errors import NoRoom
from bundle.host import presence
from bundle.host.directories import Directory
from bundle.host.files import make_directory, read_given, write_new
from bundle.host.progress import Progress
from bundle.host.storage import Storage
from bundle.host.temporary_files import temporary_directory
from bundle.wheels.pins import Pin, read_pins
from unrep.collect import wheels
from unrep.collect.pins import applying
from unrep.errors import KitError
from unrep.kit.kinds import Kind

LOCKS: Final = Path(__file__).parent / "locks"
_LINE: Final = re.compile(r"([a-z0-9][a-z0-9+.-]+) (\S+) ([0-9a-f]{64})")
_MAX_PACKAGE_BYTES: Final = 1 << 30
_STORAGE: Final = Storage(full=NoRoom, failed=KitError)


@dataclass(frozen=True)
class DebianPackage:
    """A line of a lock of Debian's packages: NAME VERSION SHA256."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True)
class BroughtWheel:
    """A wheel whose bytes have the hash of its pin."""

    name: str
    data: bytes


def read_debian_lock(path: Path) -> list[DebianPackage]:
    """The packages in a lock. Raises KitError, naming the line that is none."""
    found = []
    try:
        text = read_given(path).decode("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise KitError(f"{path}: cannot be read: {error}") from error
    for number, line in enumerate(text.splitlines(), start=1):
        if line and not line.startswith("#"):
            if not (match := _LINE.fullmatch(line)):
                raise KitError(f"{path}: line {number}: write NAME VERSION SHA256")
            found.append(DebianPackage(*match.groups()))
    if not found:
        raise KitError(f"{path}: names no package")
    return found


def bring_debian(wanted: Sequence[DebianPackage], architecture: str, place: Path) -> list[bytes]:
    """The packages, in the order of the lock. Raises KitError, NoRoom."""
    names = [_file_name(package, architecture) for package in wanted]
    missing = [package for package, name in zip(wanted, names, strict=True) if not presence.exists(place / name)]
    if missing:
        with _STORAGE.errors(place), temporary_directory("unrep-apt-") as scratch:
            _download(missing, architecture, place, scratch)
    return [checked(place / name, package.sha256) for package, name in zip(wanted, names, strict=True)]


def bring_wheels(kind: Kind, lock: Path, place: Path, progress: Progress) -> list[BroughtWheel]:
    """The wheels that the lock names for that machine, in the order of their names.

    They lie in a directory of their own, for a lock has hashes of the wheels for every machine. Raises KitError,
    CollectError, NoRoom.
    """
    place = place / kind.name
    pins = applying(read_pins(lock), kind.target().environment())
    if bare := [pin.name for pin in pins if not pin.hashes]:
        raise KitError(f"{lock}: without a hash: {', '.join(bare)}: give every line its hashes")
    with _STORAGE.errors(place):
        found = _wheels_of(place, pins)
        if missing := [pin for pin in pins if pin.name not in found]:
            # On the same disk, which is then the one that is named if it is full.
            with tempfile.TemporaryDirectory(prefix=".pip-", dir=place.parent) as scratch:
                wheels.download(missing, kind.target(), place, Path(scratch), progress)
            found = _wheels_of(place, pins)
    for name in [pin.name for pin in pins if pin.name not in found]:
        raise KitError(f"{name}: no wheel in {place} has a hash of {lock}")
    return [found[name] for name in sorted(found)]


def checked(path: Path, sha256: str) -> bytes:
    """The bytes of a file that has that hash. Raises KitError."""
    try:
        data = read_given(path, _MAX_PACKAGE_BYTES)
    except OSError as error:
        raise KitError(f"{path}: cannot be read: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise KitError(f"{path}: has not the SHA-256 that its lock names ({sha256}): remove it, and run again")
    return data


def _wheels_of(place: Path, pins: list[Pin]) -> dict[str, BroughtWheel]:
    """For each pin the wheel there that has one of its hashes. Raises OSError."""
    names = {value.removeprefix("sha256:"): pin.name for pin in pins for value in pin.hashes}
    found: dict[str, BroughtWheel] = {}
    for path in sorted(_files(place, ".whl")):
        data = read_given(path, _MAX_PACKAGE_BYTES)
        if name := names.get(hashlib.sha256(data).hexdigest()):
            found.setdefault(name, BroughtWheel(path.name, data))
    return found


def _files(place: Path, ending: str) -> Iterator[Path]:
    for path in (place.parent, place):
        make_directory(path)
    with Directory.open(place) as directory:
        yield from (place / name for name, _ in directory.entries() if name.endswith(ending))


def _file_name(package: DebianPackage, architecture: str) -> str:
    """What apt calls the file; a colon of the version is written as %3a."""
    return f"{package.name}_{package.version.replace(':', '%3a')}_{architecture}.deb"


def _download(missing: Sequence[DebianPackage], architecture: str, place: Path, scratch: Path) -> None:
    make_directory(place)
    options = apt_of(architecture, scratch)
    _apt(["update"], options, place, missing)
    _apt(["download", *(f"{package.name}={package.version}" for package in missing)], options, place, missing)


def apt_of(architecture: str, scratch: Path) -> list[str]:
    """Options of apt-get with this machine's sources, and a state of its own: for any machine, and never stale."""
    for name in ("lists", "cache"):
        make_directory(scratch / name)
    settings = {
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "Dir::State::Lists": str(scratch / "lists"),
        "Dir::Cache": str(scratch / "cache"),
        "Dir::State::Status": str(scratch / "status"),
        "APT::Sandbox::User": "root",
    }
    write_new(scratch / "status", b"")
    return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]


def _apt(words: list[str], options: list[str], place: Path, missing: Sequence[DebianPackage]) -> None:
    names = ", ".join(f"{package.name} {package.version}" for package in missing)
    advice = f"bring {names} into {place}, or renew the lock"
    program = located("apt-get")
    if program is None:
        raise KitError(f"there is no apt-get here: {advice}")
    done = subprocess.run([program, "-q", *options, *words], cwd=place, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("E: ")]
        raise KitError(f"apt-get {words[0]} failed{f' ({said[0][3:]})' if said else ''}: {advice}")
