"""The source "unrep" of the Windows event log, so that a viewer shows the text of an event alone [A-239].

An event carries texts, and a message file says how they are shown. EventCreate.exe, which comes with every Windows,
says "%1" for the ids 1 to 1000. `eventcreate /SO` registers it in the same way.
"""

import sys
from typing import Final

from apply.audit.eventlog import SOURCE
from unrep.errors import UsageRefused

KEY: Final = rf"SYSTEM\CurrentControlSet\Services\EventLog\Application\{SOURCE}"
MESSAGE_FILE: Final = r"%SystemRoot%\System32\EventCreate.exe"
TYPES: Final = 7  # errors, warnings, information


def register_event_source() -> bool:
    """Whether anything had to be written. Raises UsageRefused where Windows refuses, or on another system.

    One that is registered with another message file stays: a person has chosen that.
    """
    if sys.platform != "win32":
        raise UsageRefused("there is no Windows event log on this system")
    import winreg

    try:
        with winreg.CreateKeyEx(winreg.HKEY_LOCAL_MACHINE, KEY, 0, winreg.KEY_READ | winreg.KEY_WRITE) as key:
            missing = [
                (name, kind, value)
                for name, kind, value in (
                    ("EventMessageFile", winreg.REG_EXPAND_SZ, MESSAGE_FILE),
                    ("TypesSupported", winreg.REG_DWORD, TYPES),
                )
                if not _has(key, name)
            ]
            for name, kind, value in missing:
                winreg.SetValueEx(key, name, 0, kind, value)
    except OSError as error:
        raise UsageRefused(
            f"the event source {SOURCE} cannot be registered: {error}; run this as an administrator"
        ) from error
    return bool(missing)


def _has(key: object, name: str) -> bool:
    if sys.platform == "win32":
        import winreg

        try:
            winreg.QueryValueEx(key, name)
        except FileNotFoundError:
            return False
    return True
