"""`unrep man`: a manual page for each command."""

from pathlib import Path
from typing import Annotated, TypedDict

import click
from msgspec import Meta

from bundle.host import presence
from bundle.host.files import make_directory, write_anew
from bundle.host.output import OUTPUT
from bundle.version import VERSION
from unrep.terminal.answers import json_option
from unrep.terminal.command import Command
from unrep.terminal.console import say, tell
from unrep.terminal.man_pages import man_pages


class ManAnswer(TypedDict):
    """Manual pages that were written."""

    directory: Annotated[str, Meta(description="Where they are.")]
    pages: Annotated[list[str], Meta(description="Their names.")]
    left_out: Annotated[list[str], Meta(description="A sentence for each that cannot be made.")]


@click.command(
    "man",
    cls=Command,
    examples=[("unrep man --out /usr/local/share/man", "Then 'man unrep build' explains the command build:")],
)
@click.option(
    "--out",
    metavar="DIR",
    required=True,
    type=click.Path(path_type=Path),
    help="Writes DIR/man1, made if missing.",
)
@json_option(ManAnswer)
@click.pass_context
def man_command(ctx: click.Context, out: Path, as_json: bool) -> None:
    """Write a manual page for each command, which 'man' shows: what --help says, with the exit codes.

    Pages that stand there already are replaced.
    """
    section = out / "man1"
    made, left_out = man_pages(ctx.find_root(), VERSION)
    for sentence in left_out:
        say(sentence)
    with OUTPUT.errors(section):
        for directory in reversed([section, *section.parents]):
            if not presence.exists(directory):
                make_directory(directory)
        for name, page in made.items():
            write_anew(section / f"{name}.1", page.encode())
    document: ManAnswer = {"directory": str(section), "pages": sorted(made), "left_out": left_out}
    tell(as_json, document, f"{section}: {len(made)} pages, to be read with: man -M {out} unrep")
