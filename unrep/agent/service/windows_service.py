"""The agent as a service of Windows, through ctypes: registering it, and being it. winsvc.h.

A process must report to the manager within half a minute. On a busy server the import of unrep may take longer, so it
comes after.

    python -m unrep.agent.service.windows_service NAME LOG ARGUMENT...    for the manager: `unrep ARGUMENT...` as NAME
"""

import ctypes
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from subprocess import list2cmdline
from typing import Any

from unrep.errors import UsageRefused
from unrep.renewing.service_process import NoService, Service, telling_into

_OWN_PROCESS, _AUTO_START, _ERROR_NORMAL = 0x10, 2, 1
_CREATE_AND_CONNECT, _ALL_ACCESS = 3, 0xF01FF
_ALREADY_EXISTS = 1073
_DESCRIPTION, _FAILURE_ACTIONS, _FAILURE_FLAG = 1, 2, 4
_RESTART, _RESTART_AFTER_MS, _FORGET_FAILURES_S = 1, 30_000, 86_400


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


def _advapi32() -> Any:
    if sys.platform != "win32":
        raise UsageRefused("services of this kind exist on Windows only")
    api: Any = ctypes.WinDLL("advapi32", use_last_error=True)
    for call in ("OpenSCManagerW", "OpenServiceW", "CreateServiceW"):
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
    except NoService as error:
        from unrep.terminal.console import say
        from unrep.terminal.exit_codes import ExitCode

        say(f"unrep: {error}")
        sys.exit(ExitCode.USAGE)


if __name__ == "__main__":
    main()
