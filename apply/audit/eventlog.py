"""The Windows event log: the log "Application", source "unrep", through advapi32. winbase.h, winnt.h.

Event ids are 1 for information, 2 for a warning, 3 for an error. `unrep agent install` registers the source with a
file of messages "%1" for those ids [A-239]. Then the viewer shows the text alone.
"""

import ctypes
import sys
from typing import Any, Final

from apply.audit.events import Event, Severity
from apply.errors import LogFailed
from bundle.names.plain_text import plain

SOURCE: Final = "unrep"
MAX_TEXT_UNITS: Final = 31_839  # UTF-16 units of one string, from the documentation of ReportEventW
_TYPES: Final[dict[Severity, tuple[int, int]]] = {"error": (1, 3), "warning": (2, 2), "info": (4, 1)}


def report_event(event: Event) -> None:
    """Writes to the event log. Raises LogFailed on another system, or if Windows refuses."""
    if sys.platform != "win32":
        raise LogFailed("there is no Windows event log on this system; choose another [log] target")
    advapi32: Any = ctypes.WinDLL("advapi32", use_last_error=True)
    advapi32.RegisterEventSourceW.restype = ctypes.c_void_p  # the default, int, would cut a 64-bit handle
    source = advapi32.RegisterEventSourceW(None, ctypes.c_wchar_p(SOURCE))
    if not source:
        raise LogFailed(f"the event log: {ctypes.WinError(ctypes.get_last_error()).strerror}")
    try:
        kind, number, text = arguments(event)
        strings = (ctypes.c_wchar_p * 1)(text)
        handle = ctypes.c_void_p(source)
        if not advapi32.ReportEventW(handle, kind, 0, number, None, 1, 0, strings, None):
            raise LogFailed(f"the event log: {ctypes.WinError(ctypes.get_last_error()).strerror}")
    finally:
        advapi32.DeregisterEventSource(ctypes.c_void_p(source))


def arguments(event: Event) -> tuple[int, int, str]:
    """Type, event id and text of an event: the sentence, then its fields, a line of plain text each [A-95]."""
    lines = [event.message, *(f"{name}: {value}" for name, value in event.fields.items())]
    units = "\r\n".join(map(plain, lines)).encode("utf-16-le")[: 2 * MAX_TEXT_UNITS]
    return (*_TYPES[event.severity], units.decode("utf-16-le", "replace"))
