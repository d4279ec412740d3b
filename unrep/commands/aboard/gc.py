"""`unrep gc`: removes old versions."""

from pathlib import Path
from typing import Annotated

import click
from msgspec import Meta

from apply.retention import collect_garbage
from unrep.terminal.answers import json_option
from unrep.terminal.command import Command
from unrep.terminal.console import progress_bar, tell
from unrep.terminal.options.site import config_option, configuration, site_option
from unrep.terminal.run_report import RunAnswer, run_answer


class GcAnswer(RunAnswer):
    """A clean-up, as a run at the site."""

    removed: Annotated[list[str], Meta(description="Versions that were removed.")]
    in_use: Annotated[list[str], Meta(description="Sentences on versions that stay because they are open.")]


@click.command(
    "gc", cls=Command, examples=[("unrep gc --site /opt/vms", "Remove the versions that are no longer needed:")]
)
@site_option
@config_option
@json_option(GcAnswer)
def gc_command(site: Path, config: Path | None, as_json: bool) -> None:
    """Remove old versions, as [retention] says. The current, the last good and a pending one always stay.

    A version that a process has open stays, too, until the next time.
    """
    settings = configuration(site, config)
    with progress_bar() as bar:
        report, retained = collect_garbage(site, settings, bar)
    cleaned: GcAnswer = {**run_answer(report), "removed": retained.removed, "in_use": retained.in_use}
    tell(as_json, cleaned, report.reason)
