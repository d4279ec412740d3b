"""The source of events in Windows' registry [A-239]. Wine has no EventCreate.exe: no viewer shows what is written."""

import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest

from apply.audit.eventlog import report_event
from apply.audit.events import Event
from unrep.agent.service.event_source import KEY, MESSAGE_FILE, TYPES, register_event_source
from unrep.errors import UsageRefused

if sys.platform == "win32":
    import winreg

    @pytest.fixture
    def nothing() -> Iterator[None]:
        """No source, before and after."""
        forget()
        yield
        forget()

    def forget() -> None:
        with suppress(FileNotFoundError):
            winreg.DeleteKey(winreg.HKEY_LOCAL_MACHINE, KEY)

    def value(name: str) -> tuple[object, int]:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, KEY) as key:
            return winreg.QueryValueEx(key, name)

    @pytest.mark.usefixtures("nothing")
    def test_it_is_registered_once() -> None:
        assert register_event_source() and not register_event_source()
        assert value("EventMessageFile") == (MESSAGE_FILE, winreg.REG_EXPAND_SZ)
        assert value("TypesSupported") == (TYPES, winreg.REG_DWORD)
        report_event(Event("applied", "info", "1.0.0 -> 1.0.1", {}))

    @pytest.mark.usefixtures("nothing")
    def test_what_a_person_has_chosen_stays() -> None:
        with winreg.CreateKey(winreg.HKEY_LOCAL_MACHINE, KEY) as key:
            winreg.SetValueEx(key, "EventMessageFile", 0, winreg.REG_SZ, "ours.dll")
        assert register_event_source() and not register_event_source()
        assert value("EventMessageFile") == ("ours.dll", winreg.REG_SZ)

else:

    def test_another_system_has_none() -> None:
        with pytest.raises(UsageRefused, match="no Windows event log"):
            register_event_source()
