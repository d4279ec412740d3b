"""`unrep trust sign`: one holder of a root key signs a draft."""

from pathlib import Path

import click

from bundle.trust.drafting import signed
from unrep.terminal.signer import signer, signer_options
from unrep.terminal.trust_files import read_trust_file, trust_argument, write_trust_file


@click.command("sign")
@trust_argument
@signer_options
def sign_command(
    path: Path, key: Path | None, passphrase_file: Path | None, sign_with: str | None, public: Path | None
) -> None:
    """Sign what trust file T lacks signatures for; look at it first with 'unrep trust show'."""
    file = read_trust_file(path)
    write_trust_file(path, signed(file, [signer(key, passphrase_file, sign_with, public)]), anew=False)
