"""`unrep hold` and `unrep resume`: the master keeps the running version, for a voyage leg, say."""

from pathlib import Path
from typing import Annotated, TypedDict

import click
from msgspec import Meta

from apply.hold import MAX_REASON_CHARACTERS, lift_hold, set_hold
from apply.record.database import read_state
from apply.site.layout import Site
from unrep.terminal.answers import json_option
from unrep.terminal.command import Command
from unrep.terminal.console import say, tell
from unrep.terminal.options.site import site_option
from unrep.terminal.site_answers import HoldAnswer, hold_answer


class HeldAnswer(TypedDict):
    """A hold that was set."""

    hold: Annotated[HoldAnswer | None, Meta(description="The hold.")]
    current: Annotated[str | None, Meta(description="The version that stays; null for none.")]


class ResumeAnswer(TypedDict):
    """A hold that was lifted."""

    lifted: Annotated[HoldAnswer | None, Meta(description="The hold; null if there was none.")]


@click.command(
    "hold",
    cls=Command,
    examples=[("unrep hold --site /opt/vms --reason 'until we are through the canal'", "Keep the running version:")],
)
@site_option
@click.option("--reason", metavar="R", default="", help=f"Why; the first {MAX_REASON_CHARACTERS} characters are kept.")
@json_option(HeldAnswer)
def hold_command(site: Path, reason: str, as_json: bool) -> None:
    """Keep the running version at site S until 'unrep resume', whatever comes from ashore.

    Bundles are still fetched. An update that is at work stops before its switch; one that has switched already is
    decided by its health. 'unrep rollback' works as ever, and 'unrep apply --override' applies all the same.
    """
    place = Site.at(site)
    held, state = set_hold(place, reason), read_state(place)
    if state.pending:
        say(f"version {state.pending.version} is on trial already; its health decides, 'unrep rollback' gives it up")
    tell(
        as_json,
        HeldAnswer(hold=hold_answer(held), current=state.current_version or None),
        f"{place.root}: {held}; version {state.current_version or '(none)'} stays until 'unrep resume'",
    )


@click.command("resume", cls=Command, examples=[("unrep resume --site /opt/vms", "Let updates come in again:")])
@site_option
@json_option(ResumeAnswer)
def resume_command(site: Path, as_json: bool) -> None:
    """Let updates come in again at site S. Harmless where nothing is held."""
    place = Site.at(site)
    lifted = lift_hold(place)
    did = f"releases may come in again (was {lifted})" if lifted else "nothing was held"
    tell(as_json, ResumeAnswer(lifted=hold_answer(lifted)), f"{place.root}: {did}")
