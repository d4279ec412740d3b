"""`unrep history`: who did what here, when, and how it ended."""

import json
from pathlib import Path

import click

from apply.record import read_runs
from apply.site import Site
from unrep.aboard import site_option


@click.command("history")
@site_option
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="The latest so many runs.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line, one line a run.")
def history_command(site: Path, limit: int, as_json: bool) -> None:
    """Show the runs at site S, the latest last."""
    for run in read_runs(Site.at(site), limit):
        if as_json:
            click.echo(json.dumps(run))
        else:
            about = run["release"]["version"] if run["release"] else "-"
            moved = f"{run['from'] or '-'} -> {run['to'] or '-'}"
            line = f"{run['started']}  {run['command']:<9} {run['outcome']:<15} {about:<10} {moved:<20}"
            click.echo(f"{line} {run['seconds']:8.2f} s  {run['user']}  {run['reason']}")
