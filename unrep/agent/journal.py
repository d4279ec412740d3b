"""What the agent reports: one line an event, for a person on stderr, and with --json one object a line on stdout.

What stays the same from round to round is reported once, until it changes.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, TypedDict

from msgspec import Meta

from apply.audit.events import Event as LogEvent
from apply.audit.events import severity_of
from apply.audit.log import Log, no_log, open_log
from apply.errors import LogFailed
from apply.site.config import SiteConfig
from apply.site.layout import Site
from bundle.names.plain_text import plain
from unrep.errors import NobodyReads, OutputLost
from unrep.terminal.answers import Seq, Version, with_known_keys
from unrep.terminal.console import answer, say
from unrep.terminal.fetch_report import FetchAnswer
from unrep.terminal.run_report import RunDocument

_NAMED = ("source", "version", "seq")  # details that the log has fields for


class Kind(StrEnum):
    """The kinds of events."""

    STARTED = "started"
    STOPPED = "stopped"
    FETCHED = "fetched"
    INCOMPLETE = "incomplete"
    REFUSED = "refused"
    APPLIED = "applied"
    ALREADY_CURRENT = "already-current"
    ROLLED_BACK = "rolled-back"
    DEGRADED = "degraded"
    RECOVERED = "recovered"
    WAITING = "waiting"
    OVERDUE = "overdue"
    STRANDED = "stranded"
    UNDELIVERED = "undelivered"
    UNHEALTHY = "unhealthy"
    HEALTHY = "healthy"
    DRIFTED = "drifted"


class About(StrEnum):
    """What kinds of things have a state that is reported when it changes."""

    AGENT = "agent"  # the agent itself, by its part
    SOURCE = "source"  # whether it can be asked
    OFFER = "offer"  # what it offers, and fetching that
    BUNDLE = "bundle"  # one in the inbox
    WAY = "way"  # of receipts home


Subject = tuple[About, str]  # and its name among its kind


@dataclass(frozen=True)
class Event:
    """`details` are further keys of its JSON object, such as `version` or `bytes_received`."""

    kind: Kind
    message: str
    details: Mapping[str, Any] = field(default_factory=dict)


class Journal:
    """`wall`: the time of day of the machine, in seconds since 1970."""

    def __init__(self, wall: Callable[[], float], as_json: bool) -> None:
        self._wall = wall
        self._as_json = as_json
        self._reported: dict[Subject, Event] = {}
        self._tell: Log = no_log
        self._fields: dict[str, str] = {}

    def follow(self, site: Site, config: SiteConfig) -> None:
        """From now on the site's log and command are told as well [A-149], [A-150]. Of runs they know already."""
        self._tell = open_log(site, config)
        self._fields = {"UNREP_SITE": str(site.root)}

    def report(self, event: Event) -> None:
        """Something has happened. Where nobody can be told, as on a full disk, the ship goes on."""
        now = datetime.fromtimestamp(self._wall(), UTC).isoformat(timespec="seconds")
        message = plain(event.message)
        say(f"{now} {event.kind}: {message}")
        if self._as_json:
            with suppress(OutputLost, NobodyReads):
                answer({"time": now, "event": event.kind.value, "message": message, **event.details})
        if "outcome" not in event.details:
            self._tell_others(event, now)

    def _tell_others(self, event: Event, now: str) -> None:
        kind = event.kind.value
        named = {f"UNREP_{name.upper()}": str(event.details[name]) for name in _NAMED if name in event.details}
        fields = self._fields | {"UNREP_EVENT": kind} | named
        try:
            self._tell(LogEvent(kind, severity_of(kind), f"agent: {kind}: {event.message}", fields))
        except LogFailed as error:
            say(f"{now} {Kind.REFUSED}: {plain(str(error))}")

    def report_change(self, subject: Subject, event: Event | None) -> None:
        """The state of a subject: reported unless it was so last time. None: all is well with it, as for `clear`."""
        if event is None:
            self.clear(subject)
            return
        before = self._reported.get(subject)
        self._reported[subject] = event
        if before is None or (before.kind, before.message) != (event.kind, event.message):
            self.report(event)

    def clear(self, subject: Subject) -> None:
        """All is well with the subject. Nothing is reported now, and whatever comes next is."""
        self._reported.pop(subject, None)


class AgentEvent(TypedDict):
    """What each event has."""

    time: Annotated[str, Meta(description="When it happened, in ISO 8601, UTC.")]
    event: Annotated[str, Meta(description="The kind of event.")]
    message: Annotated[str, Meta(description="What happened, in one sentence.")]


class Started(AgentEvent):
    """The agent has started."""


class Stopped(AgentEvent):
    """The agent was told to stop."""


class Waiting(AgentEvent):
    """A release is ready, and its window is shut or the master holds the running version."""


class Overdue(AgentEvent):
    """A window opens although the clock says otherwise."""


class _FromSource(AgentEvent):
    source: Annotated[str, Meta(description="The source.")]


class Fetched(_FromSource, FetchAnswer):
    """A bundle is complete in the inbox."""

    version: Version
    seq: Seq


class Undelivered(_FromSource):
    """Receipts wait, because a way home does not take them."""


class Unhealthy(AgentEvent):
    """The version that serves fails its health checks."""


class Healthy(AgentEvent):
    """The version that serves passes its health checks again."""


class Drifted(AgentEvent):
    """Files of the current release are not what was installed."""


class Applied(AgentEvent, RunDocument):
    """A release is in service."""


class AlreadyCurrent(AgentEvent, RunDocument):
    """The release was in service already."""


class Recovered(AgentEvent, RunDocument):
    """A run that died was finished or undone."""


class _Source(TypedDict):
    source: Annotated[str, Meta(description="The source, if it is about one.")]


EVENTS: dict[str, Any] = {
    Kind.STARTED.value: Started,
    Kind.STOPPED.value: Stopped,
    Kind.FETCHED.value: Fetched,
    Kind.INCOMPLETE.value: with_known_keys(
        "Incomplete", "A fetch stopped early and goes on in a later round.", _FromSource, FetchAnswer
    ),
    Kind.REFUSED.value: with_known_keys(
        "Refused",
        "A source, a bundle, the site or its configuration: the message says which, and what to do.",
        AgentEvent,
        _Source,
        FetchAnswer,
        RunDocument,
    ),
    Kind.APPLIED.value: Applied,
    Kind.ALREADY_CURRENT.value: AlreadyCurrent,
    Kind.ROLLED_BACK.value: with_known_keys(
        "RolledBack", "A release failed, and the version before it is in service again.", AgentEvent, RunDocument
    ),
    Kind.DEGRADED.value: with_known_keys("Degraded", "A person is needed.", AgentEvent, RunDocument),
    Kind.RECOVERED.value: Recovered,
    Kind.STRANDED.value: with_known_keys(
        "Stranded",
        "Nothing leads to the release that is wanted: the message says what shore has to send.",
        _FromSource,
        FetchAnswer,
    ),
    Kind.UNDELIVERED.value: Undelivered,
    Kind.UNHEALTHY.value: Unhealthy,
    Kind.HEALTHY.value: Healthy,
    Kind.DRIFTED.value: Drifted,
    Kind.WAITING.value: Waiting,
    Kind.OVERDUE.value: Overdue,
}
