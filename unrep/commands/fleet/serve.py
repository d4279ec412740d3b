"""`unrep fleet serve`: the office's pages."""

from pathlib import Path

import click

from fleet.pages.office import Office
from fleet.pages.serving import Listening, bound, server
from unrep.terminal.command import Command
from unrep.terminal.console import say
from unrep.terminal.options.fleet import open_fleet
from unrep.terminal.options.repository import repo_option


@click.command(
    "serve",
    cls=Command,
    examples=[
        ("unrep fleet serve --repo /srv/vms", "Show the pages on this machine:"),
        (
            "unrep fleet serve --listen 0.0.0.0:8443 --name fleet.example.org --certificate f.pem --key f.key "
            "--repo /srv/vms",
            "Show them to users elsewhere, and take receipts that ships post:",
        ),
        (
            "unrep fleet serve --proxy 127.0.0.1 --name fleet.example.org --repo /srv/vms",
            "Stand behind a reverse proxy on this machine, which encrypts:",
        ),
    ],
)
@click.option("--listen", metavar="HOST:PORT", default="127.0.0.1:8300", show_default=True, help="Where to listen.")
@click.option("--name", "names", metavar="HOST", multiple=True, help="A name that users ask for; repeatable.")
@click.option(
    "--proxy", "proxies", metavar="IP", multiple=True, help="Believe this reverse proxy about its clients; repeatable."
)
@click.option("--certificate", metavar="F", type=click.Path(path_type=Path), help="Certificate for TLS, as PEM.")
@click.option("--key", metavar="F", type=click.Path(path_type=Path), help="Its private key, as PEM.")
@repo_option
def serve_command(
    listen: str,
    names: tuple[str, ...],
    proxies: tuple[str, ...],
    certificate: Path | None,
    key: Path | None,
    repo: Path,
) -> None:
    """Show the fleet in a browser: ships, releases, the rollout and figures; and figures for Prometheus.

    Without users only this machine can read, and nobody can change anything. Ships may post their receipts to
    /receipts. The pages stop the rollout and let it go on; they never sign.
    """
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65_535:
        raise click.BadParameter(f"{listen!r} is no HOST:PORT, such as 127.0.0.1:8300", param_hint="--listen")
    listening = Listening(host, int(port), names, proxies, certificate, key)
    with open_fleet(repo) as fleet:
        office = Office(fleet.opened.repository, fleet.database, fleet.product)
        made = server(office, listening)
        with bound(listening) as socket:
            scheme = "https" if certificate else "http"
            say(f"{scheme}://{host}:{socket.getsockname()[1]}/ shows {fleet.product}; end it with Ctrl-C")
            made.run([socket])
