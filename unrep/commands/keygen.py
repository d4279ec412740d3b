"""`unrep keygen`: a key pair for signing releases."""

import json
from pathlib import Path

import click

from bundle.signing import write_key_pair
from unrep.console import say


@click.command("keygen")
@click.option(
    "--out", metavar="NAME", required=True, type=click.Path(path_type=Path), help="Writes NAME.key and NAME.pub."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
def keygen_command(out: Path, as_json: bool) -> None:
    """Make a key pair: NAME.key signs ashore and stays secret, NAME.pub goes to every ship."""
    key = write_key_pair(out)
    private, public = f"{out}.key", f"{out}.pub"
    say(f"{private}: keep it ashore and secret; {public}: give it to every ship (key id {key.key_id.hex()})")
    if as_json:
        click.echo(json.dumps({"private": private, "public": public, "key_id": key.key_id.hex()}))
