"""A job object of Windows: a child that ends when this process does, however it ends. jobapi2.h, winnt.h."""

import ctypes
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

_EXTENDED_LIMITS: Final = 9
_KILL_ON_CLOSE: Final = 0x2000


class _Limits(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION; sizes are those of the pointer of this Python."""

    _fields_ = (
        ("per_process_time", ctypes.c_int64),
        ("per_job_time", ctypes.c_int64),
        ("flags", ctypes.c_uint32),
        ("sizes", ctypes.c_size_t * 2),
        ("active_processes", ctypes.c_uint32),
        ("affinity", ctypes.c_size_t),
        ("classes", ctypes.c_uint32 * 2),
        ("io_counters", ctypes.c_uint64 * 6),
        ("memory", ctypes.c_size_t * 4),
    )


@contextmanager
def closing_with_us(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """Ties the child to this process. Raises OSError."""
    if sys.platform != "win32":
        raise OSError("job objects exist on Windows only")
    kernel: Any = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel.CreateJobObjectW.restype = ctypes.c_void_p  # the default, int, would cut a 64-bit handle
    job = ctypes.c_void_p(kernel.CreateJobObjectW(None, None))
    limits = _Limits(flags=_KILL_ON_CLOSE)
    child = ctypes.c_void_p(int(vars(process)["_handle"]))  # Popen has no public name for it
    try:
        bound = kernel.SetInformationJobObject(job, _EXTENDED_LIMITS, ctypes.byref(limits), ctypes.sizeof(limits))
        if not bound or not kernel.AssignProcessToJobObject(job, child):
            process.kill()
            raise ctypes.WinError(ctypes.get_last_error())
        yield
    finally:
        kernel.CloseHandle(job)
