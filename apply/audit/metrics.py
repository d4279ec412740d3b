"""A site's figures, counted from its state and the records of its runs, in the text format of Prometheus [A-87].

Counters count since the site was made.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, get_args

from apply.record.recorded_run import RecordedRun
from apply.record.state import Condition, SiteState
from apply.record.trouble import TroubleKind
from bundle.names.exposition import Family, Sample, single

BUCKETS_S: Final = (0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
NAMED: Final = 5  # drifted files
_HISTOGRAMS: Final = ("deploys", "outages", "after_verdict", "after_unfinished")
_PLAIN: Final = ("failures", "step_s", "bundle_bytes", "release_bytes", "last_run_s")


class Histogram:
    """Seconds, counted in buckets."""

    def __init__(self) -> None:
        self._count = 0
        self._total_s = 0.0
        self._buckets: Counter[float] = Counter()

    @classmethod
    def of(cls, stored: list[Any]) -> "Histogram":
        """As `stored` gave it."""
        made = cls()
        made._count, made._total_s, buckets = stored
        made._buckets.update(dict(zip(BUCKETS_S, buckets, strict=True)))
        return made

    def stored(self) -> list[Any]:
        """As JSON: count, sum, and the count of each bucket."""
        return [self._count, self._total_s, [self._buckets[bound] for bound in BUCKETS_S]]

    def add(self, seconds: float) -> None:
        """One more."""
        self._count += 1
        self._total_s += seconds
        self._buckets.update(bound for bound in BUCKETS_S if seconds <= bound)

    def samples(self, labels: dict[str, str]) -> Iterator[Sample]:
        """Its samples, with those labels."""
        for bound in BUCKETS_S:
            yield "_bucket", labels | {"le": f"{bound:g}"}, self._buckets[bound]
        yield "_bucket", labels | {"le": "+Inf"}, self._count
        yield "_sum", labels, self._total_s
        yield "_count", labels, self._count


@dataclass
class Tally:
    """What was counted of the runs so far."""

    runs: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: int = 0
    deploys: Histogram = field(default_factory=Histogram)
    outages: Histogram = field(default_factory=Histogram)
    after_verdict: Histogram = field(default_factory=Histogram)
    after_unfinished: Histogram = field(default_factory=Histogram)
    step_count: Counter[str] = field(default_factory=Counter)
    step_s: dict[str, float] = field(default_factory=dict)
    bundle_bytes: int = 0
    release_bytes: int = 0
    last_run_s: float = 0.0

    @classmethod
    def of(cls, text: str) -> "Tally":
        """What `text` gave; a new one for "", and for what cannot be read."""
        try:
            stored = json.loads(text)
            made = cls(**{name: stored[name] for name in _PLAIN})
            made.runs.update({(command, outcome): count for command, outcome, count in stored["runs"]})
            made.step_count.update(stored["step_count"])
            for name in _HISTOGRAMS:
                setattr(made, name, Histogram.of(stored[name]))
        except (ValueError, TypeError, KeyError):
            return cls()
        return made

    def text(self) -> str:
        """All of it as JSON, for the record."""
        stored: dict[str, Any] = {name: getattr(self, name) for name in _PLAIN}
        stored["runs"] = [[*key, count] for key, count in sorted(self.runs.items())]
        stored["step_count"] = self.step_count
        return json.dumps(stored | {name: getattr(self, name).stored() for name in _HISTOGRAMS})

    def add(self, run: RecordedRun) -> None:
        """One more run."""
        self.runs[run.command, run.outcome] += 1
        self.failures += run.failed
        if (run.command, run.outcome) == ("apply", "applied"):
            self.deploys.add(run.seconds)
        if run.outage_seconds:
            self.outages.add(run.outage_seconds)
        for recovery in run.recoveries:
            (self.after_verdict if recovery.after == "failed-verdict" else self.after_unfinished).add(recovery.seconds)
        for step, seconds in run.steps.items():
            self.step_count[step] += 1
            self.step_s[step] = self.step_s.get(step, 0.0) + seconds
        self.bundle_bytes += run.bundle_bytes
        self.release_bytes += run.release_bytes
        self.last_run_s = run.started.timestamp()


def families(
    state: SiteState, tally: Tally, *, program: str, intact: bool, receipts: int, drifted: Sequence[str] = ()
) -> list[Family]:
    """All figures. program: unrep's version. intact: the record. receipts: how many wait for shore.

    drifted: the paths of the files that are not what was installed, of which the first few are named [A-125].
    """
    return [*_of_site(state, program, intact, receipts), *_of_drift(drifted), *_of_runs(tally)]


def _of_site(state: SiteState, program: str, intact: bool, receipts: int) -> Iterator[Family]:
    yield "unrep_info", "gauge", "The program that counts here.", [("", {"version": program}, 1)]
    release: list[Sample] = []
    if now := state.current:
        labels = {"product": state.product, "version": now.version, "seq": str(now.seq), "tree": now.tree}
        release.append(("", labels, 1))
    yield "unrep_release_info", "gauge", "The release that is current.", release
    conditions = [("", {"state": name}, float(name == state.condition)) for name in get_args(Condition)]
    yield "unrep_site_state", "gauge", "1 for the state that the site is in, 0 for the others.", conditions
    yield (
        "unrep_stranded",
        "gauge",
        "1 if nothing leads to the release that is wanted.",
        single(bool(state.out_of_reach)),
    )
    found: list[Sample] = [("", {"kind": kind}, float(bool(state.trouble(kind)))) for kind in get_args(TroubleKind)]
    yield "unrep_trouble", "gauge", "1 for what the agent found wrong at rest, until it is over.", found
    yield "unrep_quarantined_releases", "gauge", "Releases in quarantine.", single(len(state.quarantined))
    yield "unrep_record_intact", "gauge", "1 unless records of runs were changed or removed.", single(intact)
    yield "unrep_receipts_waiting", "gauge", "Receipts in the outbox.", single(receipts)


def _of_drift(paths: Sequence[str]) -> Iterator[Family]:
    text = "Files of the current release that are not what was installed."
    yield "unrep_drifted_files", "gauge", text, single(len(paths))
    named: list[Sample] = [("", {"path": path}, 1) for path in paths[:NAMED]]
    yield "unrep_drifted_file_info", "gauge", "The first of those files.", named


def _of_runs(tally: Tally) -> Iterator[Family]:
    runs = [("", {"command": command, "outcome": end}, n) for (command, end), n in sorted(tally.runs.items())]
    yield "unrep_runs_total", "counter", "Runs by how they ended.", runs
    yield (
        "unrep_failures_total",
        "counter",
        "Runs refused, interrupted, degraded or taken back.",
        single(tally.failures),
    )
    yield "unrep_deploy_seconds", "histogram", "Whole runs that applied a release.", tally.deploys.samples({})
    text = "From a switch until a version was healthy: how long the application was out of service."
    yield "unrep_outage_seconds", "histogram", text, tally.outages.samples({})
    recoveries = (
        *tally.after_verdict.samples({"after": "failed-verdict"}),
        *tally.after_unfinished.samples({"after": "unfinished-run"}),
    )
    text = "From a failed verdict, or from what a run last saved before it died, to a healthy version serving."
    yield "unrep_recovery_seconds", "histogram", text, recoveries
    steps: list[Sample] = []
    for step, seconds in sorted(tally.step_s.items()):
        steps += [("_sum", {"step": step}, seconds), ("_count", {"step": step}, tally.step_count[step])]
    yield "unrep_step_seconds", "summary", "Steps of runs.", steps
    text = "Headers of bundles, and the sections that releases were built from."
    yield "unrep_bundle_bytes_total", "counter", text, single(tally.bundle_bytes)
    yield "unrep_release_bytes_total", "counter", "Built of releases.", single(tally.release_bytes)
    text = "When the latest run began, by this machine's clock."
    yield "unrep_last_run_timestamp_seconds", "gauge", text, single(tally.last_run_s)
