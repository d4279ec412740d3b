"""Where a site's events go: the system's log [A-86], and the site's own command [A-150].

One adapter a module. Each takes an Event, and raises LogFailed if it was not taken.
"""

from collections.abc import Callable
from functools import partial

from apply.audit.event_command import tell_command
from apply.audit.eventlog import report_event
from apply.audit.events import Event
from apply.audit.journald import send
from apply.errors import LogFailed
from apply.site.config import SiteConfig
from apply.site.layout import Site

Log = Callable[[Event], None]


def open_log(site: Site, config: SiteConfig) -> Log:
    """Tells all that the site is configured with. Raises LogFailed for those that took nothing, once all were told."""
    targets: list[Log] = []
    if config.log.target:
        targets.append(send if config.log.target == "journald" else report_event)
    if config.hooks.on_event:
        targets.append(partial(tell_command, config.hooks.on_event, site))

    def tell(event: Event) -> None:
        failures = []
        for target in targets:
            try:
                target(event)
            except LogFailed as error:
                failures.append(str(error))
        if failures:
            raise LogFailed("; ".join(failures))

    return tell if targets else no_log


def no_log(event: Event) -> None:
    """Drops the event, for a site without a log."""
