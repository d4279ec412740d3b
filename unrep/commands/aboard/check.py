"""`unrep check`: what the ship lacks, before a release comes."""

from pathlib import Path

import click

from apply.errors import NotReady
from apply.site.layout import Site
from unrep.beginning.readiness import CheckAnswer, lines, look_over, verdict
from unrep.terminal.answers import json_option
from unrep.terminal.command import Command
from unrep.terminal.console import show, tell
from unrep.terminal.options.site import config_option, configuration, site_option


@click.command(
    "check",
    cls=Command,
    examples=[
        ("unrep check --site /opt/vms", "See whether this ship is ready for a release:"),
        ("unrep check --site /opt/vms --config new.toml", "Try a configuration before it counts:"),
    ],
)
@site_option
@config_option
@json_option(CheckAnswer)
def check_command(site: Path, config: Path | None, as_json: bool) -> None:
    """Check that site S has what its configuration names, and change nothing.

    Commands, services, pools, hosts, Python, keys, sources, rights: each is looked for, and the line at fault is named.
    'unrep apply' and the agent look at the same before each update, so that what the ship lacks is never taken for a
    fault of a release.
    """
    found = look_over(Site.at(site), configuration(site, config), config)
    try:
        ready = verdict(site, found)
    except NotReady as refused:
        if not as_json:
            show(*lines(found))
        refused.document = dict(found)
        raise
    tell(as_json, found, *lines(found), ready)
