"""The agent as a service of Windows, through ctypes: registering it, and being it. winsvc.h.

The service manager needs a thread of its own in the process, which is told to stop. The agent works in the main thread,
where that becomes the same interrupt as Ctrl-C. Messages go to a file, for a service has no stderr. A process must
report to the manager within half a minute. On a busy server the import of unrep may take longer, so it comes after.

    python -m unrep.agent.windows_service NAME LOG ARGUMENT...      for the manager alone: `unrep ARGUMENT...` as NAME
"""

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from subprocess import list2cmdline
from typing import Any, Final

from bundle.host import presence
from bundle.host.files import reopen_or_create
from unrep.errors import UsageRefused

MAX_LOG_BYTES: Final = 1024 * 1024
_OWN_PROCESS, _AUTO_START, _ERROR_NORMAL = 0x10, 2, 1
_CREATE_AND_CONNECT, _ALL_ACCESS = 3, 0xF01FF
_ALREADY_EXISTS, _SPECIFIC_ERROR = 1073, 1066
_DESCRIPTION, _FAILURE_ACTIONS, _FAILURE_FLAG = 1, 2, 4
_RESTART, _RESTART_AFTER_MS, _FORGET_FAILURES_S = 1, 30_000, 86_400
_RUNNING, _STOP_PENDING, _STOPPED = 4, 3, 1
_ACCEPT_STOP_AND_SHUTDOWN, _STOP_HINT_MS = 0x1 | 0x4, 60_000
_STOP_REQUESTS: Final = (1, 5)  # stop, shutdown
_CONNECT_PATIENCE_S: Final = 30.0


class _Action(ctypes.Structure):
    _fields_ = (("type", ctypes.c_int), ("delay_ms", ctypes.c_uint32))


class _FailureActions(ctypes.Structure):
    _fields_ = (
        ("reset_s", ctypes.c_uint32),
        ("reboot_message", ctypes.c_wchar_p),
        ("command", ctypes.c_wchar_p),
        ("count", ctypes.c_uint32),
        ("actions", ctypes.POINTER(_Action)),
    )


class _Status(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_uint32)
        for name in ("type", "state", "accepted", "exit_code", "specific_code", "check_point", "wait_hint_ms")
    )


def command_line(argv: Sequence[str]) -> str:
    """The command as the service manager keeps it, which fills in %VARIABLES%. Raises UsageRefused for a word that it
    cannot keep as it is [A-105]."""
    for word in argv:
        if not word.isprintable() or "%" in word:
            raise UsageRefused(f"{word!r}: no service can be given that; rename it without % and control characters")
    return list2cmdline(argv)


def register(name: str, argv: Sequence[str], description: str, account: str) -> None:
    """Makes the service, started with the system and again after a failure, or changes the one of that name.

    `account`: as the service manager names it, one without a password.
    Raises UsageRefused where Windows does, as it does for anybody who is no administrator.
    """
    api, command = _advapi32(), command_line(argv)
    with _opened(api, "OpenSCManagerW", None, None, _CREATE_AND_CONNECT) as manager:
        kind = (_OWN_PROCESS, _AUTO_START, _ERROR_NORMAL, command, None, None, None, account, "")
        made = api.CreateServiceW(manager, name, name, _ALL_ACCESS, *kind)
        if made:
            api.CloseServiceHandle(ctypes.c_void_p(made))
        elif _last_error() != _ALREADY_EXISTS:
            raise _refused(f"service {name} cannot be made")
        with _opened(api, "OpenServiceW", manager, name, _ALL_ACCESS) as service:
            _checked(name, api.ChangeServiceConfigW(service, *kind, name))
            _configure(api, service, description)


def _configure(api: Any, service: ctypes.c_void_p, description: str) -> None:
    restart = _Action(_RESTART, _RESTART_AFTER_MS)
    failure = _FailureActions(_FORGET_FAILURES_S, None, None, 1, ctypes.pointer(restart))
    for level, value in (
        (_DESCRIPTION, ctypes.c_wchar_p(description)),
        (_FAILURE_ACTIONS, failure),
        (_FAILURE_FLAG, ctypes.c_int(1)),
    ):
        api.ChangeServiceConfig2W(service, level, ctypes.byref(value))  # a wish: it runs without


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

        Raises what the work raises; UsageRefused if the process was not started by the service manager.
        """
        dispatcher = threading.Thread(target=self._dispatch, daemon=True)
        dispatcher.start()
        if not self._connected.wait(_CONNECT_PATIENCE_S) or self._failure:
            raise UsageRefused(f"{self._name}: only the service manager of Windows can start that")
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
        log.replace(log.with_name(log.name + ".1"))
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
        raise UsageRefused("services of this kind exist on Windows only")
    api: Any = ctypes.WinDLL("advapi32", use_last_error=True)
    for call in ("OpenSCManagerW", "OpenServiceW", "CreateServiceW", "RegisterServiceCtrlHandlerExW"):
        getattr(api, call).restype = ctypes.c_void_p  # the default, int, would cut a 64-bit handle
    return api


@contextmanager
def _opened(api: Any, call: str, *arguments: Any) -> Iterator[ctypes.c_void_p]:
    handle = ctypes.c_void_p(getattr(api, call)(*arguments))
    if not handle:
        raise _refused("the service manager cannot be asked")
    try:
        yield handle
    finally:
        api.CloseServiceHandle(handle)


def _checked(name: str, succeeded: object) -> None:
    if not succeeded:
        raise _refused(f"service {name} cannot be changed")


def _refused(what: str) -> UsageRefused:
    reason = os.strerror(5) if _last_error() == 5 else f"Windows error {_last_error()}"
    return UsageRefused(f"{what}: {reason}; run this as an administrator")


def _last_error() -> int:
    if sys.platform == "win32":
        return ctypes.get_last_error()
    return 0


def main() -> None:
    """See above. Exits as the command did."""
    name, log, *arguments = sys.argv[1:]

    def work() -> None:
        with telling_into(Path(log)):
            from unrep.cli import main as unrep

            unrep(arguments)

    try:
        Service(name).run(work)
    except UsageRefused as error:
        from unrep.terminal.console import say
        from unrep.terminal.exit_codes import ExitCode

        say(f"unrep: {error}")
        sys.exit(ExitCode.USAGE)


if __name__ == "__main__":
    main()
