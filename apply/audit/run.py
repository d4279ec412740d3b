"""One run on a site: its steps and their seconds, how it ended, and the audit record of it [A-8]."""

import contextlib
import platform
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from apply.audit.events import event_of
from apply.audit.log import Log, no_log
from apply.audit.reason_codes import brief_of, code_of
from apply.audit.save import save_run
from apply.errors import AboardError, Degraded, LogFailed, RolledBack
from apply.record.database import Record, read_state
from apply.record.recorded_run import Recovery
from apply.record.release import Release
from apply.site.account import user_name
from apply.site.guarded import check_site
from apply.site.layout import Site
from apply.site.lock import site_lock
from bundle.errors import BundleError
from bundle.host.progress import Progress
from bundle.names.plain_text import plain

_LONGEST_OUTAGE_S = 366 * 86_400

Outcome = Literal[
    "applied",
    "already-current",
    "rolled-back",
    "refused",
    "would-apply",
    "nothing-to-do",
    "degraded",
    "interrupted",
    "stranded",
    "unhealthy",
    "drifted",
    "config-broken",
]


@dataclass(frozen=True)
class Report:
    """How a run ended. `from_version` and `to_version`: what `current` named before and names now; "" for nothing.

    code: the reason in a word [C-7]. brief: the reason in few words, "" for the whole reason.
    """

    outcome: Outcome
    from_version: str
    to_version: str
    reason: str
    steps: dict[str, float]
    seconds: float
    code: str = "none"
    brief: str = ""

    def document(self) -> dict[str, Any]:
        """As one JSON object; seconds rounded to microseconds."""
        return {
            "outcome": self.outcome,
            "from": self.from_version,
            "to": self.to_version,
            "reason": self.reason,
            "code": self.code,
            "steps": {name: round(seconds, 6) for name, seconds in self.steps.items()},
            "seconds": round(self.seconds, 6),
        }


@dataclass
class Run:
    """A run under way. `subject` is the release that it is about. Names are "" until they are known.

    bundle_bytes: of the bundle's header and the section that the release is built from. release_bytes: built of it.
    unfinished_since: when an earlier run saved its last state, in seconds since 1970, if that run is to be finished.
    outage_s: how long the application was out of service, from the switch until a version was healthy [A-153].
    caution: for a person, reported beside the verdict, whatever that is. is_told: whether its end is on record, and the
    log was told.
    """

    command: str
    site: Site
    progress: Progress
    log: Log = no_log
    product: str = ""
    bundle_bytes: int = 0
    release_bytes: int = 0
    unfinished_since: float | None = None
    recoveries: list[Recovery] = field(default_factory=list)
    outage_s: float = 0.0
    from_version: str = ""
    current_version: str = ""
    subject: Release | None = None
    caution: str = ""
    is_told: bool = False
    steps: dict[str, float] = field(default_factory=dict)
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    _begun: float = field(default_factory=time.perf_counter)
    _out_at: float | None = None

    def warn(self, caution: str) -> None:
        """Adds to the caution."""
        self.caution = f"{self.caution}; {caution}" if self.caution else caution

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Counts the seconds of a step, however it ends. A step that is made twice adds up."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.steps[name] = self.steps.get(name, 0.0) + time.perf_counter() - begun

    def goes_out(self, since: float = 0.0) -> float:
        """The application goes out of service now, or did at `since`, in an earlier run; in seconds since 1970, which
        is returned."""
        now = time.time()
        gone_s = now - since if since and 0 <= now - since < _LONGEST_OUTAGE_S else 0.0  # the clock may have been set
        if self._out_at is None:
            self._out_at = time.perf_counter() - gone_s
        return now - (time.perf_counter() - self._out_at)

    def restored(self, verdict_at: float | None = None) -> None:
        """A version serves: the end of an outage that began with an earlier run, or with a verdict at that
        time.perf_counter() [A-87]."""
        if self._out_at is not None:
            self.outage_s += time.perf_counter() - self._out_at
            self._out_at = None
        if self.unfinished_since is not None:
            seconds = time.time() - self.unfinished_since
            if 0 <= seconds < _LONGEST_OUTAGE_S:  # else the clock was set meanwhile
                self.recoveries.append(Recovery("unfinished-run", seconds))
            self.unfinished_since = None
        elif verdict_at is not None:
            self.recoveries.append(Recovery("failed-verdict", time.perf_counter() - verdict_at))

    def failure(self, error: BaseException) -> Report:
        """How a run ended that such an error ended."""
        report = self.report(_outcome(error), self.current_version, str(error) or "interrupted")
        return replace(report, code=code_of(error), brief=brief_of(error))

    def report(self, outcome: Outcome, to_version: str, reason: str, code: str = "none") -> Report:
        """How it ended."""
        seconds = time.perf_counter() - self._begun
        full_reason = f"{reason}; {self.caution}" if self.caution else reason
        return Report(outcome, self.from_version, to_version, plain(full_reason), dict(self.steps), seconds, code)

    def audit(self, report: Report) -> dict[str, Any]:
        """What the site's record says of it."""
        return {
            "run": self.id,
            "command": self.command,
            "started": self.started.isoformat(timespec="seconds"),
            "user": user_name(),
            "host": platform.node(),
            "product": self.product,
            "release": named(self.subject),
            **report.document(),
            "brief": report.brief,
            "outage_seconds": round(self.outage_s, 6),
            "recoveries": msgspec.to_builtins(self.recoveries),
            "bundle_bytes": self.bundle_bytes,
            "release_bytes": self.release_bytes,
        }


@contextmanager
def reporting(run: Run) -> Iterator[None]:
    """An error of this package or of `bundle` that leaves gets the `document` of the run, for whoever prints it.

    What served before is named in it, though the site may never come to be locked. The log is told of it as well where
    the run has no record, such as for a bundle that does not verify [A-149].
    """
    with contextlib.suppress(AboardError):  # whoever locks the site finds out what is wrong with its record
        run.from_version = run.current_version = read_state(run.site).current_version
    try:
        yield
    except (AboardError, BundleError) as error:
        report = run.failure(error)
        error.document = report.document()
        if not run.is_told:
            with contextlib.suppress(LogFailed):  # it is the refusal that is to be reported
                run.log(event_of(run.audit(report), str(run.site.root)))
        raise


@contextmanager
def working(run: Run) -> Iterator[Record]:
    """Holds the site for a run, with its record open. A run that ends in an error is recorded, too.

    Raises SiteBusy, StorageFailed, SiteInvalid, Unguarded.
    """
    check_site(run.site)
    run.site.make_directories()
    # The record is read and written under the lock alone, so that what it says stays true until the run ends.
    with site_lock(run.site, run.command), contextlib.closing(Record(run.site)) as record:
        run.from_version = run.current_version = record.state.current_version
        run.product = run.product or record.state.product
        if record.state.pending and record.before_s:
            run.unfinished_since = record.before_s
        try:
            yield record
        except (AboardError, BundleError, KeyboardInterrupt) as error:
            run.current_version = record.state.current_version
            # What fails of that is not the error to report.
            save_run(run.site, record, run.log, run.audit(run.failure(error)))
            run.is_told = True
            raise


def record_success(run: Run, record: Record, report: Report) -> Report:
    """Records a run that ended well. Where that fails the run has ended well all the same, and its reason says so."""
    troubles = save_run(run.site, record, run.log, run.audit(report))
    run.is_told = True
    return replace(report, reason="; ".join([report.reason, *troubles]))


def named(release: Release | None) -> dict[str, Any] | None:
    """What names a release, for records and reports."""
    if release is None:
        return None
    names = "version", "seq", "epoch", "tree", "bundle"
    return {name: getattr(release, name) for name in names}


def _outcome(error: BaseException) -> Outcome:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, RolledBack):
        return "rolled-back"
    return "degraded" if isinstance(error, Degraded) else "refused"
