"""`unrep trust revoke`: release keys and releases that no longer count."""

from pathlib import Path

import click

from bundle.read.reader import open_for_display
from bundle.trust.drafting import revoked
from bundle.trust.signing import load_public_key
from unrep.errors import UsageRefused
from unrep.terminal.answers import json_option
from unrep.terminal.command import Command
from unrep.terminal.trust_files import (
    DraftAnswer,
    keys_option,
    now_s,
    out_option,
    read_trust_file,
    trust_argument,
    write_trust_file,
)


@click.command(
    "revoke",
    cls=Command,
    examples=[
        ("unrep trust revoke trust.unrep --release stolen.pub --out trust-2.unrep", "Revoke a stolen release key:")
    ],
)
@trust_argument
@keys_option("--release", "releases", "Release key that is stolen or lost; repeatable.")
@click.option(
    "--bundle",
    "bundles",
    metavar="B",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A bundle whose release no ship shall install any more; repeatable.",
)
@out_option
@json_option(DraftAnswer)
def revoke_command(path: Path, releases: tuple[Path, ...], bundles: tuple[Path, ...], out: Path, as_json: bool) -> None:
    """Draft the next revocation list of trust file T. The holders of its root keys sign it.

    Bundles carry it to the ships: whoever applies one no longer takes what a revoked key has signed.
    """
    if not releases and not bundles:
        raise UsageRefused("name what to revoke: --release R.pub or --bundle B")
    file = read_trust_file(path)
    trees = []
    for bundle in bundles:
        with open_for_display(bundle) as opened:
            trees.append(opened.root.tree)
    write_trust_file(out, revoked(file, map(load_public_key, releases), trees, now_s()), as_json)
