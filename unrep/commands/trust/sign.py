"""`unrep trust sign`: one holder of a root key signs a draft."""

from pathlib import Path

import click

from bundle.trust.drafting import signed
from unrep.terminal.answers import json_option
from unrep.terminal.command import Command
from unrep.terminal.options.signing import SignerOptions, signer_options
from unrep.terminal.trust_files import DraftAnswer, read_trust_file, trust_argument, write_trust_file


@click.command(
    "sign",
    cls=Command,
    examples=[("unrep trust sign trust.unrep --key one.key", "Add the signature of one root key:")],
)
@trust_argument
@signer_options
@json_option(DraftAnswer)
def sign_command(path: Path, signer: SignerOptions, as_json: bool) -> None:
    """Sign what trust file T lacks signatures for. Look at it first with 'unrep trust show'."""
    file = read_trust_file(path)
    write_trust_file(path, signed(file, [signer.open()]), as_json, anew=False)
