"""`unrep rollback`: back to a version that was healthy."""

from pathlib import Path

import click

from apply.rollback import roll_back
from unrep.terminal.answers import json_option
from unrep.terminal.command import Command
from unrep.terminal.console import progress_bar
from unrep.terminal.options.site import config_option, configuration, site_option
from unrep.terminal.run_report import RunAnswer, report_run


@click.command(
    "rollback",
    cls=Command,
    examples=[
        ("unrep rollback --site /opt/vms", "Go back to the last version that was healthy:"),
        ("unrep rollback --site /opt/vms --to 1.0.0", "Go back to a version that 'unrep status' shows:"),
    ],
)
@site_option
@click.option("--to", metavar="V", help="A version that is aboard, instead of the last good one.")
@click.option("--restore", is_flag=True, help="Also put back the data saved for that version; newer data is lost.")
@config_option
@json_option(RunAnswer)
def rollback_command(site: Path, to: str | None, restore: bool, config: Path | None, as_json: bool) -> None:
    """Go back to the last version that was healthy at site S."""
    settings = configuration(site, config)
    with progress_bar() as bar:
        report_run(lambda: roll_back(site, settings, to, restore_data=restore, progress=bar), as_json)
