"""This process as a service of Windows, through ctypes. winsvc.h.

The service manager needs a thread of its own in the process, which is told to stop. The work is done in the main
thread, where that becomes the same interrupt as Ctrl-C. Messages go to a file, for a service has no stderr.

The launcher of Windows has a copy of this module [A-237], so it imports nothing but the standard library and
`bundle.host`.
"""

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from bundle.host import presence
from bundle.host.durable import replace
from bundle.host.files import reopen_or_create

MAX_LOG_BYTES: Final = 1024 * 1024
_OWN_PROCESS: Final = 0x10
_SPECIFIC_ERROR: Final = 1066
_RUNNING, _STOP_PENDING, _STOPPED = 4, 3, 1
_ACCEPT_STOP_AND_SHUTDOWN, _STOP_HINT_MS = 0x1 | 0x4, 60_000
_STOP_REQUESTS: Final = (1, 5)  # stop, shutdown
_CONNECT_PATIENCE_S: Final = 30.0


class NoService(Exception):
    """This process was not started by the service manager."""


class _Status(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_uint32)
        for name in ("type", "state", "accepted", "exit_code", "specific_code", "check_point", "wait_hint_ms")
    )


class Service:
    """This process as the service of that name; `run` once."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._api = _advapi32()
        self._handle = ctypes.c_void_p()
        self._handler: Any = None
        self._connected = threading.Event()
        self._ended = threading.Event()
        self._code = 0
        self._failure = 0

    def run(self, work: Callable[[], None]) -> None:
        """Does the work in this thread, the main one, until it ends or the service is stopped, and says how it ended.

        Raises what the work raises; NoService.
        """
        dispatcher = threading.Thread(target=self._dispatch, daemon=True)
        dispatcher.start()
        if not self._connected.wait(_CONNECT_PATIENCE_S) or self._failure:
            raise NoService(f"{self._name}: only the service manager of Windows can start that")
        self._code = 1
        try:
            work()
            self._code = 0
        except SystemExit as ended:
            self._code = ended.code if isinstance(ended.code, int) else 1
            raise
        finally:
            self._ended.set()
            dispatcher.join(_CONNECT_PATIENCE_S)

    def _dispatch(self) -> None:
        if sys.platform == "win32":
            main_type = ctypes.WINFUNCTYPE(None, ctypes.c_uint32, ctypes.c_void_p)
            handler_type = ctypes.WINFUNCTYPE(ctypes.c_uint32, ctypes.c_uint32, ctypes.c_uint32, *[ctypes.c_void_p] * 2)

            class Entry(ctypes.Structure):
                _fields_ = (("name", ctypes.c_wchar_p), ("main", main_type))

            self._handler = handler_type(self._control)  # kept, for Windows calls it as long as we live
            table = (Entry * 2)(Entry(self._name, main_type(self._main)), Entry())
            if not self._api.StartServiceCtrlDispatcherW(table):
                self._failure = _last_error()
                self._connected.set()

    def _main(self, count: int, arguments: int) -> None:
        self._handle = ctypes.c_void_p(self._api.RegisterServiceCtrlHandlerExW(self._name, self._handler, None))
        self._tell(_RUNNING)
        self._connected.set()
        self._ended.wait()
        self._tell(_STOPPED)

    def _control(self, request: int, kind: int, data: int, context: int) -> int:
        if request in _STOP_REQUESTS and not self._ended.is_set():
            self._tell(_STOP_PENDING)
            signal.raise_signal(signal.SIGINT)
        return 0

    def _tell(self, state: int) -> None:
        accepted = _ACCEPT_STOP_AND_SHUTDOWN if state == _RUNNING else 0
        code = _SPECIFIC_ERROR if state == _STOPPED and self._code else 0
        status = _Status(_OWN_PROCESS, state, accepted, code, self._code, 0, _STOP_HINT_MS)
        self._api.SetServiceStatus(self._handle, ctypes.byref(status))


@contextmanager
def telling_into(log: Path) -> Iterator[None]:
    """stdout and stderr go to the end of that file; one that has grown too large is put aside first."""
    if presence.exists(log) and log.stat().st_size > MAX_LOG_BYTES:
        with suppress(OSError):  # an older process still tells into it
            replace(log, log.with_name(log.name + ".1"))
    before = sys.stdout, sys.stderr
    kept, _ = reopen_or_create(log)
    kept.seek(0, os.SEEK_END)
    with (
        kept,
        open(kept.fileno(), "a", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False) as file,
    ):
        sys.stdout = sys.stderr = file
        try:
            yield
        finally:
            sys.stdout, sys.stderr = before


def _advapi32() -> Any:
    if sys.platform != "win32":
        raise NoService("services of this kind exist on Windows only")
    api: Any = ctypes.WinDLL("advapi32", use_last_error=True)
    api.RegisterServiceCtrlHandlerExW.restype = ctypes.c_void_p  # the default, int, would cut a 64-bit handle
    return api


def _last_error() -> int:
    if sys.platform == "win32":
        return ctypes.get_last_error()
    return 0
