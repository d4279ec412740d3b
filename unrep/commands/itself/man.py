"""`unrep man`: a manual page for each command."""

from pathlib import Path

import click

from bundle.host import presence
from bundle.host.files import make_directory, write_anew
from bundle.host.output import OUTPUT
from bundle.version import VERSION
from unrep.terminal.command import Command
from unrep.terminal.console import say, show
from unrep.terminal.man_pages import man_pages


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
@click.pass_context
def man_command(ctx: click.Context, out: Path) -> None:
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
    show(f"{section}: {len(made)} pages, to be read with: man -M {out} unrep")
