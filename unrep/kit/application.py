"""What runs in a kit: the wheels of its lock, and this very program [K-5]."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from bundle.host.directories import Directory
from bundle.host.files import read_given
from unrep.errors import KitError
from unrep.kit.folder import Folder

PACKAGES: Final = ("bundle", "transfer", "apply", "repository", "fleet", "unrep")
_LIBRARY_SCHEMES: Final = ("purelib", "platlib")


def add_wheel(folder: Folder, wheel: str, data: bytes) -> None:
    """What the wheel installs into site-packages goes into `app/`; its programs and manuals stay out.

    wheel: what it is called, for messages. Raises KitError, OSError.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in sorted(archive.namelist()):
                place = _place(name)
                if place:
                    folder.write(f"app/{place}", archive.read(name))
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise KitError(f"{wheel}: is no wheel that can be read: {error}") from error


def _place(name: str) -> str:
    """Where a file of a wheel belongs within site-packages; "" for nowhere."""
    parts = PurePosixPath(name).parts
    if name.endswith("/") or "tests" in parts or "__pycache__" in parts:
        return ""
    if parts[0].endswith(".data"):
        return "/".join(parts[2:]) if parts[1] in _LIBRARY_SCHEMES else ""
    return name


def add_program(folder: Folder, source: Path) -> None:
    """This program, from where it runs. Raises OSError."""
    for package in PACKAGES:
        for path in _files(source / package):
            folder.write(f"app/{path.relative_to(source).as_posix()}", read_given(path))


def _files(directory: Path) -> Iterator[Path]:
    with Directory.open(directory) as opened:
        entries = sorted(opened.entries())
    for name, is_directory in entries:
        if is_directory and name != "__pycache__":
            yield from _files(directory / name)
        elif not is_directory:
            yield directory / name
