"""`unrep hear`: aboard, a heartbeat from shore."""

from pathlib import Path

import click

from apply.heartbeat import receive_heartbeat
from apply.site.guarded import check_named
from bundle.trust.trust import load_trust
from unrep.commands.shore.heartbeat import parse_nonce
from unrep.terminal.aboard import configuration, json_option, site_option, told, trust_option


@click.command("hear")
@click.argument("heartbeat", metavar="F", type=click.Path(path_type=Path))
@site_option
@trust_option
@click.option("--nonce", metavar="HEX", callback=parse_nonce, help="What shore was asked to sign; proves F new.")
@json_option
def hear_command(heartbeat: Path, site: Path, trust: Path | None, nonce: bytes | None, as_json: bool) -> None:
    """Take in heartbeat F at site S: 'unrep status' then says what shore has that has not come.

    No release is changed.
    """
    check_named(trust)
    given = load_trust(trust) if trust else None
    told(lambda: receive_heartbeat(heartbeat, site, given, nonce, configuration(site, None).product), as_json)
