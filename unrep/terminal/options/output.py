"""The options of commands that receive a bundle: where it goes, for which site, and whether it may be the whole one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

output_option = click.option(
    "--out", metavar="F", required=True, type=click.Path(path_type=Path), help="Where the bundle goes."
)
allow_full_option = click.option(
    "--allow-full", is_flag=True, help="Accept the full release where no delta starts from one that the site holds."
)


def for_site_option(verb: str) -> Callable[[F], F]:
    """--site of a command that also works without one; `verb`: what it does with a bundle, such as "Fetch"."""
    return click.option(
        "--site", metavar="S", type=click.Path(path_type=Path), help=f"{verb} only what this site needs."
    )
