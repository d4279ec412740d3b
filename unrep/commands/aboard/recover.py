"""`unrep recover`: finishes or undoes a run that died."""

from pathlib import Path

import click

from apply.recover import recover
from unrep.terminal.answers import json_option
from unrep.terminal.command import Command
from unrep.terminal.console import progress_bar
from unrep.terminal.options.site import config_option, configuration, site_option
from unrep.terminal.run_report import RunAnswer, report_run


@click.command("recover", cls=Command, examples=[("unrep recover --site /opt/vms", "Clean up after a power cut:")])
@site_option
@config_option
@json_option(RunAnswer)
def recover_command(site: Path, config: Path | None, as_json: bool) -> None:
    """Finish the update of a run that died at site S, or undo it. Harmless where there is nothing to do."""
    settings = configuration(site, config)
    with progress_bar() as bar:
        report_run(lambda: recover(site, settings, bar), as_json)
