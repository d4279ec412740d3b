"""`unrep page`: the mate's page, on this machine alone."""

from pathlib import Path

import click

from apply.site.layout import Site
from bundle.host.clock import SystemClock
from unrep.agent.stopping import until_told_to_stop
from unrep.mate.pin import has_pin
from unrep.page.server import PageServer
from unrep.terminal.command import Command
from unrep.terminal.console import say
from unrep.terminal.options.site import config_option, configuration, site_option


@click.command(
    "page",
    cls=Command,
    examples=[("unrep page --site /opt/vms", "Show the mate's page on this machine, until Ctrl-C:")],
)
@site_option
@config_option
@click.option(
    "--port", metavar="P", type=click.IntRange(0, 65535), help="Instead of page.port of S/unrep.toml; 0: any free one."
)
def page_command(site: Path, config: Path | None, port: int | None) -> None:
    """Show a page for the mate of site S in the browsers of this machine: how it stands, and three buttons.

    The buttons take in a stick, hold the running version, and go back. Each asks for the PIN that 'unrep init' sets.
    Nobody else on the network can see the page. With page.by_agent in S/unrep.toml, 'unrep agent' shows it.
    """
    place = Site.at(site)
    settings = configuration(site, config)
    with PageServer(place, settings.page.port if port is None else port, SystemClock(), config) as server:
        say(f"{place.root}: the mate's page is at {server.url} until Ctrl-C")
        if not has_pin(place):
            say("no PIN is set, so its buttons do nothing; 'unrep init SITE --pin-file F' sets one")
        with until_told_to_stop():
            server.serve_forever(poll_interval=0.1)
        if server.jobs.is_busy:
            say("what a button has begun goes on to its end")
        server.jobs.wait()
    say("stopped")
