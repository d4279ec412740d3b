"""Whether a process of this machine lives."""

import ctypes
import os
import sys
from typing import Any, Final

_SYNCHRONIZE: Final = 0x100000
_ACCESS_DENIED: Final = 5
_STILL_WAITING: Final = 0x102


def is_running(pid: int) -> bool:
    """As far as that can be asked: another account's counts as running."""
    if sys.platform == "win32":
        return _is_running_on_windows(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _is_running_on_windows(pid: int) -> bool:
    if sys.platform != "win32":
        return False
    kernel: Any = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel.OpenProcess.restype = ctypes.c_void_p
    process = ctypes.c_void_p(kernel.OpenProcess(_SYNCHRONIZE, 0, pid))
    if not process:
        return ctypes.get_last_error() == _ACCESS_DENIED
    try:
        return bool(kernel.WaitForSingleObject(process, 0) == _STILL_WAITING)
    finally:
        kernel.CloseHandle(process)
