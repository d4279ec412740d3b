"""`unrep hear`: aboard, takes in a heartbeat from shore."""

from pathlib import Path

import click

from apply.heartbeat import receive_heartbeat
from apply.site.guarded import check_named
from apply.site.layout import Site
from unrep.terminal.answers import json_option
from unrep.terminal.command import Command
from unrep.terminal.options.nonce import nonce_option
from unrep.terminal.options.site import configuration, named_trust, site_option, trust_option
from unrep.terminal.run_report import RunAnswer, report_run


@click.command(
    "hear",
    cls=Command,
    examples=[("unrep hear vms.heartbeat --site /opt/vms --trust shore.pub", "Learn what the newest release is:")],
)
@click.argument("heartbeat", metavar="F", type=click.Path(path_type=Path))
@site_option
@trust_option
@nonce_option("What shore was asked to sign; proves F new.")
@json_option(RunAnswer)
def hear_command(heartbeat: Path, site: Path, trust: Path | None, nonce: bytes | None, as_json: bool) -> None:
    """Record heartbeat F at site S, so that 'unrep status' shows a newer release that has not come here.

    No release is changed.
    """
    check_named(trust)
    settings = configuration(site, None)
    given = named_trust(Site.at(site), settings, trust)
    report_run(lambda: receive_heartbeat(heartbeat, site, given, nonce, settings.product), as_json)
