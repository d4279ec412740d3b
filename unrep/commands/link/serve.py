"""`unrep serve`: a directory of bundles over HTTP, for tests and small fleets."""

import signal
import threading
from pathlib import Path

import click

from transfer.serving.server import BundleServer
from unrep.terminal.command import Command
from unrep.terminal.console import say


@click.command(
    "serve",
    cls=Command,
    examples=[
        ("unrep serve published --bind 0.0.0.0 --port 8080", "Serve a published directory to the whole network:"),
    ],
)
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--port", metavar="P", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0: any that is free."
)
@click.option("--bind", metavar="A", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0: all.")
def serve_command(directory: Path, port: int, bind: str) -> None:
    """Serve the files of DIR over HTTP, with ranges, until Ctrl-C or SIGTERM.

    There is no listing and no encryption: every bundle is verified by who fetches it. Served are bundles, volumes,
    pointers, tickets, heartbeats, trust files and public keys, by what stands in them; nothing else, and nothing hidden
    or outside DIR.
    """
    with BundleServer(directory, bind, port) as server:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
        say(f"{directory}: served at {server.url} until Ctrl-C")
        server.serve_forever(poll_interval=0.1)
    say("stopped")
