"""What a person, or a program, sees of a fetch while it runs: a bar, or `--events`, one JSON object a line."""

import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any, TypedDict

from msgspec import Meta

from bundle.names.plain_text import plain
from transfer.disk.output import describe
from transfer.fetch.figures import Figures
from unrep.errors import NobodyReads, OutputLost
from unrep.terminal.answers import Seq, Version
from unrep.terminal.console import Bar, answer, say
from unrep.terminal.fetch_report import FetchAnswer

EVERY_S = 1.0
RATE_WINDOW_S = 10.0


class FetchEvent(TypedDict):
    """What each event has."""

    event: Annotated[str, Meta(description="The kind of event.")]
    at: Annotated[str, Meta(description="When it happened, in ISO 8601, UTC.")]


class Started(FetchEvent):
    """Header and holdings are known, pieces are about to be fetched."""

    release: Annotated[str, Meta(description="The release, in words.")]
    version: Version
    seq: Seq
    bytes_total: Annotated[int, Meta(description="Length of the bundle.")]
    bytes_needed: Annotated[int, Meta(description="What this stage verifies: header and chosen sections.")]
    sources: Annotated[list[str], Meta(description="The sources.")]


class Progress(FetchEvent):
    """About once a second while pieces come."""

    bytes_verified: Annotated[int, Meta(description="Bytes that are verified so far.")]
    bytes_needed: Annotated[int, Meta(description="What this stage verifies.")]
    bytes_paid: Annotated[int, Meta(description="What came over a network so far.")]
    bytes_per_s: Annotated[int, Meta(description="Rate of the last seconds.")]
    eta_s: Annotated[int | None, Meta(description="Seconds that are left at this rate; null if nothing came.")]


class Waiting(FetchEvent):
    """The window is shut."""

    until: Annotated[str, Meta(description="When it opens, in ISO 8601, UTC.")]


class SourceDropped(FetchEvent):
    """A source was given up; the others go on."""

    source: Annotated[str, Meta(description="The source.")]
    reason: Annotated[str, Meta(description="Why.")]


class Done(FetchEvent, FetchAnswer):
    """The bundle is complete."""


class Failed(FetchEvent, FetchAnswer):
    """The fetch ended early."""

    error: Annotated[str, Meta(description="Why, and what to do.")]


EVENTS = {
    "started": Started,
    "progress": Progress,
    "waiting": Waiting,
    "source-dropped": SourceDropped,
    "done": Done,
    "failed": Failed,
}


class FetchProgress:
    """Progress of a fetch by verified bytes, with the bytes that were paid for beside them.

    `figures`: those of the fetch, once there is one. `as_events`: lines on standard output, else a bar.
    """

    def __init__(self, bar: Bar, as_events: bool, now: Callable[[], float] = time.monotonic) -> None:
        self.figures: Callable[[], Figures | None] = lambda: None
        self._bar = bar
        self._as_events = as_events
        self._now = now
        self._verified = self._total = 0
        self._reported_at = float("-inf")
        self._samples: deque[tuple[float, int]] = deque()
        self._lost: set[str] = set()
        self._is_waiting = False

    def start(self, label: str, total: int, unit: str) -> None:
        """A stage begins; only the stage of fetching is an event."""
        self._verified, self._total = 0, total
        self._samples.clear()
        self._bar.start(label, total, unit)
        figures = self.figures()
        if label == "fetching" and figures and (root := figures.root):
            release = {"release": describe(root), "version": root.version, "seq": root.seq}
            sources = [source.name for source in figures.sources]
            self.report("started", **release, bytes_total=figures.bytes_total, bytes_needed=total, sources=sources)

    def advance(self, amount: int) -> None:
        """So many more bytes are verified."""
        self._is_waiting = False
        self._verified += amount
        self._bar.advance(amount)
        now = self._now()
        self._samples.append((now, self._verified))
        while now - self._samples[0][0] > RATE_WINDOW_S:
            self._samples.popleft()
        if now - self._reported_at >= EVERY_S and (figures := self.figures()):
            self._reported_at = now
            self._report_progress(figures)

    def skip(self, amount: int) -> None:
        """So many bytes were verified before, and say nothing of the link."""
        self._verified += amount
        self._samples.clear()
        self._bar.skip(amount)

    def finish(self) -> None:
        """The stage is over."""
        if self._samples and (figures := self.figures()):
            self._report_progress(figures)
        self._bar.finish()

    def say(self, message: str) -> None:
        """A line for the person; a source that was dropped is an event too."""
        say(message)
        figures = self.figures()
        for source in figures.sources if figures else ():
            if source.lost and source.name not in self._lost:
                self._lost.add(source.name)
                self.report("source-dropped", source=source.name, reason=plain(source.lost))

    def wait_until(self, moment: float) -> None:
        """Nothing may be asked before that moment, in seconds since 1970; told once."""
        if not self._is_waiting:
            self._is_waiting = True
            until = datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
            self.report("waiting", until=until)

    def report(self, event: str, **details: Any) -> None:
        """One line, if events are asked for."""
        if self._as_events:
            at = datetime.now(UTC).isoformat(timespec="milliseconds")
            with suppress(OutputLost, NobodyReads):  # the download, and its exit code, matter more than its telling
                answer({"event": event, "at": at} | details)

    def _report_progress(self, figures: Figures) -> None:
        (first_at, first), (last_at, last) = self._samples[0], self._samples[-1]
        rate = (last - first) / (last_at - first_at) if last_at > first_at else 0.0
        left = self._total - self._verified
        self._bar.note(f"{figures.bytes_paid:,} paid")
        self.report(
            "progress",
            bytes_verified=self._verified,
            bytes_needed=self._total,
            bytes_paid=figures.bytes_paid,
            bytes_per_s=round(rate),
            eta_s=round(left / rate) if rate else None,
        )
