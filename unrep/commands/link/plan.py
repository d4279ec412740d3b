"""`unrep plan`: what a fetch would cost, known before it begins."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypedDict

import click
from msgspec import Meta

from bundle.host.progress import Quiet
from bundle.read.reader import VerifiedRoot, stored_bytes
from transfer.channels.bundle_path import BundlePath, all_paths, find_path
from transfer.channels.survey import follows_channel
from transfer.config import TransferConfig
from transfer.disk.output import describe
from transfer.fetch.estimate import BYTES_PER_MB, Estimate, estimate
from transfer.fetch.path_fetch import place_of
from transfer.links.access import is_url
from transfer.links.opening import open_sources
from transfer.plan import SiteHoldings
from transfer.scheduling.prefix_reader import PrefixReader
from unrep.receiving.fetch_session import FetchSession
from unrep.receiving.holdings import site_holdings, whom_to_trust
from unrep.receiving.link_rate import read_rate
from unrep.terminal.answers import Product, SectionAnswer, Seq, Version, json_option
from unrep.terminal.command import Command
from unrep.terminal.console import say, tell
from unrep.terminal.options.access import AccessOptions, access_options
from unrep.terminal.options.output import allow_full_option, channel_option, for_site_option
from unrep.terminal.options.product import pinned_at, product_option
from unrep.terminal.options.quantities import parse_rate
from unrep.terminal.options.site import trust_option

_NOWHERE = Path("unrep-plan")  # no output: a name beside which nothing is written


class StepAnswer(TypedDict):
    """A bundle on the way."""

    file: Annotated[str, Meta(description="Name of the bundle.")]
    version: Version
    seq: Seq
    base: Annotated[str | None, Meta(description="Tree that its delta starts from, in hex; null for none.")]
    bytes: Annotated[int, Meta(description="What is fetched of it.")]
    bytes_paid: Annotated[int, Meta(description="Of those: what comes over a network.")]


class WayAnswer(TypedDict):
    """A way to the release, and what it takes."""

    steps: Annotated[list[StepAnswer], Meta(description="The bundles, in their order.")]
    bytes: Annotated[int, Meta(description="What is fetched in all.")]
    bytes_paid: Annotated[int, Meta(description="Of those: what comes over a network.")]
    seconds: Annotated[float | None, Meta(description="Time that this takes; null without a rate.")]
    cost: Annotated[float | None, Meta(description="What it costs; null without --price-per-mb.")]
    needs_allow_full: Annotated[bool, Meta(description="Whether --allow-full has to be given for it.")]


class PlanAnswer(TypedDict):
    """What a fetch would ask for."""

    product: Product
    version: Version
    seq: Seq
    channel: Annotated[str | None, Meta(description="The channel that names the release; null for none.")]
    sections: Annotated[list[SectionAnswer], Meta(description="The sections that would be fetched.")]
    bytes_total: Annotated[int, Meta(description="Length of the bundles.")]
    bytes_needed: Annotated[int, Meta(description="Of those: headers and chosen sections.")]
    bytes_present: Annotated[int, Meta(description="Of the needed bytes: those that --out holds, verified.")]
    bytes_to_fetch: Annotated[int, Meta(description="Bytes that would be asked for.")]
    pieces: Annotated[int, Meta(description="Pieces that are needed.")]
    pieces_to_fetch: Annotated[int, Meta(description="Of those: pieces that would be asked for.")]
    bytes_per_s: Annotated[int | None, Meta(description="Rate that the time is computed with; null if none is known.")]
    seconds: Annotated[float | None, Meta(description="Time that the fetch would take; null without a rate.")]
    cost: Annotated[float | None, Meta(description="What it would cost; null without --price-per-mb.")]
    ways: Annotated[list[WayAnswer], Meta(description="Every way that is known, the cheapest first.")]
    bytes_received: Annotated[int, Meta(description="What this command itself received: channel files and headers.")]


@dataclass(frozen=True)
class _Terms:
    """What bytes come to on this link; None where that is not known."""

    bytes_per_s: int | None
    price_per_mb: float | None

    def seconds(self, amount: int) -> float | None:
        return round(amount / self.bytes_per_s, 1) if self.bytes_per_s else None

    def cost(self, amount: int) -> float | None:
        return round(amount * self.price_per_mb / BYTES_PER_MB, 4) if self.price_per_mb is not None else None


@dataclass(frozen=True)
class _Planned:
    """The estimates of all steps, the ways that there are, and how much was received to know that."""

    estimates: Sequence[Estimate]
    ways: Sequence[BundlePath]
    paid_bytes: int
    received_bytes: int
    channel: str | None = None

    def sum(self, name: str) -> int:
        return sum(getattr(one, name) for one in self.estimates)


@click.command(
    "plan",
    cls=Command,
    examples=[
        (
            "unrep plan https://example.com/vms/stable.channel --site /opt/vms --rate 64k --price-per-mb 7.50",
            "See which ways lead to the channel's release, and what each would cost:",
        )
    ],
)
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True)
@trust_option
@for_site_option("Count")
@click.option(
    "--out", metavar="F", type=click.Path(path_type=Path), help="Count what stands there already, or in part."
)
@product_option
@channel_option
@allow_full_option
@click.option("--rate", metavar="R", callback=parse_rate, help="Bytes per second of the link: 8000, 64k, 1.5M.")
@access_options
@click.option("--price-per-mb", metavar="X", type=click.FloatRange(min=0), help="Price of 1,000,000 bytes.")
@json_option(PlanAnswer)
def plan_command(
    sources: tuple[str, ...],
    trust: Path | None,
    site: Path | None,
    out: Path | None,
    product: str,
    channel: str,
    allow_full: bool,
    rate: int | None,
    access: AccessOptions,
    price_per_mb: float | None,
    as_json: bool,
) -> None:
    """Say what 'unrep fetch' of SOURCE would ask for: the way, bytes, pieces, time and cost, and the other ways.

    Only channel files and headers are read. Without --rate, the time is that at the rate of the last fetch for this
    site or into this output, if there was one.
    """
    session = FetchSession(
        sources=sources,
        trust=whom_to_trust(trust, site),
        config=TransferConfig(),
        site=site,
        channel=channel,
        product=pinned_at(site, product),
        allow_full=allow_full,
        access=access.read(),
        say=say,
    )
    terms = _Terms(rate or read_rate(site, out), price_per_mb)
    holdings = site_holdings(site, session.trust, Quiet(), session.product) if site else None
    planned = _plan(session, holdings, out)
    tell(as_json, _document(planned, terms), *_lines(planned, terms))


def _plan(session: FetchSession, holdings: SiteHoldings | None, out: Path | None) -> _Planned:
    """Raises as the fetch would."""
    if all(is_url(source) and not follows_channel(source) for source in session.sources):
        verified, received = _header(session, session.sources, out or _NOWHERE)
        found = estimate(verified, holdings, session.allow_full, out, session.trust)
        return _Planned([found], [], found.bytes_to_fetch, received)
    found_there = session.look(out or _NOWHERE, keep=False)
    found_there.check()
    release = session.choose(found_there, holdings)
    path = find_path(found_there.offers, holdings, release, session.allow_full)
    received, estimates, paid = found_there.received_bytes, list[Estimate](), 0
    for step in path.steps:
        verified, amount = _header(session, step.offer.places, out or _NOWHERE, step.offer.verified)
        received += amount
        there = out if out is None or step is path.steps[-1] else place_of(step, out)
        allow_full = session.allow_full or step.base is None
        found = estimate(verified, step.held(holdings), allow_full, there, session.trust)
        estimates.append(found)
        paid += min(step.paid_bytes, found.bytes_to_fetch)
    channel = found_there.channel.channel.channel if found_there.channel else None
    return _Planned(estimates, all_paths(found_there.offers, holdings, release), paid, received, channel)


def _header(
    session: FetchSession, sources: Sequence[str], output: Path, known: VerifiedRoot | None = None
) -> tuple[VerifiedRoot, int]:
    """The header of the bundle at some sources, and how many bytes came for it, if it is not known."""
    if known:
        return known, 0
    with closing(open_sources(sources, output, session.config, session.access)) as link:
        reader = PrefixReader(link, session.trust, session.config, say)
        return reader.header(), reader.received_bytes


def _lines(planned: _Planned, terms: _Terms) -> Iterator[str]:
    last = planned.estimates[-1].verified.root
    yield (
        f"{describe(last)}: {planned.sum('bytes_to_fetch'):,} bytes to fetch in {planned.sum('pieces_to_fetch'):,} of "
        f"{planned.sum('pieces'):,} pieces, {planned.sum('bytes_present'):,} are there already; "
        f"the whole bundle has {planned.estimates[-1].verified.total_bytes:,}{_priced(planned.paid_bytes, terms)}"
    )
    for number, way in enumerate(planned.ways if len(planned.ways) > 1 or len(planned.estimates) > 1 else ()):
        full = "; needs --allow-full" if way.needs_full else ""
        paid = f", {way.paid_bytes:,} of them paid" if way.paid_bytes != way.bytes else ""
        name = "  cheapest:" if number == 0 else "  or:"
        yield f"{name} {way.describe()}: {way.bytes:,} bytes{paid}{_priced(way.paid_bytes, terms)}{full}"


def _priced(amount: int, terms: _Terms) -> str:
    rate, price = terms.bytes_per_s, terms.price_per_mb
    time = f"; {amount / rate:,.0f} s at {rate:,} bytes per second" if rate else ""
    return time if price is None else f"{time}; costs {amount * price / BYTES_PER_MB:,.2f}"


def _document(planned: _Planned, terms: _Terms) -> PlanAnswer:
    root = planned.estimates[-1].verified.root
    return {
        "product": root.product,
        "version": root.version,
        "seq": root.seq,
        "channel": planned.channel,
        "sections": [
            {"kind": section.kind, "base": section.base.hex(), "bytes": stored_bytes(one.verified.root, section)}
            for one in planned.estimates
            for section in one.sections
        ],
        "bytes_total": sum(one.verified.total_bytes for one in planned.estimates),
        "bytes_needed": planned.sum("bytes_needed"),
        "bytes_present": planned.sum("bytes_present"),
        "bytes_to_fetch": planned.sum("bytes_to_fetch"),
        "pieces": planned.sum("pieces"),
        "pieces_to_fetch": planned.sum("pieces_to_fetch"),
        "bytes_per_s": terms.bytes_per_s,
        "seconds": terms.seconds(planned.paid_bytes),
        "cost": terms.cost(planned.paid_bytes),
        "ways": [_way(way, terms) for way in planned.ways],
        "bytes_received": planned.received_bytes,
    }


def _way(way: BundlePath, terms: _Terms) -> WayAnswer:
    return {
        "steps": [
            {
                "file": step.offer.said.file,
                "version": step.offer.said.release.version,
                "seq": step.offer.said.release.seq,
                "base": step.base.hex() if step.base else None,
                "bytes": step.bytes,
                "bytes_paid": step.paid_bytes,
            }
            for step in way.steps
        ],
        "bytes": way.bytes,
        "bytes_paid": way.paid_bytes,
        "seconds": terms.seconds(way.paid_bytes),
        "cost": terms.cost(way.paid_bytes),
        "needs_allow_full": way.needs_full,
    }
