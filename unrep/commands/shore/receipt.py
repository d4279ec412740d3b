"""`unrep receipt`: ashore, what a ship says of a run."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypedDict

import click
from msgspec import Meta

from apply.audit.receipt import MAX_RECEIPT_BYTES, Receipt, open_receipt
from apply.audit.site_key import load_site_public_key
from unrep.terminal.answers import Epoch, Product, Seq, TreeHash, Version, json_option
from unrep.terminal.command import Command
from unrep.terminal.console import tell
from unrep.terminal.files import read_input


class ReceiptAnswer(TypedDict):
    """What a receipt says of a run aboard. Without a release the texts are empty and the numbers 0."""

    receipt: Annotated[int, Meta(description="Format of the receipt.")]
    site: Annotated[str, Meta(description="Id of the site's key, in hex.")]
    product: Product
    version: Version
    epoch: Epoch
    seq: Seq
    tree: TreeHash
    outcome: Annotated[str, Meta(description="How the run ended.")]
    serving: Annotated[str, Meta(description="The version that was current afterwards; empty for none.")]
    number: Annotated[int, Meta(description="Number of the run in the site's record.")]
    head: Annotated[str, Meta(description="Hash of the record up to that run, in hex.")]
    time: Annotated[int, Meta(description="When, by the ship's clock, in seconds since 1970.")]


@click.command(
    "receipt",
    cls=Command,
    examples=[("unrep receipt 12.receipt --key site.pub", "Verify a receipt with the public key of its site:")],
)
@click.argument("receipt", metavar="F", type=click.Path(path_type=Path))
@click.option("--key", metavar="K", required=True, type=click.Path(path_type=Path), help="The site's .unrep/site.pub.")
@json_option(ReceiptAnswer)
def receipt_command(receipt: Path, key: Path, as_json: bool) -> None:
    """Verify receipt F, which a ship put into its .unrep/outbox, and show what it says."""
    opened = open_receipt(read_input(receipt, MAX_RECEIPT_BYTES), load_site_public_key(key), str(receipt))
    tell(as_json, opened.document(), _sentence(receipt, opened))


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
