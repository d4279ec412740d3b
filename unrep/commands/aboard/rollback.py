"""`unrep rollback`: the mate's one command."""

from pathlib import Path

import click

from apply.rollback import roll_back
from unrep.terminal.aboard import config_option, configuration, json_option, site_option, told
from unrep.terminal.console import progress_bar


@click.command("rollback")
@site_option
@click.option("--to", metavar="V", help="A version that is aboard, instead of the last good one.")
@click.option("--restore", is_flag=True, help="Also put back the data saved for that version; newer data is lost.")
@config_option
@json_option
def rollback_command(site: Path, to: str | None, restore: bool, config: Path | None, as_json: bool) -> None:
    """Go back to the last version that was healthy at site S."""
    settings = configuration(site, config)
    with progress_bar() as bar:
        told(lambda: roll_back(site, settings, to, restore_data=restore, progress=bar), as_json)
