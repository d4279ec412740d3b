"""`unrep trust init`: the first trust root."""

from datetime import datetime
from pathlib import Path

import click

from bundle.trust.drafting import first_root
from bundle.trust.signing import load_public_key
from bundle.trust.trust_root import TRUST_FORMAT, ReleaseKey, TrustRoot
from unrep.terminal.answers import json_option
from unrep.terminal.command import Command
from unrep.terminal.trust_files import (
    DraftAnswer,
    date_option,
    keys_option,
    now_s,
    out_option,
    seconds_of,
    write_trust_file,
)


@click.command(
    "init",
    cls=Command,
    examples=[
        (
            "unrep trust init --key one.pub --key two.pub --key three.pub --threshold 2 --release shore.pub "
            "--out trust.unrep",
            "Draft a trust root: two of three root keys decide who may sign releases:",
        )
    ],
)
@keys_option("--key", "keys", "Public root key; repeatable.")
@click.option("--threshold", metavar="N", default=1, type=click.IntRange(1), help="So many root keys must sign.")
@keys_option("--release", "releases", "Public key that may sign releases; repeatable.")
@date_option("--release-expires", "When the release keys expire. Default never.")
@date_option("--expires", "When the trust root itself expires. Default never.")
@click.option("--epoch", metavar="E", default=0, type=click.IntRange(0), help="Highest epoch of releases. Default 0.")
@click.option(
    "--after",
    metavar="P",
    type=click.Path(path_type=Path),
    help="Plain public key that ships trust so far; its holder signs too. Each ship is given the file by hand.",
)
@out_option
@json_option(DraftAnswer)
def init_command(
    keys: tuple[Path, ...],
    threshold: int,
    releases: tuple[Path, ...],
    release_expires: datetime | None,
    expires: datetime | None,
    epoch: int,
    after: Path | None,
    out: Path,
    as_json: bool,
) -> None:
    """Begin a root of trust: a draft that the holders of the root keys sign with 'unrep trust sign'."""
    ends = seconds_of(release_expires)
    root = TrustRoot(
        TRUST_FORMAT,
        1,
        now_s(),
        sorted(load_public_key(path).raw for path in keys),
        threshold,
        sorted((ReleaseKey(load_public_key(path).raw, ends) for path in releases), key=lambda r: r.key),
        seconds_of(expires),
        epoch,
    )
    write_trust_file(out, first_root(root, load_public_key(after) if after else None), as_json)
