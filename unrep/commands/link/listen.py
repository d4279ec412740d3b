"""`unrep listen`: a bundle off the air, without a word back."""

from pathlib import Path

import click

from bundle.errors import BundleError
from bundle.host.clock import SystemClock
from transfer.broadcasting.fountain import require_codec
from transfer.broadcasting.listening import Heard, Listen
from transfer.broadcasting.multicast import Group, MulticastReceiver
from transfer.disk.output import describe
from transfer.errors import TransferError
from unrep.holdings import site_holdings, whom_to_trust
from unrep.terminal.aboard import json_option, trust_option
from unrep.terminal.broadcast_options import group_option, interface_option
from unrep.terminal.console import answer, progress_bar, say
from unrep.terminal.pinning import pinned_at


@click.command("listen")
@group_option
@trust_option
@click.option("--out", metavar="F", required=True, type=click.Path(path_type=Path), help="Where the bundle goes.")
@click.option("--site", metavar="S", type=click.Path(path_type=Path), help="Keep only what this site needs.")
@click.option(
    "--allow-full", is_flag=True, help="Accept the full release where no delta starts from one that the site holds."
)
@interface_option
@click.option(
    "--timeout",
    metavar="S",
    type=click.FloatRange(min=0, min_open=True),
    help="Stop after so many seconds. Without it, listen until the bundle is complete.",
)
@json_option
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
    """Receive a bundle that 'unrep broadcast' sends to a multicast group; nothing is ever sent back.

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
            try:
                heard = listen.run()
            except (TransferError, BundleError) as error:
                error.document = heard_document(listen.figures())
                raise
            except KeyboardInterrupt as error:
                stopped = click.Abort()  # as click would make of it, but with the figures
                vars(stopped)["document"] = heard_document(listen.figures())
                raise stopped from error
    say(_summary(heard))
    if as_json:
        answer(heard_document(heard))


def _summary(heard: Heard) -> str:
    what = f"{heard.path}: {describe(heard.root)}, complete" if heard.root else f"{heard.path}: complete"
    if heard.bytes_resumed == heard.bytes_needed:
        return f"{what}: all of it was there already"
    return (
        f"{what}: {heard.bytes_received:,} bytes heard for {heard.bytes_needed:,} needed of {heard.bytes_total:,}, "
        f"{heard.bytes_resumed:,} were there already, in {heard.seconds:.1f} s"
    )


def heard_document(heard: Heard) -> dict[str, object]:
    """The figures of a call as one JSON object."""
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
