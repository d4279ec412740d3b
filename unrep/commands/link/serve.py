"""`unrep serve`: a directory of bundles over HTTP, and over UDP, for fleets that have no other server."""

import signal
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Final

import click

from transfer.pull.answering import PullCounts
from transfer.serving.metrics import MetricsFile
from transfer.serving.pull_server import PullServer
from transfer.serving.server import BundleServer
from unrep.errors import UsageRefused
from unrep.terminal.command import Command
from unrep.terminal.console import say
from unrep.terminal.options.quantities import parse_rate

_THIS_MACHINE: Final = "127.0.0.1"


@click.command(
    "serve",
    cls=Command,
    examples=[
        ("unrep serve published --bind 0.0.0.0 --port 8080", "Serve a published directory to the whole network:"),
        (
            "unrep serve published --bind 0.0.0.0 --udp --udp-rate 2M",
            "Also over UDP, at most 2 MB a second for all ships together:",
        ),
    ],
)
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--port", metavar="P", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0: any that is free."
)
@click.option(
    "--bind", metavar="A", default=_THIS_MACHINE, show_default=True, help="Address to listen on; 0.0.0.0: all."
)
@click.option("--udp", "with_udp", is_flag=True, help="Also answer udp:// on that port: fast where packets get lost.")
@click.option(
    "--udp-rate", metavar="R", callback=parse_rate, help="Bytes per second over UDP at most, for all ships: 500k, 2M."
)
@click.option(
    "--metrics",
    metavar="F",
    type=click.Path(path_type=Path),
    help="Write figures to F every 15 s, for Prometheus' node_exporter.",
)
def serve_command(
    directory: Path, port: int, bind: str, with_udp: bool, udp_rate: int | None, metrics: Path | None
) -> None:
    """Serve the files of DIR over HTTP, with ranges, until Ctrl-C or SIGTERM.

    There is no listing and no encryption: every bundle is verified by who fetches it. Served are bundles, volumes,
    channel files, tickets, heartbeats, trust files and public keys, by what stands in them. Nothing else is, and
    nothing hidden or outside DIR.
    """
    if udp_rate is not None and not with_udp:
        raise UsageRefused("--udp-rate: is for --udp; give that as well")
    with (
        BundleServer(directory, bind, port) as server,
        _udp(directory, bind, server, udp_rate, with_udp) as pull,
        closing(MetricsFile(metrics, server, pull)) if metrics else nullcontext(),
    ):
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
        say(f"{directory}: served at {server.url} until Ctrl-C")
        if bind == _THIS_MACHINE:
            say("for this machine alone; --bind 0.0.0.0 serves the whole network")
        server.serve_forever(poll_interval=0.1)
    say("stopped")


@contextmanager
def _udp(
    directory: Path, bind: str, http: BundleServer, rate: int | None, is_wanted: bool
) -> Iterator[PullCounts | None]:
    """Answers over UDP meanwhile, and says in the end what was sent."""
    if not is_wanted:
        yield None
        return
    server = PullServer(directory, bind, http.server_port, rate)
    server.start()
    http.udp_port = http.server_port
    say(f"{directory}: served at {http.url.replace('http:', 'udp:')} as well")
    try:
        yield server.counts
    finally:
        server.close()
        counts = server.counts
        say(
            f"udp: {counts.requests:,} requests, {counts.sent_bytes:,} bytes sent, {counts.refused:,} refused, "
            f"{counts.dropped:,} dropped, {counts.malformed:,} not understood"
        )
