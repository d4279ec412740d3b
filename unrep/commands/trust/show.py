"""`unrep trust show`: what a trust file says, in words."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from bundle.trust.drafting import listed, missing, newest_root
from bundle.trust.signing import VerifyingKey
from bundle.trust.trust import trust_of
from bundle.trust.trust_file import TrustFile
from unrep.terminal.console import answer, show
from unrep.terminal.trust_files import read_trust_file, trust_argument


@click.command("show")
@trust_argument
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
def show_command(path: Path, as_json: bool) -> None:
    """Show trust file T: its newest trust root, what is revoked, and what it lacks to be followed."""
    shown = _document(read_trust_file(path))
    if as_json:
        answer(shown)
    else:
        show(*_lines(path, shown))


def _document(file: TrustFile) -> dict[str, Any]:
    root, found, lacks = newest_root(file), listed(file), missing(file)
    if not lacks:
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
        "revocations": found
        and {"version": found.version, "keys": list(map(_id, found.keys)), "trees": [t.hex() for t in found.trees]},
        "missing": lacks,
    }


def _lines(path: Path, shown: dict[str, Any]) -> list[str]:
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
    return lines + [f"  {lack}" for lack in shown["missing"]]


def _id(raw: bytes) -> str:
    return VerifyingKey(raw).key_id.hex()


def _day(seconds: int | None) -> str:
    if seconds is None:
        return "never"
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
    except (OverflowError, ValueError, OSError):
        return f"second {seconds} since 1970"
