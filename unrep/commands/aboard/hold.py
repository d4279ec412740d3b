"""`unrep hold` and `unrep resume`: the master keeps the running version, for a voyage leg, say."""

from dataclasses import asdict
from pathlib import Path

import click

from apply.hold import MAX_REASON_CHARACTERS, lift_hold, set_hold
from apply.record.database import read_state
from apply.site.layout import Site
from unrep.terminal.aboard import json_option, site_option
from unrep.terminal.console import answer, say


@click.command("hold")
@site_option
@click.option("--reason", metavar="R", default="", help=f"Why; the first {MAX_REASON_CHARACTERS} characters are kept.")
@json_option
def hold_command(site: Path, reason: str, as_json: bool) -> None:
    """Keep the running version at site S until 'unrep resume', whatever comes from ashore.

    Bundles are still fetched. An update that is at work stops before its switch; one that has switched already is
    decided by its health. 'unrep rollback' works as ever, and 'unrep apply --override' applies all the same.
    """
    place = Site.at(site)
    held, state = set_hold(place, reason), read_state(place)
    say(f"{place.root}: {held}; version {state.current_version or '(none)'} stays until 'unrep resume'")
    if state.pending:
        say(f"version {state.pending.version} is on trial already; its health decides, 'unrep rollback' gives it up")
    if as_json:
        answer({"hold": asdict(held), "current": state.current_version or None})


@click.command("resume")
@site_option
@json_option
def resume_command(site: Path, as_json: bool) -> None:
    """Let releases come in again at site S; harmless where nothing is held."""
    place = Site.at(site)
    lifted = lift_hold(place)
    say(f"{place.root}: releases may come in again (was {lifted})" if lifted else f"{place.root}: nothing was held")
    if as_json:
        answer({"lifted": asdict(lifted) if lifted else None})
