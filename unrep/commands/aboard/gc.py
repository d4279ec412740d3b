"""`unrep gc`: old versions make room."""

from pathlib import Path

import click

from apply.retention import collect_garbage
from unrep.terminal.aboard import config_option, configuration, document, json_option, site_option
from unrep.terminal.console import answer, progress_bar, say


@click.command("gc")
@site_option
@config_option
@json_option
def gc_command(site: Path, config: Path | None, as_json: bool) -> None:
    """Remove the versions that retention does not keep; never the current, the last good or a pending one.

    One that a process has open stays, too, until the next time.
    """
    settings = configuration(site, config)
    with progress_bar() as bar:
        report, retained = collect_garbage(site, settings, bar)
    say(report.reason)
    if as_json:
        answer(document(report) | {"removed": retained.removed, "in_use": retained.in_use})
