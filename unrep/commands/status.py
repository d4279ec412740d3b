"""`unrep status`: what runs here, in words for a person."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from apply.hold import Hold, read_hold
from apply.record import read_state
from apply.run import named
from apply.site import Site
from apply.state import Release, SiteState
from unrep.aboard import json_option, site_option


@click.command("status")
@site_option
@json_option
def status_command(site: Path, as_json: bool) -> None:
    """Show what is installed at site S, and whether a person is needed."""
    place = Site.at(site)
    state, held = read_state(place), read_hold(place)
    click.echo(json.dumps(_document(state, held)) if as_json else "\n".join(_lines(state, held)))


def _document(state: SiteState, held: Hold | None) -> dict[str, Any]:
    return {
        "product": state.product or None,
        "state": state.condition,
        "current": named(state.current),
        "last_good": named(state.last_good),
        "pending": state.pending.version if state.pending else None,
        "hold": asdict(held) if held else None,
        "trouble": (state.pending and state.pending.trouble) or None,
        "quarantined": [{"version": q.version, "tree": q.tree, "reason": q.reason} for q in state.quarantined],
        "versions": [named(release) for release in state.releases],
    }


def _lines(state: SiteState, held: Hold | None) -> list[str]:
    told = [f"  {held}; no other version comes in until 'unrep resume'"] if held else []
    if state.condition == "empty" or not state.releases:
        return ["empty: nothing was ever installed here", *told]
    lines = [f"{state.product} {state.current_version or '(none)'}: {_condition(state)}"]
    for release in sorted(state.releases, key=lambda r: r.mark, reverse=True):
        lines.append(
            f"  {release.version:<16} seq {release.seq:<6} {release.tree[:12]}  {_role(state, release)}".rstrip()
        )
    lines += told
    lines += [f"  quarantined: {q.version}, {q.reason}" for q in state.quarantined]
    if state.time_floor > datetime.now(UTC).timestamp():
        lines.append("  this machine's clock is wrong: a release that was verified here is from a later time")
    return lines


def _condition(state: SiteState) -> str:
    if not state.pending:
        return "ok"
    if state.pending.trouble:
        return f"DEGRADED, a person is needed: {state.pending.trouble}"
    return f"{state.pending.version} is on trial; if no unrep is at work, run 'unrep recover'"


def _role(state: SiteState, release: Release) -> str:
    if release == state.current:
        return "current"
    if release == state.last_good:
        return "last good: 'unrep rollback' goes back to it"
    return "quarantined" if release.tree in {q.tree for q in state.quarantined} else ""
