"""`unrep plan`: what a fetch would cost, before a byte of it is paid for."""

from contextlib import closing
from pathlib import Path

import click

from bundle.host.progress import Quiet
from bundle.read.reader import stored_bytes
from transfer.config import TransferConfig
from transfer.disk.output import describe
from transfer.fetch.estimate import Estimate, estimate
from transfer.links.access import read_access
from transfer.links.opening import open_sources
from transfer.publishing.prefix_reader import PrefixReader
from transfer.publishing.resolve import resolve
from unrep.holdings import site_holdings, whom_to_trust
from unrep.link_rate import recall_rate
from unrep.terminal.aboard import access_options, json_option, trust_option
from unrep.terminal.console import answer, say
from unrep.terminal.pinning import pinned_at
from unrep.terminal.quantities import parse_rate

_NOWHERE = Path("unrep-plan")  # no output: a name beside which nothing is written


@click.command("plan")
@click.argument("source", metavar="SOURCE")
@trust_option
@click.option("--site", metavar="S", type=click.Path(path_type=Path), help="Only what this site needs.")
@click.option(
    "--out", metavar="F", type=click.Path(path_type=Path), help="Count what stands there already, or in part."
)
@click.option(
    "--allow-full", is_flag=True, help="Accept the full release where no delta starts from one that the site holds."
)
@click.option("--rate", metavar="R", callback=parse_rate, help="Bytes per second of the link: 8000, 64k, 1.5M.")
@access_options
@click.option("--price-per-mb", metavar="X", type=click.FloatRange(min=0), help="Price of 1,000,000 bytes.")
@json_option
def plan_command(
    source: str,
    trust: Path | None,
    site: Path | None,
    out: Path | None,
    allow_full: bool,
    rate: int | None,
    auth_file: Path | None,
    ca_file: Path | None,
    proxy: str | None,
    price_per_mb: float | None,
    as_json: bool,
) -> None:
    """Say what 'unrep fetch' of SOURCE would ask for: bytes, pieces, time and cost. Only the header is read.

    Without --rate, the time is that at the rate of the last fetch for this site or into this output, if there was one.
    """
    keys, config, access = whom_to_trust(trust, site), TransferConfig(), read_access(auth_file, ca_file, proxy)
    rate = rate or recall_rate(site, out)
    holdings = site_holdings(site, keys, Quiet(), pinned_at(site)) if site else None
    output = out or _NOWHERE
    resolved = resolve(source, keys, output, config, say, access)
    with closing(open_sources([resolved.source], output, config, access)) as link:
        reader = PrefixReader(link, keys, config, say)
        verified = reader.header()
    if resolved.pointer:
        resolved.pointer.check(verified.root, resolved.source)
    found = estimate(verified, holdings, allow_full, out, keys)
    say(_summary(found, rate, price_per_mb))
    if as_json:
        received = resolved.received_bytes + reader.received_bytes
        answer(_document(found, rate, price_per_mb) | {"bytes_received": received})


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


def _document(found: Estimate, rate: int | None, price: float | None) -> dict[str, object]:
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
    }
