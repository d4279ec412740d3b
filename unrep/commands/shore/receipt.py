"""`unrep receipt`: ashore, what ships say of themselves, and whether all of it has come."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

import click
from msgspec import Meta

from bundle.errors import Untrusted
from bundle.receipts.chains import Chain, Ledger
from bundle.receipts.gathering import gather
from bundle.receipts.receipt import Opened
from bundle.receipts.site_keys import load_site_keys
from unrep.terminal.answers import Product, json_lines_option
from unrep.terminal.command import Command
from unrep.terminal.console import answer, say, show

_SHOWN = 5  # gaps and forks of a site in one line

SiteId = Annotated[str, Meta(description="Id of the site's key, in hex.")]
Number = Annotated[int, Meta(description="Number of the receipt.")]
_Said = TypedDict(
    "_Said",
    {
        "from": Annotated[str, Meta(description="The version that served before.")],
        "to": Annotated[str, Meta(description="The version that it is about; empty for none.")],
    },
)


class ReceiptAnswer(_Said):
    """A receipt whose signature is that of a known site. What there is not is empty or 0."""

    event: Annotated[Literal["receipt"], Meta(description="What the line is.")]
    file: Annotated[str, Meta(description="Where it was read.")]
    receipt: Annotated[int, Meta(description="Format of the receipt.")]
    site: SiteId
    number: Number
    kind: Annotated[str, Meta(description="'outcome' of a run, or what else the receipt is about.")]
    outcome: Annotated[str, Meta(description="How the run ended, or the kind.")]
    code: Annotated[str, Meta(description="The reason in a word; 'none' for none.")]
    reason: Annotated[str, Meta(description="The beginning of the reason.")]
    product: Product
    tree: Annotated[str, Meta(description="First 8 bytes of the tree hash of 'to', in hex.")]
    serving: Annotated[str, Meta(description="First 8 bytes of the tree hash that serves now, in hex.")]
    held: Annotated[list[str], Meta(description="First 4 bytes of the tree hashes aboard, in hex.")]
    deploy_seconds: Annotated[float, Meta(description="From the start of the update until it was applied.")]
    outage_seconds: Annotated[float, Meta(description="From the switch until a version was healthy again.")]
    bytes_paid: Annotated[int, Meta(description="Bytes that came over the link for it.")]
    hold: Annotated[bool, Meta(description="Whether the ship's master holds the version.")]
    free_bytes: Annotated[int, Meta(description="What is free on the site's disk, in whole MiB.")]
    program: Annotated[str, Meta(description="Version of unrep aboard.")]
    time: Annotated[int, Meta(description="When, by the ship's clock, in seconds since 1970.")]
    record: Annotated[int, Meta(description="Number of the latest run on the site's record.")]
    head: Annotated[str, Meta(description="First 16 bytes of the hash of the record up to that run, in hex.")]
    before: Annotated[str, Meta(description="Mark of the receipt before this one, in hex.")]
    mark: Annotated[str, Meta(description="Mark of this receipt, in hex.")]


class GapAnswer(TypedDict):
    """Numbers that are missing."""

    first: Number
    last: Number


class ChainAnswer(TypedDict):
    """What has come of a site."""

    event: Annotated[Literal["site"], Meta(description="What the line is.")]
    site: SiteId
    receipts: Annotated[int, Meta(description="How many have come.")]
    first: Number
    last: Number
    missing: Annotated[list[GapAnswer], Meta(description="The numbers in between that have not come.")]
    forks: Annotated[list[int], Meta(description="The numbers at which there are two stories.")]


class WrongAnswer(TypedDict):
    """A file that is no receipt of a known site."""

    event: Annotated[Literal["wrong"], Meta(description="What the line is.")]
    file: Annotated[str, Meta(description="Where it was read.")]
    why: Annotated[str, Meta(description="What is wrong with it, in one sentence.")]


ANSWERS = {"receipt": ReceiptAnswer, "site": ChainAnswer, "wrong": WrongAnswer}


@click.command(
    "receipt",
    cls=Command,
    examples=[
        ("unrep receipt 12.receipt --key site.pub", "Verify a receipt with the public key of its site:"),
        ("unrep receipt mail/ --key ships/ --sites", "Look through a year of mail, a line for each ship:"),
    ],
)
@click.argument("receipts", metavar="F...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--key",
    "keys",
    metavar="K",
    required=True,
    multiple=True,
    type=click.Path(path_type=Path),
    help="A site's .unrep/site.pub, or a folder of such files. Repeat it for more.",
)
@click.option("--sites", is_flag=True, help="A line for each site alone, and none for each receipt.")
@json_lines_option(ANSWERS, "a receipt, a site or a file that is neither", version=2)
def receipt_command(receipts: tuple[Path, ...], keys: tuple[Path, ...], sites: bool, as_json: bool) -> None:
    """Verify receipts F of ships, which are files, folders or zips, and show what they say.

    Then a line for each site says which numbers are missing, and where its receipts fork: two with one number, or one
    that does not follow the one before. A fork shows a site that was copied or put back from a backup. Exit code 3 for
    forks, and for files that are no receipt of a site whose key was given. Missing ones may still be on their way.
    """
    ledger = Ledger(load_site_keys(keys))
    for name, data in gather(receipts):
        opened = ledger.read(name, data)
        if opened and not sites:
            answer({"event": "receipt", "file": name, **opened.document()}) if as_json else show(_of(name, opened))
    chains = ledger.chains()
    if len(ledger.wrong) == 1 and not chains:
        raise next(iter(ledger.wrong.values()))
    for chain in chains:
        answer(_document(chain)) if as_json else show(_summary(chain))
    for name, error in ledger.wrong.items():
        answer({"event": "wrong", "file": name, "why": str(error)}) if as_json else say(str(error))
    _check(ledger, chains)


def _of(name: str, opened: Opened) -> str:
    said = opened.receipt
    about = f"{said.product} {said.to} (tree {said.tree.hex()})" if said.to else said.product or "no release"
    reason = f"{said.code_name}: {said.reason}" if said.code else said.reason
    figures = [f"deployed in {said.deploy_ms / 1000:g} s"] if said.deploy_ms else []
    figures += [f"out of service for {said.outage_ms / 1000:g} s"] if said.outage_ms else []
    figures += [f"{said.paid:,} bytes paid"] if said.paid else []
    figures += ["held"] if said.hold else []
    clauses = [
        f"{said.outcome_name}: {about}",
        reason,
        *figures,
        f"{said.serving.hex() or 'nothing'} serves",
        f"{said.free_mib:,} MiB free",
        f"unrep {said.program}",
        f"record {said.record}",
        f"{_when(said.time)} by the ship's clock",
        f"receipt {said.number} of site {opened.site.hex()}",
    ]
    return f"{name}: " + "; ".join(clause for clause in clauses if clause)


def _when(time_s: int) -> str:
    try:
        return f"{datetime.fromtimestamp(time_s, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):  # a clock that is far off
        return f"{time_s} s after 1970"


def _summary(chain: Chain) -> str:
    first, last = chain.receipts[0].receipt, chain.latest.receipt
    missing = _listed([f"{a}" if a == b else f"{a} to {b}" for a, b in chain.missing])
    forks = _listed([str(number) for number in chain.forks])
    clauses = [
        f"site {chain.site.hex()}: {len(chain.receipts)} receipts, {first.number} to {last.number}",
        f"missing: {missing}" if missing else "none missing",
        f"forks at {forks}: the site was copied, or put back from a backup" if forks else "",
        f"latest: {last.outcome_name}, {_when(last.time)}",
    ]
    return "; ".join(clause for clause in clauses if clause)


def _listed(items: Sequence[str]) -> str:
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return ", ".join(items[:_SHOWN]) + more


def _document(chain: Chain) -> dict[str, Any]:
    return {
        "event": "site",
        "site": chain.site.hex(),
        "receipts": len(chain.receipts),
        "first": chain.receipts[0].receipt.number,
        "last": chain.latest.receipt.number,
        "missing": [{"first": first, "last": last} for first, last in chain.missing],
        "forks": chain.forks,
    }


def _check(ledger: Ledger, chains: Sequence[Chain]) -> None:
    """Raises Untrusted for what is wrong, or forks."""
    forked = [chain.site.hex() for chain in chains if chain.forks]
    counts = [f"{len(ledger.wrong)} files are no receipt of a site whose key was given"] if ledger.wrong else []
    counts += [f"the receipts of {_listed(forked)} fork"] if forked else []
    if counts:
        raise Untrusted("; ".join(counts))
