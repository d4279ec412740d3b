"""`unrep recover`: after a power cut or a killed run."""

from pathlib import Path

import click

from apply.recover import recover
from unrep.terminal.aboard import config_option, configuration, json_option, site_option, told
from unrep.terminal.console import progress_bar


@click.command("recover")
@site_option
@config_option
@json_option
def recover_command(site: Path, config: Path | None, as_json: bool) -> None:
    """Bring site S to rest after a run that died: finish its update, or go back; nothing to do is fine."""
    settings = configuration(site, config)
    with progress_bar() as bar:
        told(lambda: recover(site, settings, bar), as_json)
