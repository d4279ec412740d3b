"""`unrep status`: what runs here, in words for a person."""

import time
from pathlib import Path
from typing import Annotated, TypedDict, cast

import click
import msgspec
from msgspec import Meta

from apply.errors import ConfigError
from apply.hold import Hold, read_hold
from apply.rebuild.drift import Drift, find_drift
from apply.record.authority import Authority
from apply.record.database import read_state
from apply.record.state import Condition, Release, SiteState
from apply.site.config import load
from apply.site.layout import Site
from apply.site.trusted import saved_trust
from bundle.trust.trust import Trust
from unrep.terminal.answers import Epoch, Product, Seq, TreeHash, Version, json_option
from unrep.terminal.command import Command
from unrep.terminal.console import answer, show
from unrep.terminal.options.site import site_option
from unrep.terminal.site_answers import HoldAnswer, ReleaseAnswer, hold_answer, release_answer

DAY_S = 86_400


class QuarantinedAnswer(TypedDict):
    """A release that failed here and stays out."""

    version: Version
    tree: TreeHash
    reason: Annotated[str, Meta(description="How it failed.")]


class TrustAnswer(TypedDict):
    """Whom the site trusts."""

    version: Annotated[int, Meta(description="Version of the trust root.")]
    revocations: Annotated[int, Meta(description="Version of the revocation list; 0 for none.")]


class ShoreAnswer(TypedDict):
    """What the last heartbeat said."""

    epoch: Epoch
    seq: Seq
    trust: Annotated[int, Meta(description="Newest trust root.")]
    revocations: Annotated[int, Meta(description="Newest revocation list.")]
    time: Annotated[int, Meta(description="When it was signed, in seconds since 1970.")]
    under: Annotated[int, Meta(description="The trust root that it was verified under.")]
    signers: Annotated[list[str], Meta(description="Ids of the keys that signed it, in hex.")]
    product: Product


class DriftAnswer(TypedDict):
    """Files of the current release that are not what was installed."""

    count: Annotated[int, Meta(description="How many.")]
    paths: Annotated[list[str], Meta(description="The first five, within the release.")]
    unchecked: Annotated[int, Meta(description="So many more were written to since, and not hashed.")]
    reason: Annotated[str, Meta(description="Why the release cannot be looked at; empty if it can.")]


class StatusAnswer(TypedDict):
    """What is installed at a site."""

    product: Annotated[str | None, Meta(description="The product of the site; null before the first release.")]
    pinned_product: Annotated[str | None, Meta(description="The product that unrep.toml names; null for none.")]
    state: Annotated[Condition, Meta(description="'degraded' needs a person.")]
    current: Annotated[ReleaseAnswer | None, Meta(description="The release that is current; null for none.")]
    last_good: Annotated[ReleaseAnswer | None, Meta(description="The last release that was healthy; null for none.")]
    pending: Annotated[str | None, Meta(description="The version that is on trial; null for none.")]
    hold: Annotated[HoldAnswer | None, Meta(description="The hold that is set; null for none.")]
    trouble: Annotated[str | None, Meta(description="Why a person is needed; null if none is.")]
    quarantined: Annotated[list[QuarantinedAnswer], Meta(description="Releases that failed here and stay out.")]
    versions: Annotated[list[ReleaseAnswer], Meta(description="All releases that are installed.")]
    drifted: Annotated[
        DriftAnswer | None, Meta(description="What was changed of the current release; null for nothing.")
    ]
    trust: Annotated[TrustAnswer | None, Meta(description="Whom the site trusts; null without a trust root.")]
    heard_at: Annotated[int | None, Meta(description="When something new came last, in seconds since 1970.")]
    heard_days_ago: Annotated[int | None, Meta(description="The same in whole days before now; null if not known.")]
    shore: Annotated[ShoreAnswer | None, Meta(description="What the last heartbeat said; null for none.")]


@click.command(
    "status", cls=Command, examples=[("unrep status --site /opt/vms", "See what runs, and whether all is well:")]
)
@site_option
@json_option(StatusAnswer)
def status_command(site: Path, as_json: bool) -> None:
    """Show what is installed at site S, and whether a person is needed."""
    place = Site.at(site)
    state, trust, held, pinned = read_state(place), saved_trust(place), read_hold(place), _pinned(place)
    state = state.restricted_to(Authority.of(trust)) if trust else state
    drift = find_drift(place, state)
    if as_json:
        answer(_document(state, trust, held, pinned, drift))
    else:
        show(*_lines(state, trust, held, pinned, drift))


def _pinned(place: Site) -> str:
    """The product that the configuration names; "" for none, or where that cannot be read, for that is not shown."""
    try:
        return load(place.config_file).product  # whoever may write it: nothing is done by it here
    except ConfigError:
        return ""


def _document(state: SiteState, trust: Trust | None, held: Hold | None, pinned: str, drift: Drift) -> StatusAnswer:
    return {
        "product": state.product or None,
        "pinned_product": pinned or None,
        "state": state.condition,
        "current": release_answer(state.current) if state.current else None,
        "last_good": release_answer(state.last_good) if state.last_good else None,
        "pending": state.pending.version if state.pending else None,
        "hold": hold_answer(held),
        "trouble": (state.pending and state.pending.trouble) or None,
        "quarantined": [{"version": q.version, "tree": q.tree, "reason": q.reason} for q in state.quarantined],
        "versions": [release_answer(release) for release in state.releases],
        "drifted": _drift_answer(drift) if str(drift) else None,
        "trust": {"version": trust.root.version, "revocations": _list_version(trust)} if trust else None,
        "heard_at": state.heard_at or None,
        "heard_days_ago": _days_ago(state),
        "shore": cast(ShoreAnswer, msgspec.to_builtins(state.shore)) if state.shore else None,
    }


def _drift_answer(drift: Drift) -> DriftAnswer:
    return {
        "count": len(drift.paths),
        "paths": list(drift.first_paths),
        "unchecked": drift.unchecked,
        "reason": drift.why,
    }


def _lines(state: SiteState, trust: Trust | None, held: Hold | None, pinned: str, drift: Drift) -> list[str]:
    notes = [f"  {held}; no other version comes in until 'unrep resume'"] if held else []
    if pinned not in ("", state.product):
        notes.append(f"  unrep.toml says that product {pinned!r} alone comes in here")
    if state.condition == "empty" or not state.releases:
        return ["empty: nothing was ever installed here", *notes]
    lines = [f"{state.product} {state.current_version or '(none)'}: {_condition(state)}"]
    for release in sorted(state.releases, key=lambda r: r.mark, reverse=True):
        lines.append(
            f"  {release.version:<16} seq {release.seq:<6} {release.tree[:12]}  {_role(state, release)}".rstrip()
        )
    if str(drift):
        lines.append(f"  DRIFTED: {drift}; 'unrep repair-request' looks at all, for shore to send what is missing")
    lines += notes
    lines += [f"  quarantined: {q.version}, {q.reason}" for q in state.quarantined]
    lines += _heard(state, trust)
    if state.time_floor > time.time():
        lines.append("  this machine's clock is wrong: what was verified here is from a later time")
    return lines


def _heard(state: SiteState, trust: Trust | None) -> list[str]:
    """How fresh all of that is [R-16]: what is held back on the way shows here."""
    days = _days_ago(state)
    lines = [] if days is None else [f"  last heard from shore {days} days ago" if days else "  heard from shore today"]
    shore = state.shore
    if shore and state.waiting:
        lines.append(f"  shore has a newer release, seq {shore.seq} (epoch {shore.epoch}), that has not come here")
    if shore and trust and (shore.trust, shore.revocations) > (trust.root.version, _list_version(trust)):
        lines.append(
            f"  shore has trust root {shore.trust} and revocation list {shore.revocations}; "
            f"here are {trust.root.version} and {_list_version(trust)}"
        )
    return lines


def _days_ago(state: SiteState) -> int | None:
    """Whole days since something new came; None if that is not known, or lies ahead of this machine's clock."""
    age_s = max(time.time(), state.time_floor) - state.heard_at
    return int(age_s // DAY_S) if state.heard_at and age_s >= 0 else None


def _list_version(trust: Trust) -> int:
    return trust.revocations.listed.version if trust.revocations else 0


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
