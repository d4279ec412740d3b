"""`unrep agent`: the unattended ship; `unrep agent install`: as a service of the operating system."""

from pathlib import Path

import click

from apply.site import Site
from unrep.aboard import config_option
from unrep.agent.clock import SystemClock
from unrep.agent.journal import Event, Journal
from unrep.agent.loop import Agent
from unrep.agent.stopping import until_told_to_stop


@click.group("agent", invoke_without_command=True)
@click.option("--site", metavar="S", type=click.Path(path_type=Path), help="The site's directory.")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line, one line an event.")
@click.pass_context
def agent_command(ctx: click.Context, site: Path | None, config: Path | None, as_json: bool) -> None:
    """Keep site S up to date, unattended: ask its sources, fetch and apply, each in its windows.

    Sources, key and windows stand under [agent] in S/unrep.toml. Every event is a line on standard error. It stops when
    it is told to, by SIGTERM or Ctrl-C, at once and anywhere; the next start goes on.
    """
    if ctx.invoked_subcommand:
        return
    if site is None:
        raise click.UsageError("Missing option '--site'", ctx)
    clock = SystemClock()
    journal = Journal(clock.wall, as_json)
    with until_told_to_stop():
        Agent(Site.at(site), config, journal, clock).run()
    journal.tell(Event("stopped", "told to stop; what was under way goes on at the next start"))
