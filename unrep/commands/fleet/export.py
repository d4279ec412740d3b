"""`unrep fleet export`: everything of the record, for spreadsheets and other programs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, TypedDict

import click
from msgspec import Meta

from fleet.reports.lists import LISTS, csv_lines, json_lines
from fleet.reports.shore import Shore
from transfer.disk.storage import PUBLISHED
from unrep.terminal.answers import json_lines_option
from unrep.terminal.command import Command
from unrep.terminal.console import answer, show, tell
from unrep.terminal.options.fleet import open_fleet
from unrep.terminal.options.repository import repo_option


class RowAnswer(TypedDict):
    """A row of the list."""

    event: Annotated[Literal["row"], Meta(description="Always 'row'.")]
    list: Annotated[str, Meta(description="Which list it is.")]
    row: Annotated[dict[str, str | float | bool | None], Meta(description="A value for each of its columns.")]


class WrittenAnswer(TypedDict):
    """A list that was written to a file."""

    event: Annotated[Literal["written"], Meta(description="Always 'written'.")]
    list: Annotated[str, Meta(description="Which list it is.")]
    file: Annotated[str, Meta(description="Path of the file.")]
    lines: Annotated[int, Meta(description="How many lines the file has.")]


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
@json_lines_option({"row": RowAnswer, "written": WrittenAnswer}, "a row, or one for the file that was written")
def export_command(what: str, form: str, out: Path | None, repo: Path, as_json: bool) -> None:
    """Write a list of everything: ships, receipts, what stands apart, or rollouts.

    In CSV a text that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    count = 0
    with open_fleet(repo) as fleet:
        shore = Shore.read(fleet.opened.repository, fleet.opened.settings)
        with fleet.database.reading() as connection:
            rows = LISTS[what](connection, shore)
            if as_json and out is None:
                for row in rows:
                    answer({"event": "row", "list": what, "row": row})
                return
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
    written: WrittenAnswer = {"event": "written", "list": what, "file": str(out), "lines": count}
    tell(as_json, written, f"{out}: {count:,} lines")
