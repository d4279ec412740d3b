"""`unrep trust rotate`: other keys, and the successor of a trust root."""

from datetime import datetime
from pathlib import Path

import click
import msgspec

from bundle.trust.drafting import newest_root, succeeded, with_keys, with_releases
from bundle.trust.signing import load_public_key
from bundle.trust.trust_root import ReleaseKey
from unrep.terminal.answers import json_option
from unrep.terminal.command import Command
from unrep.terminal.trust_files import (
    DraftAnswer,
    date_option,
    keys_option,
    now_s,
    out_option,
    read_trust_file,
    seconds_of,
    trust_argument,
    write_trust_file,
)


@click.command(
    "rotate",
    cls=Command,
    examples=[
        (
            "unrep trust rotate trust.unrep --release new.pub --drop-release old.pub --out trust-2.unrep",
            "Replace a release key:",
        )
    ],
)
@trust_argument
@keys_option("--key", "keys", "Root key to add; repeatable.")
@keys_option("--drop-key", "dropped_keys", "Root key to leave out; repeatable.")
@click.option(
    "--threshold", metavar="N", type=click.IntRange(1), help="So many root keys must sign. Default: as before."
)
@keys_option("--release", "releases", "Release key to add, or to give another expiry; repeatable.")
@keys_option("--drop-release", "dropped_releases", "Release key to leave out; repeatable.")
@date_option("--release-expires", "When the added release keys expire. Default never.")
@date_option("--expires", "When the new trust root expires. Default never.")
@click.option("--epoch", metavar="E", type=click.IntRange(0), help="Highest epoch of releases. Default as before.")
@out_option
@json_option(DraftAnswer)
def rotate_command(
    path: Path,
    keys: tuple[Path, ...],
    dropped_keys: tuple[Path, ...],
    threshold: int | None,
    releases: tuple[Path, ...],
    dropped_releases: tuple[Path, ...],
    release_expires: datetime | None,
    expires: datetime | None,
    epoch: int | None,
    out: Path,
    as_json: bool,
) -> None:
    """Draft the successor of the newest trust root in file T, signed by the thresholds of both."""
    file = read_trust_file(path)
    old, ends = newest_root(file), seconds_of(release_expires)
    added = [ReleaseKey(load_public_key(release).raw, ends) for release in releases]
    root = msgspec.structs.replace(
        old,
        version=old.version + 1,
        created=now_s(),
        keys=with_keys(old, map(load_public_key, keys), map(load_public_key, dropped_keys)),
        threshold=threshold or old.threshold,
        releases=with_releases(old, added, map(load_public_key, dropped_releases)),
        expires=seconds_of(expires),
        epoch=old.epoch if epoch is None else epoch,
    )
    write_trust_file(out, succeeded(file, root), as_json)
