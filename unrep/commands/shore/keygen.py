"""`unrep keygen`: a key pair for signing releases."""

from pathlib import Path

import click

from bundle.trust.signing import write_key_pair
from unrep.terminal.answers import KeyPairAnswer, json_option
from unrep.terminal.command import Command
from unrep.terminal.console import ask_passphrase, tell
from unrep.terminal.options.signing import read_passphrase


@click.command(
    "keygen",
    cls=Command,
    examples=[
        ("unrep keygen --out shore", "Make shore.key and shore.pub:"),
        ("unrep keygen --out shore --encrypt", "Encrypt the private key with a passphrase, which is asked for:"),
    ],
)
@click.option(
    "--out", metavar="NAME", required=True, type=click.Path(path_type=Path), help="Writes NAME.key and NAME.pub."
)
@click.option("--encrypt", is_flag=True, help="Encrypt NAME.key with a passphrase, which is asked for.")
@click.option(
    "--passphrase-file",
    metavar="F",
    type=click.Path(path_type=Path),
    help="Encrypt NAME.key with the passphrase in F, its first line.",
)
@json_option(KeyPairAnswer)
def keygen_command(out: Path, encrypt: bool, passphrase_file: Path | None, as_json: bool) -> None:
    """Make a key pair: NAME.key signs ashore and stays secret, NAME.pub goes to every ship."""
    passphrase = read_passphrase(passphrase_file) if passphrase_file else None
    if encrypt and passphrase is None:
        passphrase = ask_passphrase("Passphrase", twice=True)
    key = write_key_pair(out, passphrase)
    private, public = f"{out}.key", f"{out}.pub"
    tell(
        as_json,
        KeyPairAnswer(private=private, public=public, key_id=key.key_id.hex()),
        f"{private}: keep it ashore and secret; {public}: give it to every ship (key id {key.key_id.hex()})",
    )
