"""journald, by its native protocol: one datagram an event, no library. systemd.io/JOURNAL_NATIVE_PROTOCOL.

KEY=value, newline      a value is plain text [A-95], so that it has no newline
"""

import socket
from typing import Final

from apply.audit.events import Event, Severity
from apply.errors import LogFailed
from bundle.names.plain_text import plain

SOCKET: Final = "/run/systemd/journal/socket"
MESSAGE_ID: Final = "6c0f6b2d7a0e4d52a2c1f1e7a9bb31c4"  # of all our events: `journalctl MESSAGE_ID=...` finds them
_PRIORITIES: Final[dict[Severity, str]] = {"info": "6", "warning": "4", "error": "3"}  # syslog(3)
_SEND_TIMEOUT_S: Final = 1.0
_MAX_VALUE_CHARACTERS: Final = 8_000  # of four bytes at most: a datagram of the default size holds a few of these


def send(event: Event) -> None:
    """Sends the event to journald. Raises LogFailed where there is none, or none that takes it within a second."""
    if not hasattr(socket, "AF_UNIX"):
        raise LogFailed("there is no journald on this system; choose another [log] target")
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
            connection.settimeout(_SEND_TIMEOUT_S)
            connection.sendto(datagram(event), SOCKET)
    except OSError as error:
        raise LogFailed(f"journald at {SOCKET}: {error.strerror or error}") from error


def datagram(event: Event) -> bytes:
    """The bytes of an event."""
    fields = {
        "MESSAGE": event.message,
        "MESSAGE_ID": MESSAGE_ID,
        "PRIORITY": _PRIORITIES[event.severity],
        "SYSLOG_IDENTIFIER": "unrep",
        **event.fields,
    }
    return b"".join(_field(name.encode(), value) for name, value in fields.items())


def _field(name: bytes, text: str) -> bytes:
    return name + b"=" + plain(text)[:_MAX_VALUE_CHARACTERS].encode() + b"\n"
