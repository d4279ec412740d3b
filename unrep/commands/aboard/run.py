"""`unrep run`: a program in the version that is current, resolved once."""

from pathlib import Path

import click

from apply.site.layout import Site
from unrep.launching.launcher import launch, resolve
from unrep.terminal.command import Command
from unrep.terminal.options.site import config_option, configuration, site_option


@click.command(
    "run",
    cls=Command,
    context_settings={"allow_interspersed_args": False},
    examples=[("unrep run --site /opt/vms -- python3 serve.py", "Start the application of the current version:")],
)
@site_option
@config_option
@click.argument("command", metavar="-- COMMAND...", nargs=-1, required=True, type=click.UNPROCESSED)
def run_command(site: Path, config: Path | None, command: tuple[str, ...]) -> int:
    """Start COMMAND in the real directory of the version that is current at site S.

    For a service whose `current` is a pointer file, and for any that must not see two versions at once. {tree},
    {version} and {site} in COMMAND are filled in. Signals and the exit code are the command's own.
    """
    place = Site.at(site)
    return launch(command, resolve(place, configuration(site, config)))
