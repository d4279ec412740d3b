"""How a kit comes to be: the same bytes on every machine and every path, from locks with hashes [K-2].

bring       what the locks name, each by its hash
lay out     the interpreter of that platform, the wheels, this program
compile     all sources, by the kit's own Python
try         it imports everything that unrep can need
name        the folder gets its name when it is complete
"""

import json
import os
import platform
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bundle.errors import NoRoom
from bundle.format.manifest import TreeManifest
from bundle.host import presence
from bundle.host.files import make_directory
from bundle.host.progress import Progress
from bundle.host.storage import Storage
from bundle.read.tree import scan
from bundle.version import VERSION
from unrep.errors import KitError
from unrep.kit import application, compile_ahead, debian, linux, packages, windows
from unrep.kit.folder import MARK, Folder
from unrep.kit.kinds import KINDS, Kind

_LAUNCHER_LOCK: Final = "launcher.lock"
_STORAGE: Final = Storage(full=NoRoom, failed=KitError)


@dataclass(frozen=True)
class Wanted:
    """`embeddable` and its hash: python.org's interpreter for Windows, for a kit of that platform alone.

    source: where the packages of unrep lie.
    """

    kind: Kind
    out: Path
    place: Path
    locks: Path = packages.LOCKS
    embeddable: Path | None = None
    embeddable_sha256: str = ""
    source: Path = Path(__file__).parents[2]


@dataclass(frozen=True)
class Kit:
    """A finished kit. `executable`: the names of its programs."""

    directory: Path
    manifest: TreeManifest
    executable: frozenset[str]


def build_kit(wanted: Wanted, progress: Progress) -> Kit:
    """Makes the folder. Raises KitError, CollectError or NoRoom, and leaves nothing at `out` then."""
    out = Path(os.path.realpath(wanted.out))
    with _STORAGE.errors(out):
        _check(wanted, out)
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.unfinished-", dir=out.parent) as scratch:
            folder = Folder(Path(scratch, "kit"))
            make_directory(folder.root, 0o755)
            _fill(folder, wanted, Path(scratch), progress)
            manifest = scan(folder.root, "any", progress)
            if presence.exists(out):
                out.rmdir()
            folder.root.rename(out)
    return Kit(out, manifest, folder.executable)


def _check(wanted: Wanted, out: Path) -> None:
    if os.path.lexists(out) and (not presence.is_directory(out) or any(out.iterdir())):
        raise KitError(f"{out}: exists already: remove it, or choose another --out")
    if not presence.is_directory(out.parent):
        raise KitError(f"{out.parent}: not a directory: create it, or choose another --out")
    if wanted.kind.is_windows != bool(wanted.embeddable and wanted.embeddable_sha256):
        raise KitError(
            "a kit for Windows needs --embeddable ZIP and --embeddable-sha256 HEX: python.org's embeddable CPython "
            f"{KINDS['win_amd64'].python} for amd64; a kit for Linux takes neither"
        )
    _runner_kind(wanted.kind)


def _fill(folder: Folder, wanted: Wanted, scratch: Path, progress: Progress) -> None:
    kind = wanted.kind
    if kind.is_windows:
        assert wanted.embeddable  # noqa: S101 - checked before
        windows.lay_out(folder, packages.checked(wanted.embeddable, wanted.embeddable_sha256), kind)
        launcher = packages.bring_wheels(kind, wanted.locks / _LAUNCHER_LOCK, wanted.place, progress)
        windows.add_starter(folder, launcher[0].name, launcher[0].data)
    else:
        _lay_out_linux(folder, kind, wanted)
    for wheel in packages.bring_wheels(kind, wanted.locks / kind.wheels_lock, wanted.place, progress):
        application.add_wheel(folder, wheel.name, wheel.data)
    application.add_program(folder, wanted.source)
    python = _compile(folder.root, wanted, scratch)
    if python:
        _run([*python, "-m", "unrep", "agent", "--probe"], "does not run")
    said = {"product": "unrep", "version": VERSION, "platform": kind.name, "python": kind.python}
    folder.write(MARK, (json.dumps(said, indent=2) + "\n").encode())


def _lay_out_linux(folder: Folder, kind: Kind, wanted: Wanted) -> None:
    lock = packages.read_debian_lock(wanted.locks / kind.debian_lock)
    linux.lay_out(folder, debian.unpack(packages.bring_debian(lock, kind.architecture, wanted.place)), kind)


def _compile(root: Path, wanted: Wanted, scratch: Path) -> Sequence[str]:
    """By the kit's own Python, or by that of the same version for this machine. Raises KitError.

    Returns the command of the kit's own Python, empty where this machine cannot run it.
    """
    kind = wanted.kind
    if kind.is_windows:
        python = windows.interpreter(root)
        _run([*python, compile_ahead.__file__, str(root), "app"], "could not compile it")
        return python
    runner, home = _runner_kind(kind), root
    if runner != kind:
        home = scratch / "python"
        make_directory(home, 0o755)
        _lay_out_linux(Folder(home), runner, wanted)
    python = linux.interpreter(home, runner)
    directories = linux.compiled_directories(kind)
    _run([*python, compile_ahead.__file__, str(root), *directories], "could not compile it")
    return python if runner == kind else ()


def _runner_kind(kind: Kind) -> Kind:
    """The platform whose Python compiles the kit here. Raises KitError."""
    if kind.is_windows:
        return kind
    for found in KINDS.values():
        if not found.is_windows and os.name == "posix" and found.machine == platform.machine():
            return found
    raise KitError(f"a kit for {kind.name} is built on Linux, x86_64 or aarch64: its own Python compiles it")


def _run(command: Sequence[str], fault: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("UNREP_")}
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        env=environment,  # without a site of whoever builds
        check=False,
    )
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split())[-300:]
        raise KitError(f"the kit's own Python {fault}: {said}")
