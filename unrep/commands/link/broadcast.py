"""`unrep broadcast`: a bundle to many ships at once, one way, over UDP multicast."""

from pathlib import Path
from random import SystemRandom
from typing import Annotated, TypedDict

import click
from msgspec import Meta

from bundle.host.clock import SystemClock
from bundle.read.reader import open_for_display
from transfer.broadcasting.carousel import DISTINCT_LAPS
from transfer.broadcasting.datagram import bundle_id
from transfer.broadcasting.fountain import require_codec
from transfer.broadcasting.multicast import Group, MulticastSender
from transfer.broadcasting.sending import Broadcast
from transfer.broadcasting.source import BlockSource
from transfer.disk.output import describe
from transfer.disk.whole import read_header
from unrep.terminal.answers import Seconds, json_option
from unrep.terminal.command import Command
from unrep.terminal.console import progress_bar, say, tell
from unrep.terminal.options.broadcast import group_option, interface_option
from unrep.terminal.options.quantities import parse_rate


class BroadcastAnswer(TypedDict):
    """A broadcast that has ended."""

    bundle: Annotated[str, Meta(description="Path of the bundle.")]
    bytes_total: Annotated[int, Meta(description="Length of the bundle.")]
    bytes_sent: Annotated[int, Meta(description="Bytes that were sent.")]
    datagrams: Annotated[int, Meta(description="Datagrams that were sent.")]
    seconds: Seconds


@click.command(
    "broadcast",
    cls=Command,
    examples=[
        (
            "unrep broadcast vms-2.unrep --group 239.1.2.3:4000 --rate 64k",
            "Send a bundle twice to all ships that listen, at 64,000 bytes per second:",
        )
    ],
)
@click.argument("bundle", metavar="F", type=click.Path(path_type=Path))
@group_option
@click.option(
    "--rate", metavar="R", required=True, callback=parse_rate, help="Bytes per second on the link: 8000, 256k, 1.5M."
)
@interface_option
@click.option("--ttl", type=click.IntRange(0, 255), default=1, show_default=True, help="Hops; 1: this network only.")
@click.option(
    "--rounds",
    metavar="N",
    type=click.FloatRange(min=0, min_open=True),
    default=2.0,
    show_default=True,
    help="Send about N times the bundle's length. At a loss of 30 % a ship needs some 1.6.",
)
@click.option("--forever", is_flag=True, help="Send until Ctrl-C instead.")
@json_option(BroadcastAnswer)
def broadcast_command(
    bundle: Path,
    group: Group,
    rate: int,
    interface: str | None,
    ttl: int,
    rounds: float,
    forever: bool,
    as_json: bool,
) -> None:
    """Send bundle F to a multicast group, for all ships that run 'unrep listen'. Nothing ever comes back.

    Ships may begin to listen at any time and lose whatever they lose: each completes the bundle once it has heard
    little more than its length. Needs the extra 'unrep[broadcast]'.
    """
    require_codec()
    with (
        open_for_display(bundle) as opened,
        MulticastSender(group, interface, ttl, say) as sender,
        progress_bar() as bar,
    ):
        source = BlockSource(opened, bar)
        say(f"{bundle}: {describe(opened.root)} to {group}, {rate:,} bytes per second{', until Ctrl-C' * forever}")
        first_lap = SystemRandom().randrange(DISTINCT_LAPS)
        broadcast = Broadcast(
            source,
            bundle_id(read_header(opened)),
            sender.send,
            rate,
            None if forever else rounds,
            first_lap,
            SystemClock(),
            bar,
        )
        try:
            broadcast.run()
        except KeyboardInterrupt:
            if not forever:
                raise
    sent, length = broadcast.figures(), opened.verified.total_bytes
    document: BroadcastAnswer = {
        "bundle": str(bundle),
        "bytes_total": length,
        "bytes_sent": sent.bytes,
        "datagrams": sent.datagrams,
        "seconds": round(sent.seconds, 3),
    }
    said = f"{sent.bytes:,} bytes in {sent.datagrams:,} datagrams, {sent.bytes / length:.2f} times the bundle"
    tell(as_json, document, said)
