"""`unrep history`: who did what here, when, and how it ended; and whether anybody changed that."""

from pathlib import Path

import click

from apply.audit.history import read_history
from apply.record.chain import Link
from apply.site.layout import Site
from unrep.terminal.aboard import site_option
from unrep.terminal.console import answer, show

_HEADINGS = ("run", "started", "command", "outcome", "release", "moved", "seconds", "user", "reason")


@click.command("history")
@site_option
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="The latest so many runs.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line, one line a run.")
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
    history.check()


def _row(link: Link) -> tuple[str, ...]:
    run = link.run()
    if run is None:
        return (str(link.number), *("?" for _ in _HEADINGS[1:-1]), "damaged")
    about = run.release.version if run.release else "-"
    moved = f"{run.from_version or '-'} -> {run.to_version or '-'}"
    started, seconds = f"{run.started:%Y-%m-%d %H:%M:%S}", f"{run.seconds:.2f}"
    return (str(link.number), started, run.command, run.outcome, about, moved, seconds, run.user, run.reason)


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    """The rows in columns, numbers to the right, the last column as long as it is."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS) - 1)]
    aligned = [str.rjust if heading in ("run", "seconds") else str.ljust for heading in _HEADINGS]
    return [
        "  ".join([*(align(text, width) for align, text, width in zip(aligned, row, widths, strict=False)), row[-1]])
        for row in rows
    ]
