"""`unrep listen`: receives a bundle that is broadcast, and sends nothing."""

from pathlib import Path
from typing import Annotated, TypedDict

import click
from msgspec import Meta

from bundle.host.clock import SystemClock
from transfer.broadcasting.fountain import require_codec
from transfer.broadcasting.listening import Heard, Listen
from transfer.broadcasting.multicast import Group, MulticastReceiver
from transfer.disk.output import describe
from unrep.receiving.holdings import site_holdings, whom_to_trust
from unrep.terminal.answers import Seconds, json_option
from unrep.terminal.command import Command
from unrep.terminal.console import progress_bar, say, tell
from unrep.terminal.fetch_report import figures_in_errors
from unrep.terminal.options.broadcast import group_option, interface_option
from unrep.terminal.options.output import allow_full_option, for_site_option, output_option
from unrep.terminal.options.product import pinned_at
from unrep.terminal.options.site import trust_option


class ListenAnswer(TypedDict):
    """What was heard of a broadcast; figures count bytes."""

    path: Annotated[str, Meta(description="The output.")]
    complete: Annotated[bool, Meta(description="Whether all that is needed is there.")]
    bytes_total: Annotated[int, Meta(description="Length of the bundle.")]
    bytes_needed: Annotated[int, Meta(description="Of those: header and chosen sections.")]
    bytes_verified: Annotated[int, Meta(description="Of the needed bytes: those that are there, verified.")]
    bytes_resumed: Annotated[int, Meta(description="Of the needed bytes: those that were there, verified, before.")]
    bytes_received: Annotated[int, Meta(description="All that was heard.")]
    datagrams: Annotated[int, Meta(description="Datagrams that were heard.")]
    blocks_anew: Annotated[int, Meta(description="How often a block was not what was signed, and began again.")]
    seconds: Seconds


@click.command(
    "listen",
    cls=Command,
    examples=[
        (
            "unrep listen --group 239.1.2.3:4000 --site /opt/vms --out vms-2.unrep",
            "Receive a bundle by multicast, but only the part that this ship needs:",
        )
    ],
)
@group_option
@trust_option
@output_option
@for_site_option("Keep")
@allow_full_option
@interface_option
@click.option(
    "--timeout",
    metavar="S",
    type=click.FloatRange(min=0, min_open=True),
    help="Stop after so many seconds. Without it, listen until the bundle is complete.",
)
@json_option(ListenAnswer)
def listen_command(
    group: Group,
    trust: Path | None,
    out: Path,
    site: Path | None,
    allow_full: bool,
    interface: str | None,
    timeout: float | None,
    as_json: bool,
) -> None:
    """Receive a bundle that 'unrep broadcast' sends to a multicast group. Nothing is ever sent back.

    The first bundle on the group that is trusted and fits is received. Every piece is verified before it is kept.
    After anything that stops it, the same command goes on where it was, and 'unrep fetch' with the same --out brings
    only what is missing. Needs the extra 'unrep[broadcast]'.
    """
    require_codec()
    keys = whom_to_trust(trust, site, "listen")
    with progress_bar() as bar:
        holdings = site_holdings(site, keys, bar, pinned_at(site)) if site else None
        with MulticastReceiver(group, interface) as receiver:
            say(f"listening on {group}")
            listen = Listen(receiver.receive, keys, out, holdings, allow_full, timeout, SystemClock(), bar, say)
            with figures_in_errors(lambda: _document(listen.figures())):
                heard = listen.run()
    tell(as_json, _document(heard), _summary(heard))


def _summary(heard: Heard) -> str:
    what = f"{heard.path}: {describe(heard.root)}, complete" if heard.root else f"{heard.path}: complete"
    if heard.bytes_resumed == heard.bytes_needed:
        return f"{what}: all of it was there already"
    return (
        f"{what}: {heard.bytes_received:,} bytes heard for {heard.bytes_needed:,} needed of {heard.bytes_total:,}, "
        f"{heard.bytes_resumed:,} were there already, in {heard.seconds:.1f} s"
    )


def _document(heard: Heard) -> ListenAnswer:
    return {
        "path": str(heard.path),
        "complete": heard.complete,
        "bytes_total": heard.bytes_total,
        "bytes_needed": heard.bytes_needed,
        "bytes_verified": heard.bytes_verified,
        "bytes_resumed": heard.bytes_resumed,
        "bytes_received": heard.bytes_received,
        "datagrams": heard.datagrams,
        "blocks_anew": heard.blocks_anew,
        "seconds": round(heard.seconds, 3),
    }
