"""`unrep resign`: other signatures for a bundle, without building it again."""

from pathlib import Path

import click

from bundle.write.resign import resign
from unrep.commands.shore.build import carried_trust, trust_options
from unrep.terminal.console import answer, say
from unrep.terminal.signer import signer, signer_options


@click.command("resign")
@click.argument("bundle", metavar="BUNDLE", type=click.Path(path_type=Path))
@signer_options
@trust_options
@click.option("--out", metavar="F", type=click.Path(path_type=Path), help="The new file. Default: BUNDLE itself.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
def resign_command(
    bundle: Path,
    key: Path | None,
    passphrase_file: Path | None,
    sign_with: str | None,
    public: Path | None,
    trust: Path | None,
    trust_from: int,
    out: Path | None,
    as_json: bool,
) -> None:
    """Sign BUNDLE anew, in place of whoever signed it before, and have it carry the chain of trust file T.

    Its release and sections stay as they are, and are verified. Sign only what you know: compare the tree hash.
    """
    by = signer(key, passphrase_file, sign_with, public)
    target = out or bundle
    root = resign(bundle, target, [by], carried_trust(trust), trust_from)
    size, tree = target.stat().st_size, root.tree.hex()
    say(f"{target}: {root.product} {root.version} (seq {root.seq}), {size:,} bytes, signed anew", f"tree hash {tree}")
    if as_json:
        answer({"bundle": str(target), "bytes": size, "version": root.version, "tree": tree})
