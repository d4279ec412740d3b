"""`unrep stick`: takes in a USB stick, and sends receipts back on it."""

from pathlib import Path
from typing import Annotated, Literal, TypedDict, cast

import click
from msgspec import Meta

from apply.site.guarded import check_named
from apply.site.layout import Site
from bundle.trust.trust import load_trust
from unrep.mate.stick import Stick, Taking, take_in
from unrep.mate.whom_to_trust import trust_of_site
from unrep.terminal.answers import json_option
from unrep.terminal.command import Command
from unrep.terminal.console import answer, progress_bar, say, show
from unrep.terminal.options.site import config_option, configuration, site_option, trust_option
from unrep.terminal.run_report import RunDocument


class StickReceiptsAnswer(TypedDict):
    """The receipts on the stick."""

    folder: Annotated[str, Meta(description="Where they are; empty if none could be copied.")]
    copied: Annotated[int, Meta(description="How many were copied now.")]
    there: Annotated[int, Meta(description="How many more were there already.")]
    reason: Annotated[str, Meta(description="Why none, or not all, could be copied; empty if all were.")]


class StickAnswer(TypedDict):
    """A stick that was taken in."""

    outcome: Annotated[
        Literal["applied", "already-current", "waiting", "failed"],
        Meta(description="What became of the newest release that fits; 'waiting' for the end of a hold."),
    ]
    version: Annotated[str, Meta(description="Its version; empty for none.")]
    sentence: Annotated[str, Meta(description="What happened; empty where it failed.")]
    run: Annotated[RunDocument | None, Meta(description="The run that installed it; null for none.")]
    receipts: Annotated[StickReceiptsAnswer, Meta(description="The receipts on the stick.")]
    unusable: Annotated[list[str], Meta(description="What on the stick cannot be used, and why, a sentence each.")]


@click.command(
    "stick",
    cls=Command,
    examples=[("unrep stick /media/usb --site /opt/vms", "Take in a stick, and let receipts travel back on it:")],
)
@click.argument("path", metavar="PATH", type=click.Path(path_type=Path))
@site_option
@trust_option
@config_option
@json_option(StickAnswer)
def stick_command(path: Path, site: Path, trust: Path | None, config: Path | None, as_json: bool) -> None:
    """Take in the stick at PATH: install the newest release on it that fits, then copy the receipts for shore onto it.

    Whom to trust is in S/unrep.toml, unless --trust names it. Everything else on the stick is left alone. Receipts go
    to PATH/unrep-out. When it is safe to remove the stick, that is the last line.
    """
    check_named(trust)
    given, settings = load_trust(trust) if trust else None, configuration(site, config)
    place = Site.at(site)
    trusted = trust_of_site(place, settings, given, "stick")
    with progress_bar() as bar:
        taking = take_in(Stick(place, path, settings, trusted, bar, say))
    say(*(f"not used: {sentence}" for sentence in taking.unusable))
    if taking.failure:
        taking.failure.document = (taking.failure.document or {}) | dict(_answer(taking))
    if not as_json:
        show(*taking.lines())
    if taking.failure:
        raise taking.failure
    if as_json:
        answer(_answer(taking))


def _answer(taking: Taking) -> StickAnswer:
    carried = taking.carried
    return {
        "outcome": taking.outcome or "failed",
        "version": taking.version,
        "sentence": taking.sentence,
        "run": cast(RunDocument, taking.report.document()) if taking.report else None,
        "receipts": {
            "folder": str(carried.folder) if carried else "",
            "copied": carried.copied if carried else 0,
            "there": carried.there if carried else 0,
            "reason": taking.no_receipts,
        },
        "unusable": taking.unusable,
    }
