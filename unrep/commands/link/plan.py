"""`unrep plan`: what a fetch would cost, known before it begins."""

from contextlib import closing
from pathlib import Path
from typing import Annotated, TypedDict

import click
from msgspec import Meta

from bundle.host.progress import Quiet
from bundle.read.reader import stored_bytes
from transfer.config import TransferConfig
from transfer.disk.output import describe
from transfer.fetch.estimate import Estimate, estimate
from transfer.links.opening import open_sources
from transfer.publishing.prefix_reader import PrefixReader
from transfer.publishing.resolve import resolve
from unrep.receiving.holdings import site_holdings, whom_to_trust
from unrep.receiving.link_rate import read_rate
from unrep.terminal.answers import Product, SectionAnswer, Seq, Version, json_option
from unrep.terminal.command import Command
from unrep.terminal.console import answer, say
from unrep.terminal.options.output import allow_full_option, for_site_option
from unrep.terminal.options.product import pinned_at
from unrep.terminal.options.quantities import parse_rate
from unrep.terminal.options.site import AccessOptions, access_options, trust_option

_NOWHERE = Path("unrep-plan")  # no output: a name beside which nothing is written


class PlanAnswer(TypedDict):
    """What a fetch would ask for."""

    product: Product
    version: Version
    seq: Seq
    sections: Annotated[list[SectionAnswer], Meta(description="The sections that would be fetched.")]
    bytes_total: Annotated[int, Meta(description="Length of the bundle.")]
    bytes_needed: Annotated[int, Meta(description="Of those: header and chosen sections.")]
    bytes_present: Annotated[int, Meta(description="Of the needed bytes: those that --out holds, verified.")]
    bytes_to_fetch: Annotated[int, Meta(description="Bytes that would be asked for.")]
    pieces: Annotated[int, Meta(description="Pieces that are needed.")]
    pieces_to_fetch: Annotated[int, Meta(description="Of those: pieces that would be asked for.")]
    bytes_per_s: Annotated[int | None, Meta(description="Rate that the time is computed with; null if none is known.")]
    seconds: Annotated[float | None, Meta(description="Time that the fetch would take; null without a rate.")]
    cost: Annotated[float | None, Meta(description="What it would cost; null without --price-per-mb.")]
    bytes_received: Annotated[int, Meta(description="What this command itself received: pointer and header.")]


@click.command(
    "plan",
    cls=Command,
    examples=[
        (
            "unrep plan https://example.com/vms/latest --site /opt/vms --rate 64k --price-per-mb 7.50",
            "See what the newest release would cost this ship:",
        )
    ],
)
@click.argument("source", metavar="SOURCE")
@trust_option
@for_site_option("Count")
@click.option(
    "--out", metavar="F", type=click.Path(path_type=Path), help="Count what stands there already, or in part."
)
@allow_full_option
@click.option("--rate", metavar="R", callback=parse_rate, help="Bytes per second of the link: 8000, 64k, 1.5M.")
@access_options
@click.option("--price-per-mb", metavar="X", type=click.FloatRange(min=0), help="Price of 1,000,000 bytes.")
@json_option(PlanAnswer)
def plan_command(
    source: str,
    trust: Path | None,
    site: Path | None,
    out: Path | None,
    allow_full: bool,
    rate: int | None,
    access: AccessOptions,
    price_per_mb: float | None,
    as_json: bool,
) -> None:
    """Say what 'unrep fetch' of SOURCE would ask for: bytes, pieces, time and cost. Only the header is read.

    Without --rate, the time is that at the rate of the last fetch for this site or into this output, if there was one.
    """
    keys, config, opened = whom_to_trust(trust, site), TransferConfig(), access.read()
    rate = rate or read_rate(site, out)
    holdings = site_holdings(site, keys, Quiet(), pinned_at(site)) if site else None
    output = out or _NOWHERE
    resolved = resolve(source, keys, output, config, say, opened)
    with closing(open_sources([resolved.source], output, config, opened)) as link:
        reader = PrefixReader(link, keys, config, say)
        verified = reader.header()
    if resolved.pointer:
        resolved.pointer.check(verified.root, resolved.source)
    found = estimate(verified, holdings, allow_full, out, keys)
    say(_summary(found, rate, price_per_mb))
    if as_json:
        received = resolved.received_bytes + reader.received_bytes
        answer(_document(found, rate, price_per_mb, received))


def _summary(found: Estimate, rate: int | None, price: float | None) -> str:
    said = (
        f"{describe(found.verified.root)}: {found.bytes_to_fetch:,} bytes to fetch in {found.pieces_to_fetch:,} of "
        f"{found.pieces:,} pieces, {found.bytes_present:,} are there already; "
        f"the whole bundle has {found.verified.total_bytes:,}"
    )
    if rate:
        said += f"; {found.seconds(rate):,.0f} s at {rate:,} bytes per second"
    if price is not None:
        said += f"; costs {found.cost(price):,.2f}"
    return said


def _document(found: Estimate, rate: int | None, price: float | None, received: int) -> PlanAnswer:
    root = found.verified.root
    return {
        "product": root.product,
        "version": root.version,
        "seq": root.seq,
        "sections": [
            {"kind": section.kind, "base": section.base.hex(), "bytes": stored_bytes(root, section)}
            for section in found.sections
        ],
        "bytes_total": found.verified.total_bytes,
        "bytes_needed": found.bytes_needed,
        "bytes_present": found.bytes_present,
        "bytes_to_fetch": found.bytes_to_fetch,
        "pieces": found.pieces,
        "pieces_to_fetch": found.pieces_to_fetch,
        "bytes_per_s": rate,
        "seconds": round(found.seconds(rate), 1) if rate else None,
        "cost": round(found.cost(price), 4) if price is not None else None,
        "bytes_received": received,
    }
