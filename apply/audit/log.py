"""The system's log, where each run reports how it ended: none, journald or the Windows event log [A-86].

One adapter a module. Each takes an Event, and raises LogFailed if the system does not.
"""

from collections.abc import Callable

from apply.audit.eventlog import report_event
from apply.audit.events import Event
from apply.audit.journald import send
from apply.site.config import LogConfig

Log = Callable[[Event], None]


def open_log(config: LogConfig) -> Log:
    """The log that the site is configured with."""
    if config.target == "journald":
        return send
    return report_event if config.target == "eventlog" else no_log


def no_log(event: Event) -> None:
    """Drops the event, for a site without a log."""
