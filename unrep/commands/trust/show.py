"""`unrep trust show`: what a trust file says, in words."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypedDict

import click
from msgspec import Meta

from bundle.trust.drafting import listed, missing, newest_root
from bundle.trust.signing import VerifyingKey
from bundle.trust.trust import trust_of
from bundle.trust.trust_file import TrustFile
from unrep.terminal.answers import json_option
from unrep.terminal.command import Command
from unrep.terminal.console import tell
from unrep.terminal.trust_files import read_trust_file, trust_argument


class ReleaseKeyAnswer(TypedDict):
    """A key that may sign releases."""

    key: Annotated[str, Meta(description="Id of the key, in hex.")]
    expires: Annotated[int | None, Meta(description="When it expires, in seconds since 1970; null for never.")]


class RevocationsAnswer(TypedDict):
    """What is revoked."""

    version: Annotated[int, Meta(description="Version of the revocation list.")]
    keys: Annotated[list[str], Meta(description="Ids of revoked keys, in hex.")]
    trees: Annotated[list[str], Meta(description="Tree hashes of revoked releases, in hex.")]


class TrustFileAnswer(TypedDict):
    """What a trust file says; ids of keys are in hex."""

    version: Annotated[int, Meta(description="Version of the newest trust root.")]
    first: Annotated[int, Meta(description="Version of the first trust root in the file.")]
    created: Annotated[int, Meta(description="When the newest was made, in seconds since 1970.")]
    expires: Annotated[int | None, Meta(description="When it expires, in seconds since 1970; null for never.")]
    epoch: Annotated[int, Meta(description="Highest epoch of releases.")]
    threshold: Annotated[int, Meta(description="How many root keys must sign.")]
    keys: Annotated[list[str], Meta(description="Ids of the root keys.")]
    releases: Annotated[list[ReleaseKeyAnswer], Meta(description="The keys that may sign releases.")]
    after: Annotated[str | None, Meta(description="Id of the plain key that it follows; null for none.")]
    revocations: Annotated[RevocationsAnswer | None, Meta(description="What is revoked; null for no list.")]
    missing: Annotated[list[str], Meta(description="What the file lacks to be followed, in words.")]


@click.command(
    "show",
    cls=Command,
    examples=[("unrep trust show trust.unrep", "See who may sign releases, and which signatures are missing:")],
)
@trust_argument
@json_option(TrustFileAnswer)
def show_command(path: Path, as_json: bool) -> None:
    """Show trust file T: its newest trust root, what is revoked, and what it lacks to be followed."""
    shown = _document(read_trust_file(path))
    tell(as_json, shown, *_lines(path, shown))


def _document(file: TrustFile) -> TrustFileAnswer:
    root, found, absent = newest_root(file), listed(file), missing(file)
    if not absent:
        trust_of(file)  # raises, where the chain before does not hold
    return {
        "version": root.version,
        "first": file.links.first,
        "created": root.created,
        "expires": root.expires or None,
        "epoch": root.epoch,
        "threshold": root.threshold,
        "keys": [_id(key) for key in root.keys],
        "releases": [{"key": _id(r.key), "expires": r.expires or None} for r in root.releases],
        "after": _id(file.key) if file.key else None,
        "revocations": {
            "version": found.version,
            "keys": list(map(_id, found.keys)),
            "trees": [tree.hex() for tree in found.trees],
        }
        if found
        else None,
        "missing": absent,
    }


def _lines(path: Path, shown: TrustFileAnswer) -> list[str]:
    state = "a draft" if shown["missing"] else "complete"
    lines = [
        f"{path}: trust roots {shown['first']} to {shown['version']}, {state}; made on {_day(shown['created'])}, "
        f"expires {_day(shown['expires'])}, epoch {shown['epoch']}",
        f"  root keys, {shown['threshold']} of {len(shown['keys'])} must sign: {', '.join(shown['keys'])}",
    ]
    lines += [f"  release key {r['key']}, expires {_day(r['expires'])}" for r in shown["releases"]]
    if shown["after"]:
        lines.append(f"  follows the plain key {shown['after']}")
    if revoked := shown["revocations"]:
        lines.append(f"  revocation list {revoked['version']}")
        lines += [f"    key {key}" for key in revoked["keys"]]
        lines += [f"    release with tree hash {tree}" for tree in revoked["trees"]]
    return lines + [f"  {part}" for part in shown["missing"]]


def _id(raw: bytes) -> str:
    return VerifyingKey(raw).key_id.hex()


def _day(seconds: int | None) -> str:
    if seconds is None:
        return "never"
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
    except (OverflowError, ValueError, OSError):
        return f"second {seconds} since 1970"
