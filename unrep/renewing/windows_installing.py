"""The launcher of Windows: a Python of its own and a few modules, in one directory below HOME/launch [A-237].

The name of that directory follows from what is in it. So one that runs is written to only where it is damaged. Another
one gets another name, and the file `launcher` then names it, in one step.

    HOME/launch/0123456789abcdef/     a launcher
    HOME/launch/launcher              the name of the one that counts
    HOME/launch/unrep.cmd             for a person
"""

from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Final

from apply.site import durable
from apply.site.layout import Site
from bundle.host import presence
from bundle.host.directories import Directory
from bundle.host.files import PUBLIC, make_directory, read_given, read_plain
from bundle.host.removal import remove_tree
from unrep.renewing.home import program_directory

LAUNCHER: Final = "launcher"
MODULE: Final = "unrep.renewing.windows_launcher"
# What the launcher is made of, and nothing else of unrep: the standard library does for these.
MODULES: Final = (
    "bundle/__init__.py",
    *(
        f"bundle/host/{name}.py"
        for name in ("__init__", "directories", "durable", "files", "handles", "presence", "sharing_violations")
    ),
    "unrep/__init__.py",
    "unrep/renewing/__init__.py",
    "unrep/renewing/service_process.py",
    "unrep/renewing/windows_launcher.py",
)
_PATHS: Final = "._pth"  # the ending of the file in which an embeddable Python finds where modules are
_ID_CHARACTERS: Final = 16
_OPEN: Final = 0o755
_COMMAND: Final = f"""\
@echo off
rem Written by 'unrep agent install', which writes it anew. Starts the unrep that is current.
setlocal DisableDelayedExpansion
set /p at=<"%~dp0{LAUNCHER}"
"%~dp0%at%\\python.exe" -B -m {MODULE} unrep %*
exit /b %errorlevel%
""".replace("\n", "\r\n")


def windows_launcher(launch: Path) -> list[str] | None:
    """The words before a verb of the launcher; None where there is none. Raises OSError."""
    with suppress(FileNotFoundError, UnicodeDecodeError):
        name = read_plain(launch / LAUNCHER, 2 * _ID_CHARACTERS).decode().strip()
        python = launch / name / "python.exe"
        if name.isalnum() and presence.is_file(python):
            return [str(python), "-B", "-m", MODULE]
    return None


def write_windows_launcher(home: Site, launch: Path, python: Path) -> bool:
    """The launcher with that Python and the modules of this very unrep; whether anything had to be written.

    Each step leaves an old launcher or a new one. Raises StorageFailed.
    """
    with durable.storage_errors(launch):
        files = dict(_files(python))
        name = _identity(files)
        make_directory(launch, _OPEN)
        changed = _lay_out(launch, name, files)
        for path, text in ((launch / LAUNCHER, f"{name}\n"), (launch / "unrep.cmd", _COMMAND)):
            if not presence.exists(path) or read_plain(path) != text.encode():
                durable.write_file(path, text.encode(), PUBLIC)
                changed = True
    return changed


def remove_old_launchers(launch: Path) -> None:
    """Those that nothing runs from: the directory of one that runs cannot be renamed. Raises OSError."""
    kept = read_plain(launch / LAUNCHER).decode().strip()
    with Directory.open(launch) as opened:
        names = [name for name, is_directory in opened.entries() if is_directory and name != kept]
    for name in names:
        gone = launch / f".{name.removeprefix('.')}"
        with suppress(OSError):
            if not name.startswith("."):
                (launch / name).rename(gone)
            remove_tree(gone)


def _files(python: Path) -> Iterator[tuple[str, bytes]]:
    """What is in a launcher, by the path there."""
    with Directory.open(python) as opened:
        names = sorted(name for name, is_directory in opened.entries() if not is_directory)
    for name in names:
        data = read_given(python / name)
        yield name, data.replace(b"..\\app", b"app") if name.endswith(_PATHS) else data
    for module in MODULES:
        yield f"app/{module}", read_given(program_directory() / module)


def _identity(files: dict[str, bytes]) -> str:
    whole = sha256()
    for name, data in sorted(files.items()):
        whole.update(f"{name} {len(data)}\n".encode() + data)
    return whole.hexdigest()[:_ID_CHARACTERS]


def _lay_out(launch: Path, name: str, files: dict[str, bytes]) -> bool:
    """Whether it was not there as it must be. It gets its name when it is complete and durable.

    In one that is damaged, what is wrong is written anew. Raises OSError, StorageFailed.
    """
    if presence.is_directory(launch / name):
        wrong = {path: data for path, data in files.items() if not _is_there(launch / name / path, data)}
        for path, data in wrong.items():
            _write_within(launch / name, path, data)
        return bool(wrong)
    draft = launch / f".{name}.new"
    if presence.exists(draft):
        remove_tree(draft)
    make_directory(draft, _OPEN)
    for path, data in files.items():
        _write_within(draft, path, data)
    durable.sync_tree(draft)
    durable.replace(draft, launch / name)
    return True


def _is_there(path: Path, data: bytes) -> bool:
    return presence.is_file(path) and read_given(path) == data


def _write_within(directory: Path, path: str, data: bytes) -> None:
    for parent in list(PurePosixPath(path).parents)[-2::-1]:
        make_directory(directory / parent, _OPEN)
    durable.write_file(directory / path, data, PUBLIC)
