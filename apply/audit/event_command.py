"""The site's `on_event` command: it is told of each event, as one JSON object on its standard input [A-150].

It is started when all that the event is about is durable, and nothing waits for it but the end of the process. So a
lamp on the bridge or a mail that hangs is never in the way of an update.
"""

import json
import threading
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from apply.application.commands import run
from apply.audit.events import Event
from apply.errors import LogFailed, StepFailed
from apply.site.layout import Site

EVENT_TIMEOUT_S: Final = 30.0
MAX_RUNNING: Final = 8
_MAX_CHARACTERS: Final = 2000  # of each text in it
_SCHEMA: Final = 1

_running = threading.Semaphore(MAX_RUNNING)
_failures: deque[str] = deque(maxlen=MAX_RUNNING)


def tell_command(argv: Sequence[str], site: Site, event: Event) -> None:
    """Starts the command. Raises LogFailed if that many still run for earlier events, for this one is lost then."""
    if not _running.acquire(blocking=False):
        raise LogFailed(f"hooks.on_event: {MAX_RUNNING} of its commands still run; it was not told of this event")
    # Not a daemon: a run by hand ends only when its event was told, or time is up.
    threading.Thread(target=_run, args=(argv, site, document(event))).start()


def failures() -> list[str]:
    """What went wrong with commands since this was asked last."""
    return [_failures.popleft() for _ in range(len(_failures))]


def document(event: Event) -> bytes:
    """The JSON object: schema, time, event, severity, message, and the event's fields in small letters."""
    fields = {name.removeprefix("UNREP_").lower(): text[:_MAX_CHARACTERS] for name, text in event.fields.items()}
    told = {
        "schema": _SCHEMA,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "event": event.kind,
        "severity": event.severity,
        "message": event.message[:_MAX_CHARACTERS],
    }
    return json.dumps({**fields, **told}).encode() + b"\n"


def _run(argv: Sequence[str], site: Site, told: bytes) -> None:
    try:
        # No version is meant, so nothing of one is named: an event may be about none.
        run(argv, site.context(""), step="hooks.on_event", timeout_s=EVENT_TIMEOUT_S, told=told)
    except StepFailed as error:
        _failures.append(str(error))
    finally:
        _running.release()
