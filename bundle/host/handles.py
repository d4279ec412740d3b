"""Windows: a directory held open so that nobody renames or removes it, and seen by its handle to be no reparse point.

fileapi.h, winbase.h. It can be imported anywhere, and called on Windows.
"""

import ctypes
import errno
import os
import sys
from pathlib import Path
from typing import Any, Final

from bundle.host.files import ForeignFile

_READ_ATTRIBUTES: Final = 0x80
_LIST_DIRECTORY: Final = 0x1
_SHARE_READ_WRITE: Final = 0x3  # and not FILE_SHARE_DELETE: that is what holds the name
_OPEN_EXISTING: Final = 3
_OPEN_LINK_ITSELF: Final = 0x02000000 | 0x00200000  # FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT
_DIRECTORY: Final = 0x10
_REPARSE_POINT: Final = 0x400
_INVALID: Final = ctypes.c_void_p(-1).value
_INFORMATION_BYTES: Final = 52  # BY_HANDLE_FILE_INFORMATION, whose first four bytes are the attributes


def open_directory(path: Path) -> int:
    """A handle of the directory itself. Raises ForeignFile for a link or a file in its place, OSError."""
    kernel = _kernel32()
    access = _READ_ATTRIBUTES | _LIST_DIRECTORY
    name = ctypes.c_wchar_p(long_path(path))
    handle = kernel.CreateFileW(name, access, _SHARE_READ_WRITE, None, _OPEN_EXISTING, _OPEN_LINK_ITSELF, None)
    if handle in (None, _INVALID):
        raise _last_error(path)
    information = ctypes.create_string_buffer(_INFORMATION_BYTES)
    known = kernel.GetFileInformationByHandle(ctypes.c_void_p(handle), information)
    attributes = int.from_bytes(information.raw[:4], "little")
    if not known or attributes & (_DIRECTORY | _REPARSE_POINT) != _DIRECTORY:
        error = (
            ForeignFile(path, "a link or a file stands there, where a directory should") if known else _last_error(path)
        )
        close(handle)
        raise error
    return int(handle)


def close(handle: int) -> None:
    """Closes it."""
    _kernel32().CloseHandle(ctypes.c_void_p(handle))


def long_path(path: Path) -> str:
    """The path in the spelling that may exceed 260 characters. Links in it stay as they are."""
    # Not resolve(): it would go through the very link that is to be judged.
    return extended_length(os.path.abspath(path))  # noqa: PTH100


def extended_length(path: str) -> str:
    r"""An absolute Windows path with the prefix that lifts the limit of 260 characters: \\?\ or \\?\UNC\."""
    if path.startswith("\\\\?\\"):
        return path
    if path.startswith("\\\\"):
        return "\\\\?\\UNC\\" + path[2:]
    return "\\\\?\\" + path


def _kernel32() -> Any:
    if sys.platform != "win32":
        raise OSError(errno.ENOSYS, "kernel32 exists on Windows only")
    kernel: Any = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel.CreateFileW.restype = ctypes.c_void_p  # the default, int, would cut a 64-bit handle
    return kernel


def _last_error(path: Path) -> OSError:
    if sys.platform != "win32":
        raise OSError(errno.ENOSYS, "kernel32 exists on Windows only")
    error = ctypes.WinError(ctypes.get_last_error())
    error.filename = os.fspath(path)
    return error
