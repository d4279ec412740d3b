"""A kit in one file, the same bytes for the same kit: `.tar.gz` for Linux, `.zip` for Windows [K-8].

What starts a kit comes first, and the mark of a whole kit last. So what was unpacked from a file that was cut short
says that it is not complete.
"""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from bundle.errors import NoRoom
from bundle.host import presence
from bundle.host.directories import Directory
from bundle.host.files import create_anew, read_given, whole_or_none
from bundle.host.storage import Storage
from unrep.errors import KitError
from unrep.kit.folder import EXECUTABLE, MARK, MOMENT

_STORAGE: Final = Storage(full=NoRoom, failed=KitError)
_PLAIN: Final = 0o644
_STARTERS: Final = ("bin/", "unrep.exe")


_Pack = Callable[[Path, list[str], Collection[str], BinaryIO], None]


def check_archive(archive: Path, kit: Path) -> None:
    """Raises KitError, before the kit is built, if its archive cannot be written there."""
    _packing(archive)
    with _STORAGE.errors(archive):
        if not presence.is_directory(archive.parent):
            raise KitError(f"{archive.parent}: not a directory: create it, or name another file with --archive")
        if presence.is_directory(archive) or archive.absolute().is_relative_to(kit.absolute()):
            raise KitError(f"{archive}: is a directory, or lies within the kit: name another file with --archive")


def write_archive(kit: Path, executable: Collection[str], archive: Path) -> int:
    """Packs the folder, under its own name; the archive's size. Raises KitError, NoRoom.

    executable: the names of its programs. The disk is not asked, for not every file system knows.
    """
    pack = _packing(archive)
    with _STORAGE.errors(archive):
        names = sorted(_names(kit, ""), key=lambda name: (name == MARK, not name.startswith(_STARTERS), name))
        with whole_or_none(archive, create_anew(archive)) as file:
            pack(kit, names, executable, file)
        return archive.stat().st_size


def _packing(archive: Path) -> _Pack:
    if archive.name.endswith(".tar.gz"):
        return _tar
    if archive.suffix == ".zip":
        return _zip
    raise KitError(f"{archive}: name a file that ends with .tar.gz or .zip")


def _tar(kit: Path, names: list[str], executable: Collection[str], file: BinaryIO) -> None:
    with (
        gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=9, mtime=0) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for name in names:
            data = read_given(kit / name)
            member = tarfile.TarInfo(f"{kit.name}/{name}")
            member.size, member.mode = len(data), EXECUTABLE if name in executable else _PLAIN
            archive.addfile(member, io.BytesIO(data))


def _zip(kit: Path, names: list[str], executable: Collection[str], file: BinaryIO) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in names:
            member = zipfile.ZipInfo(f"{kit.name}/{name}", MOMENT)
            mode = EXECUTABLE if name in executable else _PLAIN
            member.create_system, member.external_attr = 3, (0o100000 | mode) << 16
            archive.writestr(member, read_given(kit / name), zipfile.ZIP_DEFLATED, 9)


def _names(directory: Path, prefix: str) -> Iterator[str]:
    with Directory.open(directory) as opened:
        entries = opened.entries()
    for name, is_directory in entries:
        if is_directory:
            yield from _names(directory / name, f"{prefix}{name}/")
        else:
            yield prefix + name
