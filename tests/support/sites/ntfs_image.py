"""A real NTFS in an image file, mounted by ntfs-3g, and apply.current.junction.Kernel on it.

ntfs-3g shows a reparse point as an extended attribute, stores it as Windows does, and follows junctions. It needs root,
FUSE and the Debian package ntfs-3g; `missing()` says which of them is not there.
"""

import contextlib
import ctypes
import errno
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PureWindowsPath

from apply.current.junction import MAX_REPARSE_BYTES, NOT_A_REPARSE_POINT, KernelError

_ATTRIBUTE = "system.ntfs_reparse_data"
_CODES = {errno.ENOENT: 2, errno.EEXIST: 183, errno.ENOTEMPTY: 145, errno.ENODATA: NOT_A_REPARSE_POINT}


def missing() -> str:
    """What this machine lacks for a mounted image; empty if nothing."""
    if os.name == "nt" or os.geteuid() != 0:
        return "mounting an NTFS image needs root on Linux"
    for program in ("mkntfs", "ntfs-3g", "umount"):
        if shutil.which(program) is None:
            return f"no {program}: install the package ntfs-3g"
    return "" if Path("/dev/fuse").exists() else "no /dev/fuse"


def format_image(image: Path) -> None:
    with image.open("wb") as file:
        file.truncate(8 << 20)
    subprocess.run(["mkntfs", "-F", "-f", "-Q", "-q", image], check=True, capture_output=True)


@contextmanager
def mounted(image: Path, directory: Path) -> Iterator[Path]:
    directory.mkdir(exist_ok=True)
    subprocess.run(["ntfs-3g", image, directory, "-o", "streams_interface=none"], check=True, capture_output=True)
    try:
        yield directory
    finally:
        subprocess.run(["umount", directory], check=True)


class NtfsKernel:
    """Paths such as C:\\site are places in the mounted image."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def place(self, path: str) -> Path:
        return self._root.joinpath(*PureWindowsPath(path).parts[1:])

    def make_directories(self, path: str) -> None:
        self.place(path).mkdir(parents=True, exist_ok=True)

    def make_file(self, path: str) -> None:
        self.place(path).write_text("precious")

    def names(self, path: str) -> set[str]:
        return {entry.name for entry in self.place(path).iterdir()}

    def get_reparse_point(self, path: str) -> bytes:
        with _codes("get_reparse_point"):
            return _get_attribute(self.place(path))

    def set_reparse_point(self, path: str, reparse_point: bytes) -> None:
        with _codes("set_reparse_point"):
            os.setxattr(self.place(path), _ATTRIBUTE, reparse_point, follow_symlinks=False)

    def is_directory(self, path: str) -> bool:
        try:
            self.get_reparse_point(path)
        except KernelError as error:
            return error.code == NOT_A_REPARSE_POINT and stat.S_ISDIR(self.place(path).lstat().st_mode)
        return False

    def create_directory(self, path: str) -> None:
        with _codes("create_directory"):
            self.place(path).mkdir()

    def remove_directory(self, path: str) -> None:
        with _codes("remove_directory"):
            place = self.place(path)
            with contextlib.suppress(OSError):  # rmdir(2) takes a junction for no directory
                os.removexattr(place, _ATTRIBUTE, follow_symlinks=False)
            place.rmdir()

    def rename(self, source: str, destination: str) -> None:
        if os.path.lexists(self.place(destination)):  # rename(2) would replace it; Windows refuses
            raise KernelError("rename", 183)
        with _codes("rename"):
            self.place(source).rename(self.place(destination))

    def flush(self, path: str) -> None:
        pass


def _get_attribute(path: Path) -> bytes:
    """os.getxattr offers 128 bytes at first, which ntfs-3g answers with an I/O error and not with ERANGE."""
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(MAX_REPARSE_BYTES)
    size = libc.lgetxattr(os.fsencode(path), _ATTRIBUTE.encode(), buffer, ctypes.c_size_t(len(buffer)))
    if size < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)
    return buffer.raw[:size]


@contextmanager
def _codes(call: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise KernelError(call, _CODES.get(error.errno or 0, 5)) from error
