"""`unrep fleet export`: everything of the record, for spreadsheets and other programs."""

from collections.abc import Iterator
from pathlib import Path

import click

from fleet.reports.lists import LISTS, csv_lines, json_lines
from fleet.reports.shore import Shore
from transfer.disk.storage import PUBLISHED
from unrep.terminal.command import Command
from unrep.terminal.console import show
from unrep.terminal.options.fleet import open_fleet
from unrep.terminal.options.repository import repo_option


@click.command(
    "export",
    cls=Command,
    examples=[
        ("unrep fleet export ships --out ships.csv --repo /srv/vms", "Get a list of ships for a spreadsheet:"),
        ("unrep fleet export receipts --format jsonl --repo /srv/vms", "Get every receipt, one JSON object a line:"),
    ],
)
@click.argument("what", metavar="ships|receipts|apart|rollouts", type=click.Choice(sorted(LISTS)))
@click.option(
    "--format", "form", type=click.Choice(["csv", "jsonl"]), default="csv", show_default=True, help="CSV or JSON lines."
)
@click.option("--out", metavar="F", type=click.Path(path_type=Path), help="Write it there. Default: standard output.")
@repo_option
def export_command(what: str, form: str, out: Path | None, repo: Path) -> None:
    """Write a list of everything: ships, receipts, what stands apart, or rollouts.

    In CSV a text that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    count = 0
    with open_fleet(repo) as fleet:
        shore = Shore.read(fleet.opened.repository, fleet.opened.settings)
        with fleet.database.reading() as connection:
            rows = LISTS[what](connection, shore)
            lines = csv_lines(rows) if form == "csv" else json_lines(rows)

            def counted() -> Iterator[bytes]:
                nonlocal count
                for line in lines:
                    count += 1
                    yield line.encode() + b"\n"

            if out is None:
                for line in lines:
                    show(line)
                return
            PUBLISHED.write_file(out, counted())
    show(f"{out}: {count:,} lines")
