"""The options of commands that receive a bundle: where it goes, for which site, and whether it may be the whole one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from bundle.errors import Malformed
from transfer.channels.channel import check_name

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


def checked_channel(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """Raises BadParameter for what can be no channel's name."""
    try:
        if value:
            check_name(value)
    except Malformed as error:
        raise click.BadParameter(str(error), ctx, param) from error
    return value


channel_option = click.option(
    "--channel",
    metavar="C",
    default="",
    callback=checked_channel,
    help="Follow this channel. Default: the one that the source names, or 'stable'.",
)
