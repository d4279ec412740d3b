"""`unrep history`: who did what here, when, and how it ended; and whether anybody changed that."""

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Annotated, NotRequired, TypedDict

import click
from msgspec import Meta

from apply.audit.history import read_history
from apply.record.chain import Link
from apply.record.recorded_run import RecordedRun
from apply.site.layout import Site
from unrep.terminal.answers import Epoch, Product, Seq, TreeHash, Version, json_lines_option
from unrep.terminal.command import Command
from unrep.terminal.console import answer, show
from unrep.terminal.options.site import site_option

_HEADINGS = ("run", "started", "command", "outcome", "release", "moved", "seconds", "outage", "user", "reason")


class NamedRelease(TypedDict):
    """A release by its names."""

    version: Version
    seq: Seq
    epoch: NotRequired[Epoch]
    tree: TreeHash
    bundle: NotRequired[Annotated[str, Meta(description="SHA-256 of the root of its bundle, in hex.")]]


class RecoveryAnswer(TypedDict):
    """An outage that a run ended."""

    after: Annotated[str, Meta(description="'failed-verdict' of this run, or 'unfinished-run' before it.")]
    seconds: Annotated[float, Meta(description="From there until a version served again.")]


_Moved = TypedDict(
    "_Moved",
    {
        "from": NotRequired[Annotated[str, Meta(description="The version that was current before.")]],
        "to": NotRequired[Annotated[str, Meta(description="The version that was current afterwards.")]],
    },
)


class HistoryLine(_Moved):
    """A run. A damaged record has only number and head; records of older versions of unrep lack some keys."""

    number: Annotated[int, Meta(description="Number of the run.")]
    run: NotRequired[Annotated[str, Meta(description="Id of the run.")]]
    command: NotRequired[Annotated[str, Meta(description="The command that made it.")]]
    started: NotRequired[Annotated[str, Meta(description="When, in ISO 8601.")]]
    user: NotRequired[Annotated[str, Meta(description="The account that made it.")]]
    host: NotRequired[Annotated[str, Meta(description="The name of the machine.")]]
    product: NotRequired[Product]
    release: NotRequired[Annotated[NamedRelease | None, Meta(description="The release it was about; null for none.")]]
    outcome: NotRequired[Annotated[str, Meta(description="How it ended.")]]
    reason: NotRequired[Annotated[str, Meta(description="Why it ended so.")]]
    code: NotRequired[Annotated[str, Meta(description="The reason in a word; 'none' for none.")]]
    brief: NotRequired[Annotated[str, Meta(description="The reason in few words; empty if there are no fewer.")]]
    steps: NotRequired[Annotated[dict[str, float], Meta(description="Seconds of each step, by its name.")]]
    seconds: NotRequired[Annotated[float, Meta(description="How long it took.")]]
    outage_seconds: NotRequired[
        Annotated[float, Meta(description="From the switch until a version was healthy; 0 for no switch.")]
    ]
    recoveries: NotRequired[Annotated[list[RecoveryAnswer], Meta(description="Outages that it ended.")]]
    bundle_bytes: NotRequired[Annotated[int, Meta(description="Size of the bundle's header and section.")]]
    release_bytes: NotRequired[Annotated[int, Meta(description="Size of the release that was built of them.")]]
    head: Annotated[str, Meta(description="Hash of the record up to this run, in hex.")]


@click.command(
    "history",
    cls=Command,
    examples=[("unrep history --site /opt/vms --limit 10", "See the last ten runs:")],
)
@site_option
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="The latest so many runs.")
@json_lines_option({"": HistoryLine}, "a run")
def history_command(site: Path, limit: int, as_json: bool) -> None:
    """Show the runs at site S, the latest last, and check that no record of any was changed or removed.

    Exit code 3 if one was: the records are shown all the same, and a sentence names the first that does not fit.
    """
    history = read_history(Site.at(site), limit)
    if as_json:
        for link in history.links:
            answer({"number": link.number, **link.content(), "head": link.head})
    elif history.links:
        show(*_table([_HEADINGS, *map(_row, history.links)]))
        show(*_outages([run for link in history.links if (run := link.run())]))
    history.check()


def _outages(runs: Sequence[RecordedRun]) -> list[str]:
    """What the application was out of service for, of the runs shown, and how fast it was brought back."""
    outages = [run.outage_seconds for run in runs if run.outage_seconds]
    recoveries = [recovery.seconds for run in runs for recovery in run.recoveries]
    if not outages:
        return []
    figures = f"{len(outages)}, mean {fmean(outages):.2f} s, longest {max(outages):.2f} s"
    mttr = f"; mean time to recovery (MTTR) {fmean(recoveries):.2f} s" if recoveries else ""
    return [f"outages, from the switch until healthy: {figures}{mttr}"]


def _row(link: Link) -> tuple[str, ...]:
    run = link.run()
    if run is None:
        return (str(link.number), *("?" for _ in _HEADINGS[1:-1]), "damaged")
    about = run.release.version if run.release else "-"
    moved = f"{run.from_version or '-'} -> {run.to_version or '-'}"
    started, seconds = f"{run.started:%Y-%m-%d %H:%M:%S}", f"{run.seconds:.2f}"
    outage = f"{run.outage_seconds:.2f}" if run.outage_seconds else "-"
    return (str(link.number), started, run.command, run.outcome, about, moved, seconds, outage, run.user, run.reason)


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    """The rows in columns, numbers to the right, the last column as long as it is."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS) - 1)]
    aligned = [str.rjust if heading in ("run", "seconds", "outage") else str.ljust for heading in _HEADINGS]
    return [
        "  ".join([*(align(text, width) for align, text, width in zip(aligned, row, widths, strict=False)), row[-1]])
        for row in rows
    ]
