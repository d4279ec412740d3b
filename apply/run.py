"""One run on a site: its steps and their seconds, how it ended, and the audit record of it [A-8]."""

import contextlib
import getpass
import platform
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

from apply.errors import AboardError, Degraded, RolledBack, StorageFailed
from apply.lock import site_lock
from apply.record import Record
from apply.site import Site
from apply.state import Release
from bundle.errors import BundleError
from bundle.progress import Progress

Outcome = Literal[
    "applied",
    "already-current",
    "rolled-back",
    "refused",
    "would-apply",
    "nothing-to-do",
    "degraded",
    "interrupted",
]


@dataclass(frozen=True)
class Report:
    """How a run ended. `from_version` and `to_version`: what `current` named before and names now; "" for nothing."""

    outcome: Outcome
    from_version: str
    to_version: str
    reason: str
    steps: dict[str, float]
    seconds: float

    def document(self) -> dict[str, Any]:
        """As one JSON object; seconds rounded to microseconds."""
        return {
            "outcome": self.outcome,
            "from": self.from_version,
            "to": self.to_version,
            "reason": self.reason,
            "steps": {name: round(seconds, 6) for name, seconds in self.steps.items()},
            "seconds": round(self.seconds, 6),
        }


@dataclass
class Run:
    """A run under way. `subject` is the release that it is about; versions are "" until they are known."""

    command: str
    site: Site
    progress: Progress
    from_version: str = ""
    current_version: str = ""
    subject: Release | None = None
    steps: dict[str, float] = field(default_factory=dict)
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    _begun: float = field(default_factory=time.perf_counter)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Counts the seconds of a step, however it ends; a step that is made twice adds up."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.steps[name] = self.steps.get(name, 0.0) + time.perf_counter() - begun

    def report(self, outcome: Outcome, to_version: str, reason: str) -> Report:
        """How it ended."""
        seconds = time.perf_counter() - self._begun
        return Report(outcome, self.from_version, to_version, reason, dict(self.steps), seconds)

    def audit(self, report: Report) -> dict[str, Any]:
        """The record that the site keeps of it."""
        return {
            "run": self.id,
            "command": self.command,
            "started": self.started.isoformat(timespec="seconds"),
            "user": user_name(),
            "host": platform.node(),
            "release": named(self.subject),
            **report.document(),
        }


@contextmanager
def reporting(run: Run) -> Iterator[None]:
    """An error of this package or of `bundle` that leaves gets the `document` of the run, for whoever prints it."""
    try:
        yield
    except (AboardError, BundleError) as error:
        error.document = run.report(_outcome(error), run.current_version, str(error)).document()
        raise


@contextmanager
def working(run: Run) -> Iterator[Record]:
    """Holds the site for a run, with its record open; a run that ends in an error is put on record, too.

    Raises SiteBusy, StorageFailed, SiteInvalid.
    """
    run.site.make_directories()
    with site_lock(run.site, run.command), contextlib.closing(Record(run.site)) as record:
        run.from_version = run.current_version = record.state.current_version
        try:
            yield record
        except (AboardError, BundleError, KeyboardInterrupt) as error:
            run.current_version = record.state.current_version
            with contextlib.suppress(AboardError):  # the disk may be full: the first error is the one to tell
                record.append(run.audit(run.report(_outcome(error), run.current_version, str(error) or "interrupted")))
            raise


def finish(run: Run, record: Record, report: Report) -> Report:
    """Records a run that ended well; where that fails the run has ended well all the same, and its reason says so."""
    try:
        record.append(run.audit(report))
    except StorageFailed as error:
        return replace(report, reason=f"{report.reason}; this run could not be recorded: {error}")
    return report


def named(release: Release | None) -> dict[str, Any] | None:
    """What names a release, for records and reports."""
    if release is None:
        return None
    return {"version": release.version, "seq": release.seq, "tree": release.tree, "bundle": release.bundle}


def user_name() -> str:
    """Who runs this process, as far as the system can tell."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no name for the user id
        return "unknown"


def _outcome(error: BaseException) -> Outcome:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, RolledBack):
        return "rolled-back"
    return "degraded" if isinstance(error, Degraded) else "refused"
