"""`unrep receipt`: ashore, what a ship says of a run."""

from datetime import UTC, datetime
from pathlib import Path

import click

from apply.audit.receipt import MAX_RECEIPT_BYTES, Receipt, open_receipt
from apply.audit.site_key import load_site_public_key
from bundle.errors import InputError
from bundle.host.files import read_given
from unrep.terminal.console import answer, show


@click.command("receipt")
@click.argument("receipt", metavar="F", type=click.Path(path_type=Path))
@click.option("--key", metavar="K", required=True, type=click.Path(path_type=Path), help="The site's .unrep/site.pub.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
def receipt_command(receipt: Path, key: Path, as_json: bool) -> None:
    """Verify receipt F, which a ship put into its .unrep/outbox, and show what it says."""
    opened = open_receipt(_read(receipt), load_site_public_key(key), str(receipt))
    if as_json:
        answer(opened.document())
    else:
        show(_sentence(receipt, opened))


def _sentence(path: Path, receipt: Receipt) -> str:
    about = f"{receipt.product} {receipt.version} (seq {receipt.seq}, tree {receipt.tree.hex()[:12]})"
    about = about if receipt.version else "no release"
    try:
        when = f"{datetime.fromtimestamp(receipt.time, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):  # a clock that is far off
        when = f"{receipt.time} s after 1970"
    return (
        f"{path}: {receipt.outcome}: {about}; {receipt.serving or 'nothing'} serves; record {receipt.number}, "
        f"head {receipt.head.hex()[:12]}, at {when} by the ship's clock; signed by site {receipt.site.hex()}"
    )


def _read(path: Path) -> bytes:
    try:
        return read_given(path, MAX_RECEIPT_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
