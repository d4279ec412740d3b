"""`unrep trust sign`: one holder of a root key signs a draft."""

from pathlib import Path

import click

from bundle.trust.drafting import signed
from unrep.terminal.command import Command
from unrep.terminal.options.signing import SignerOptions, signer_options
from unrep.terminal.trust_files import read_trust_file, trust_argument, write_trust_file


@click.command(
    "sign",
    cls=Command,
    examples=[("unrep trust sign trust.unrep --key one.key", "Add the signature of one root key:")],
)
@trust_argument
@signer_options
def sign_command(path: Path, signer: SignerOptions) -> None:
    """Sign what trust file T lacks signatures for. Look at it first with 'unrep trust show'."""
    file = read_trust_file(path)
    write_trust_file(path, signed(file, [signer.open()]), anew=False)
