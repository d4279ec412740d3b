"""Receipts as they come ashore: files, folders of folders, and zips, in any number [C-11].

A folder and a zip are searched for files *.receipt. Links in a folder are not followed, and of a member of a zip no
more is unpacked than a receipt can have. So whoever sends one can waste neither memory nor disk.
"""

import zipfile
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from bundle.errors import InputError
from bundle.host import presence
from bundle.host.files import read_given, read_plain
from bundle.receipts.receipt import MAX_RECEIPT_BYTES

SUFFIX: Final = ".receipt"
MAX_ZIP_BYTES: Final = 1 << 30
_ZIP: Final = b"PK\x03\x04"
_EMPTY_ZIP: Final = b"PK\x05\x06"


Found = tuple[str, bytes | InputError]


def gather(paths: Iterable[Path]) -> Iterator[Found]:
    """The name and the bytes of each receipt, in the order of the paths, and of the names in a folder.

    What is too long for a receipt comes with one byte too many. A path that is given by name need not end in .receipt,
    and what cannot be read of it raises InputError. Of what lies in a folder that error comes in place of the bytes.
    """
    for path in paths:
        if presence.is_directory(path):
            yield from _of_folder(path)
        else:
            yield from _of_file(path, given=True)


def _of_folder(folder: Path) -> Iterator[Found]:
    folders = deque([folder])
    while folders:
        place = folders.popleft()
        try:
            paths = sorted(path for path in place.iterdir() if not path.is_symlink())
        except OSError as error:
            raise InputError(f"{place}: cannot be read: {error.strerror}") from error
        for path in paths:
            if presence.is_directory(path):
                folders.append(path)
            elif path.name.endswith((SUFFIX, ".zip")):
                try:
                    yield from _of_file(path, given=False)
                except InputError as error:
                    yield str(path), error


def _of_file(path: Path, *, given: bool) -> Iterator[tuple[str, bytes]]:
    try:
        # A person may name a pipe. In a folder that others fill, a link leads nowhere.
        data = read_given(path, MAX_RECEIPT_BYTES + 1) if given else read_plain(path, MAX_RECEIPT_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    if data.startswith((_ZIP, _EMPTY_ZIP)):
        yield from _of_zip(path)
    else:
        yield str(path), data


def _of_zip(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        if path.stat().st_size > MAX_ZIP_BYTES:
            raise InputError(f"{path}: over {MAX_ZIP_BYTES:,} bytes; unpack it first, or send smaller ones")
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if info.filename.endswith(SUFFIX):
                    yield f"{path}/{info.filename}", _member(archive, info)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise InputError(f"{path}: a zip that cannot be read: {error}; send it again") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    with archive.open(info) as member:
        return member.read(MAX_RECEIPT_BYTES + 1)
