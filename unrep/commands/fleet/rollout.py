"""`unrep fleet rollout`, `pause` and `resume`: a release goes out ring by ring, on evidence."""

from pathlib import Path
from typing import Annotated, TypedDict

import click
from msgspec import Meta

from apply.site.account import user_name
from fleet.record.rollouts import Rollout
from fleet.rollout.advancing import Mover, Progress, advance, begin, current, pause, resume
from fleet.rollout.decision import DAY_S, Conditions
from repository.promotion import promote
from repository.record.database import Record
from unrep.errors import UsageRefused
from unrep.terminal.answers import json_option
from unrep.terminal.command import Command
from unrep.terminal.console import tell
from unrep.terminal.options.fleet import OpenFleet, open_fleet
from unrep.terminal.options.quantities import parse_duration
from unrep.terminal.options.repository import repo_option
from unrep.terminal.tables import table


class RingAnswer(TypedDict):
    """A ring of a rollout."""

    ring: Annotated[str, Meta(description="Its name: that of a channel.")]
    moved: Annotated[float | None, Meta(description="When its channel was moved, in seconds since 1970; null if not.")]
    ships: Annotated[int, Meta(description="How many ships it has.")]
    healthy: Annotated[int, Meta(description="How many run the release, and have for long enough.")]
    fresh: Annotated[int, Meta(description="How many run it, and have not for long enough.")]
    failed: Annotated[list[str], Meta(description="Names of ships that failed on it.")]


class FleetRolloutAnswer(TypedDict):
    """A rollout."""

    version: Annotated[str, Meta(description="The release; empty if there was no rollout.")]
    state: Annotated[str, Meta(description="'running', 'paused', 'done', 'superseded'; empty if there was none.")]
    next: Annotated[str, Meta(description="What follows: 'move', 'wait', 'pause', 'finish' or 'nothing'.")]
    sentence: Annotated[str, Meta(description="The same with the reason.")]
    moved: Annotated[list[str], Meta(description="Rings whose channels were moved now.")]
    rings: Annotated[list[RingAnswer], Meta(description="The rings, in their order.")]


class FleetStateAnswer(TypedDict):
    """A rollout that was paused or resumed."""

    version: Annotated[str, Meta(description="The release.")]
    was: Annotated[str, Meta(description="The state that it had.")]
    state: Annotated[str, Meta(description="The state that it has.")]


@click.command(
    "rollout",
    cls=Command,
    examples=[
        (
            "unrep fleet rollout 1.0.3 --rings canary,stable --after 3 --within 7d --stop-on 1 --repo /srv/vms",
            "Give a release to the canaries, and to all once three of them are well on it:",
        ),
        ("unrep fleet rollout --repo /srv/vms", "Go on, where what was heard allows it; run it after every 'take':"),
        ("unrep fleet rollout --dry-run --repo /srv/vms", "See what would follow, and why:"),
    ],
)
@click.argument("version", metavar="[V]", required=False)
@click.option("--rings", metavar="C,C...", help="The channels, the first at first. Default: repo.toml's, last first.")
@click.option(
    "--after", metavar="N", type=click.IntRange(0, 1_000_000), help="Go on once N ships of a ring are well. Default: 3."
)
@click.option("--within", metavar="T", callback=parse_duration, help="Stop if they are not by then. Default: 7d.")
@click.option("--steady", metavar="T", callback=parse_duration, help="For how long they have to be. Default: no time.")
@click.option(
    "--stop-on", metavar="N", type=click.IntRange(0, 1_000_000), help="Stop once N ships failed; 0: never. Default: 1."
)
@click.option("--dry-run", is_flag=True, help="Say what would follow, and change nothing.")
@repo_option
@json_option(FleetRolloutAnswer)
def rollout_command(
    version: str | None,
    rings: str | None,
    after: int | None,
    within: float | None,
    steady: float | None,
    stop_on: int | None,
    dry_run: bool,
    repo: Path,
    as_json: bool,
) -> None:
    """Let release V go out ring by ring; without V, let the rollout that is under way go on.

    A ring moves when enough ships of the one before said that they are well on the release. The rollout stops by
    itself when too many failed, or too few were heard in time. Ships that are ill by their own fault do not count.
    Signing is needed only when a channel moves. Interrupted, the same command goes on.
    """
    given = (rings, after, within, steady, stop_on)
    if version is None and any(value is not None for value in given):
        raise UsageRefused("name the release whose rollout has these rings and conditions")
    if version is not None and dry_run:
        raise UsageRefused("--dry-run: leave the release out; a rollout that begins can be paused at any time")
    with open_fleet(repo) as fleet:
        if version is not None:
            _begin(fleet, version, rings, _conditions(after, within, steady, stop_on))
        found = current(fleet.database) if dry_run else advance(fleet.database, _mover(fleet))
    lines = ["no rollout yet; begin one with 'unrep fleet rollout V'"]
    if found is not None:
        moved = [f"channel {ring!r}: names {found.rollout.version}" for ring in found.moved]
        lines = [*_table(found), *moved, found.decision.sentence]
    tell(as_json, _document(found), *lines)


def _conditions(after: int | None, within: float | None, steady: float | None, stop_on: int | None) -> Conditions:
    return Conditions(
        3 if after is None else after,
        7 * DAY_S if within is None else within,
        steady or 0.0,
        1 if stop_on is None else stop_on,
    )


def _begin(fleet: OpenFleet, version: str, rings: str | None, conditions: Conditions) -> None:
    names = [*reversed(fleet.opened.settings.channels)] if rings is None else [one.strip() for one in rings.split(",")]
    for name in names:
        fleet.check_ring(name, "--rings")
    with Record(fleet.opened.repository.database_file) as record:
        release = record.release(version)
        is_published = any(bundle.release == version for bundle in record.bundles("published"))
    if release is None:
        raise UsageRefused(f"{version}: is no release of {fleet.opened.repository.root}; see 'unrep repo list'")
    if not is_published:
        raise UsageRefused(f"{version}: has no published bundle, so no ship could fetch it; release it first")
    begin(fleet.database, release, names, conditions, user_name())


def _mover(fleet: OpenFleet) -> Mover:
    opened = fleet.opened

    def move(version: str, ring: str) -> None:
        promote(opened.repository, opened.settings, version, ring, opened.signer(), opened.trust())

    return move


@click.command(
    "pause",
    cls=Command,
    examples=[("unrep fleet pause --why 'wait for the report of Mercy' --repo /srv/vms", "Stop the rollout:")],
)
@click.option("--why", metavar="TEXT", default="by hand", help="The reason, for whoever resumes it.")
@repo_option
@json_option(FleetStateAnswer)
def pause_command(why: str, repo: Path, as_json: bool) -> None:
    """Stop the rollout that is under way. Ships whose channel was moved already go on."""
    with open_fleet(repo) as fleet:
        before = pause(fleet.database, why[:200], user_name())
    _changed(before, "paused", as_json)


@click.command(
    "resume", cls=Command, examples=[("unrep fleet resume --repo /srv/vms", "Let a rollout that stopped go on:")]
)
@repo_option
@json_option(FleetStateAnswer)
def resume_command(repo: Path, as_json: bool) -> None:
    """Let the rollout go on. Failures until now count no more, and each ring has its whole time again."""
    with open_fleet(repo) as fleet:
        before = resume(fleet.database, user_name())
    _changed(before, "running", as_json)


def _changed(before: Rollout, state: str, as_json: bool) -> None:
    already = " already" if before.state == state else ""
    more = "; 'unrep fleet rollout' moves what may be moved" if state == "running" else ""
    document: FleetStateAnswer = {"version": before.version, "was": before.state, "state": state}
    tell(as_json, document, f"{before.version}: is {state}{already}{more}")


def _table(found: Progress) -> list[str]:
    head = ["ring", "moved", "ships", "healthy", "not for long", "failed"]
    rows = [
        [
            ring.name,
            "yes" if ring.moved is not None else "no",
            str(ring.ships),
            str(ring.healthy),
            str(ring.fresh),
            ", ".join(ring.failed) or "-",
        ]
        for ring in found.rings
    ]
    return table(head, rows, numbers=(2, 3, 4))


def _document(found: Progress | None) -> FleetRolloutAnswer:
    if found is None:
        return {"version": "", "state": "", "next": "nothing", "sentence": "", "moved": [], "rings": []}
    return {
        "version": found.rollout.version,
        "state": found.rollout.state,
        "next": found.decision.action,
        "sentence": found.decision.sentence,
        "moved": list(found.moved),
        "rings": [
            {
                "ring": ring.name,
                "moved": ring.moved,
                "ships": ring.ships,
                "healthy": ring.healthy,
                "fresh": ring.fresh,
                "failed": list(ring.failed),
            }
            for ring in found.rings
        ],
    }
