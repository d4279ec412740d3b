"""`unrep agent`: the unattended ship; `unrep agent install`: as a service of the operating system."""

import os
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypedDict

import click
from msgspec import Meta

from apply.site.layout import Site
from bundle.host.clock import SystemClock
from bundle.version import VERSION
from unrep.agent import events
from unrep.agent.journal import EVENTS, Journal
from unrep.agent.loop import Agent
from unrep.agent.probe import check_alive, probe
from unrep.agent.service import access_list, systemd, windows_service
from unrep.agent.service.accounts import LOCAL_SYSTEM, posix_account, windows_account
from unrep.agent.service.event_source import register_event_source
from unrep.agent.service.installing import agent_argv, renewal_argv, renewal_name, service_name
from unrep.agent.settings import read_settings
from unrep.agent.stopping import until_told_to_stop
from unrep.errors import UsageRefused
from unrep.page.beside import page_beside
from unrep.renewing.home import home_site
from unrep.renewing.installing import LAUNCH, check_home, complete_configuration, write_launchers
from unrep.renewing.windows_installing import remove_old_launchers
from unrep.terminal.answers import json_lines_option, json_option
from unrep.terminal.command import Command, CommandGroup
from unrep.terminal.console import show, tell
from unrep.terminal.exit_codes import ExitCode
from unrep.terminal.options.site import SITE_VARIABLE, config_option, site_option


class InstalledAnswer(TypedDict):
    """The agent as a service of the operating system."""

    service: Annotated[str, Meta(description="Name of the service.")]
    unit: Annotated[str | None, Meta(description="Path of the systemd unit; null on Windows.")]
    timer: Annotated[
        str | None,
        Meta(
            description="What renews unrep: path of the timer, on Windows name of the service; null where unrep has no "
            "site of its own."
        ),
    ]
    changed: Annotated[bool, Meta(description="Whether anything had to be written.")]
    account: Annotated[str | None, Meta(description="The account that it runs as; null for root.")]
    start: Annotated[str, Meta(description="The command that starts it.")]


@click.group(
    "agent",
    cls=CommandGroup,
    invoke_without_command=True,
    examples=[
        ("unrep agent --site /opt/vms", "Keep a site up to date until Ctrl-C:"),
        ("unrep agent --site /opt/vms --once", "Make one round, from a scheduler of your own:"),
    ],
)
@click.option(
    "--site", metavar="S", envvar=SITE_VARIABLE, type=click.Path(path_type=Path), help="The site's directory."
)
@config_option
@click.option("--once", is_flag=True, help="Make one round, and end: for a scheduler of your own.")
@click.option("--probe", "probes", is_flag=True, help="Only try whether this unrep could be the agent; write nothing.")
@click.option(
    "--alive",
    metavar="S",
    type=click.FloatRange(min=0),
    help="Only ask whether the agent of the site is this very unrep, and has lived for S seconds.",
)
@click.option("--until-input-ends", is_flag=True, hidden=True, help="Stop at the end of standard input [A-238].")
@json_lines_option(EVENTS, "an event")
@click.pass_context
def agent_command(
    ctx: click.Context,
    site: Path | None,
    config: Path | None,
    once: bool,
    probes: bool,
    alive: float | None,
    until_input_ends: bool,
    as_json: bool,
) -> None:
    """Keep site S up to date, unattended: ask its sources, fetch and apply, each in its time windows.

    Sources, key and windows are set under [agent] in S/unrep.toml. Every event is a line on standard error. SIGTERM and
    Ctrl-C stop the agent at once; the next start goes on where it was. With --once the exit code is 8 where nothing
    leads to the release that the channel names.
    """
    if ctx.invoked_subcommand:
        return
    if probes:
        count = probe(site, config)
        show(f"unrep {VERSION}: {count} modules can be imported{f', and {site} be read' if site else ''}")
        return
    if site is None:
        raise click.UsageError("Missing option '--site'", ctx)
    place, clock = Site.at(site), SystemClock()
    if alive is not None:
        check_alive(place, alive, clock.wall())
        show(f"{place.root}: its agent is this unrep, {VERSION}")
        return
    journal = Journal(clock.wall, as_json)
    with until_told_to_stop(input_tells=until_input_ends), nullcontext() if once else page_beside(place, config, clock):
        agent = Agent(place, config, journal, clock)
        if once:
            ctx.exit(ExitCode.STRANDED if agent.run_once().out_of_reach else ExitCode.DONE)
        agent.run()
    journal.report(events.stopped())


@agent_command.command(
    "install",
    cls=Command,
    examples=[
        ("unrep agent install --site /opt/vms", "Write the systemd unit, or register the Windows service:"),
        ("unrep agent install --site /opt/vms --account vms", "Let the agent run as a user with fewer rights:"),
    ],
)
@site_option
@config_option
@click.option("--to", metavar="F", type=click.Path(path_type=Path), help="Write the systemd unit to this file instead.")
@click.option(
    "--account",
    metavar="A",
    help="Run as this user; on Windows LocalService, NetworkService, the service's own or a group managed account. "
    "Default: root, LocalSystem.",
)
@json_option(InstalledAnswer)
def install_command(site: Path, config: Path | None, to: Path | None, account: str | None, as_json: bool) -> None:
    """Make the agent of site S a service: a systemd unit, or a Windows service. Run again after any change.

    It is not started yet; how to do that is said. The configuration must be complete before, and nobody but the
    agent's account and root may be able to change it. On Windows the site's access list is set so.
    """
    place = Site.at(site)
    read_settings(place, config, posix_account(account, place))
    name = service_name(place)
    if os.name == "nt":
        if to:
            raise UsageRefused("--to: a Windows service is registered, and has no file; leave it out")
        registered, said = _register(place, config, account, name)
        tell(as_json, registered, *said)
        return
    argv = agent_argv(place, config, name)
    unit = to or systemd.STANDARD_DIRECTORY / f"{name}.service"
    text = systemd.unit_text(argv, place.root, account or "")
    home = home_site()
    renewal = _install_renewal(home, place, unit.parent) if home else None
    written = systemd.write_unit(unit, text)
    start = f"systemctl daemon-reload && systemctl enable --now {unit.name}"
    document: InstalledAnswer = {
        "service": unit.stem,
        "unit": str(unit),
        "timer": str(renewal.timer) if renewal else None,
        "changed": written or (renewal is not None and renewal.changed),
        "account": account,
        "start": start,
    }
    first = f"{unit}: {'written' if written else 'is as it should be already'}"
    tell(as_json, document, *(renewal.said if renewal else ()), first, f"start it with: {start}")


def _register(site: Site, config: Path | None, account: str | None, name: str) -> tuple[InstalledAnswer, list[str]]:
    """The services of Windows, the access lists and the source of events; the answer, and what is said."""
    runs_as = windows_account(account, name)
    site.make_directories()
    said = []
    home = home_site()
    if home:
        said += _register_renewal(home, site)
    windows_service.register(name, agent_argv(site, config, name), f"Keeps {site.root} up to date", runs_as)
    access_list.close_off(site, runs_as)
    said.append(f"{site.root}: administrators and {runs_as} may write there, users read; .unrep is closed to users")
    if register_event_source():
        said.append("the event log knows the source unrep, for [log] target")
    said.append(f"service {name} is registered; start it with: sc start {name}")
    answer: InstalledAnswer = {
        "service": name,
        "unit": None,
        "timer": renewal_name(home) if home else None,
        "changed": True,
        "account": runs_as,
        "start": f"sc start {name}",
    }
    return answer, said


def _register_renewal(home: Site, site: Site) -> list[str]:
    """As `_install_renewal`, on Windows: what the launcher holds open there is left to the next call [A-237]."""
    home.make_directories()
    said = [f"{home.root / LAUNCH}: starts the unrep that is current; add it to the PATH for 'unrep'"]
    if complete_configuration(home, site):
        said.append(f"{home.root / 'unrep.toml'}: says now how a new unrep is judged")
    write_launchers(home)
    name = renewal_name(home)
    windows_service.register(name, renewal_argv(home, site), f"Renews unrep at {home.root}", LOCAL_SYSTEM)
    access_list.close_off(home, LOCAL_SYSTEM)
    remove_old_launchers(home.root / LAUNCH)
    said.append(f"service {name} renews it; start it with: sc start {name}")
    return said


@dataclass(frozen=True)
class _Renewal:
    """What renews unrep. `changed`: whether anything had to be written. `said`: in words."""

    timer: Path
    changed: bool
    said: list[str]


def _install_renewal(home: Site, site: Site, folder: Path) -> _Renewal:
    """This unrep is a release at a site of its own: what starts it, and what renews it [A-232].

    Raises UsageRefused, ConfigError, StorageFailed; Unguarded for root, whom the timer lets run what is there [A-103].
    """
    check_home(home)
    name = renewal_name(home)
    texts = systemd.renewal_texts(renewal_argv(home, site), home.root, site.root)
    configured = complete_configuration(home, site)  # the first, for it may be refused
    changed = write_launchers(home)
    said = [f"{home.root / LAUNCH}: starts the unrep that is current; link its 'unrep' into a directory of PATH"]
    if configured:
        said.append(f"{home.root / 'unrep.toml'}: says now how a new unrep is judged")
    for ending, text in zip(("service", "timer"), texts, strict=True):
        changed |= systemd.write_unit(folder / f"{name}.{ending}", text)
    timer = folder / f"{name}.timer"
    said.append(f"{timer}: renews it; start it with: systemctl enable --now {name}.timer")
    return _Renewal(timer, changed or configured, said)
