"""The Windows system calls of the junction switch, through ctypes: no package to install, and importable anywhere.

kernel32 is loaded when a Kernel32 is made, which only Windows can do. Codes and structures: winbase.h, winioctl.h.
"""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from apply.current.junction import MAX_REPARSE_BYTES, KernelError

_FSCTL_SET_REPARSE_POINT: Final = 0x900A4
_FSCTL_GET_REPARSE_POINT: Final = 0x900A8
_READ_ATTRIBUTES: Final = 0x80
_WRITE_ATTRIBUTES: Final = 0x100
_SYNCHRONIZE: Final = 0x100000
_GENERIC_WRITE: Final = 0x40000000
_SHARE_ALL: Final = 7
_OPEN_EXISTING: Final = 3
# Backup semantics open directories; the other flag opens the link and not what it points to.
_OPEN_LINK: Final = 0x02000000 | 0x00200000
_MOVE_WRITE_THROUGH: Final = 8
_ATTRIBUTE_DIRECTORY: Final = 0x10
_ATTRIBUTE_REPARSE_POINT: Final = 0x400
_INVALID_ATTRIBUTES: Final = 0xFFFFFFFF
_INVALID_HANDLE: Final = ctypes.c_void_p(-1).value


class Kernel32:
    """apply.current.junction.Kernel, for real."""

    def __init__(self) -> None:
        if sys.platform != "win32":
            raise OSError("kernel32 exists on Windows only")
        self._dll: Any = ctypes.WinDLL("kernel32", use_last_error=True)
        self._dll.CreateFileW.restype = ctypes.c_void_p  # the default, int, would cut a 64-bit handle
        self._dll.GetFileAttributesW.restype = ctypes.c_uint32

    def get_reparse_point(self, path: str) -> bytes:
        """See Kernel."""
        # Asking for attributes alone: a reader or a backup that has the link open does not stand in the way.
        buffer = ctypes.create_string_buffer(MAX_REPARSE_BYTES)
        with self._open(path, _READ_ATTRIBUTES | _SYNCHRONIZE) as handle:
            size = self._control(handle, _FSCTL_GET_REPARSE_POINT, None, buffer)
        return buffer.raw[:size]

    def set_reparse_point(self, path: str, reparse_point: bytes) -> None:
        """See Kernel."""
        with self._open(path, _WRITE_ATTRIBUTES | _SYNCHRONIZE) as handle:
            self._control(handle, _FSCTL_SET_REPARSE_POINT, reparse_point, None)

    def is_directory(self, path: str) -> bool:
        """See Kernel."""
        attributes = int(self._dll.GetFileAttributesW(ctypes.c_wchar_p(path)))
        if attributes == _INVALID_ATTRIBUTES:
            return False
        return attributes & (_ATTRIBUTE_DIRECTORY | _ATTRIBUTE_REPARSE_POINT) == _ATTRIBUTE_DIRECTORY

    def create_directory(self, path: str) -> None:
        """See Kernel."""
        self._checked("CreateDirectoryW", self._dll.CreateDirectoryW(ctypes.c_wchar_p(path), None))

    def remove_directory(self, path: str) -> None:
        """See Kernel."""
        self._checked("RemoveDirectoryW", self._dll.RemoveDirectoryW(ctypes.c_wchar_p(path)))

    def rename(self, source: str, destination: str) -> None:
        """See Kernel."""
        # Without the flag to replace: there is no `current` yet. If somebody has made one it is not ours to replace.
        names = ctypes.c_wchar_p(source), ctypes.c_wchar_p(destination)
        self._checked("MoveFileExW", self._dll.MoveFileExW(*names, _MOVE_WRITE_THROUGH))

    def flush(self, path: str) -> None:
        """See Kernel."""
        with self._open(path, _GENERIC_WRITE) as handle:
            self._checked("FlushFileBuffers", self._dll.FlushFileBuffers(handle))

    @contextmanager
    def _open(self, path: str, access: int) -> Iterator[ctypes.c_void_p]:
        name = ctypes.c_wchar_p(path)
        handle = self._dll.CreateFileW(name, access, _SHARE_ALL, None, _OPEN_EXISTING, _OPEN_LINK, None)
        self._checked("CreateFileW", handle != _INVALID_HANDLE)
        try:
            yield ctypes.c_void_p(handle)
        finally:
            self._dll.CloseHandle(ctypes.c_void_p(handle))

    def _control(self, handle: ctypes.c_void_p, code: int, given: bytes | None, answer: Any) -> int:
        """DeviceIoControl; how many bytes of the answer are filled."""
        filled = ctypes.c_uint32(0)
        into = (given, len(given)) if given is not None else (None, 0)
        out = (answer, ctypes.sizeof(answer)) if answer is not None else (None, 0)
        done = self._dll.DeviceIoControl(handle, code, *into, *out, ctypes.byref(filled), None)
        self._checked("DeviceIoControl", done)
        return filled.value

    def _checked(self, call: str, succeeded: object) -> None:
        # `ctypes.get_last_error`, not the API's: the interpreter's own calls in between would overwrite that.
        if sys.platform == "win32" and not succeeded:
            raise KernelError(call, ctypes.get_last_error())
