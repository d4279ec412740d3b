"""`unrep status`: what runs here, in words for a person."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypedDict, cast

import click
import msgspec
from msgspec import Meta

from apply.rebuild.drift import Drift, find_drift
from apply.record.release import Quarantine, Release
from apply.record.state import Condition, SiteState
from apply.site.layout import Site
from bundle.trust.trust import Trust
from unrep.agent.telling.bulletin import Bulletin
from unrep.agent.telling.standing import Standing, look_at
from unrep.terminal.answers import Epoch, Product, Seq, TreeHash, Version, json_option
from unrep.terminal.command import Command
from unrep.terminal.console import answer, show
from unrep.terminal.exit_codes import ExitCode
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


class StrandedAnswer(TypedDict):
    """The release to which nothing leads from here."""

    version: Version
    seq: Seq
    epoch: Epoch
    tree: TreeHash
    since: Annotated[int, Meta(description="When that was found, in seconds since 1970.")]
    reason: Annotated[str, Meta(description="What shore has to send.")]


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


class ServingAnswer(TypedDict):
    """What the health checks say now."""

    healthy: Annotated[bool | None, Meta(description="Whether all that are required pass; null if not asked.")]
    why: Annotated[str, Meta(description="What they say against it, or why they were not asked.")]


class DownloadAnswer(TypedDict):
    """A fetch under way."""

    done: Annotated[int, Meta(description="Bytes so far.")]
    total: Annotated[int, Meta(description="Bytes of all of it.")]
    left_seconds: Annotated[float | None, Meta(description="How long the rest takes; null if not known yet.")]


class AgentAnswer(TypedDict):
    """What the agent said last."""

    alive: Annotated[bool, Meta(description="Whether it was heard of just now.")]
    seen_at: Annotated[float, Meta(description="When it was heard of last, in seconds since 1970.")]
    next_round_at: Annotated[float | None, Meta(description="When it looks again; null while it is at work.")]
    sources: Annotated[dict[str, str], Meta(description="What was wrong with each source; empty for nothing.")]
    download: Annotated[DownloadAnswer | None, Meta(description="The fetch under way; null for none.")]


class TroubleAnswer(TypedDict):
    """What the agent found wrong at rest."""

    kind: Annotated[str, Meta(description="'unhealthy', 'drifted' or 'config-broken'.")]
    since: Annotated[int, Meta(description="When that was found, in seconds since 1970.")]
    reason: Annotated[str, Meta(description="What is wrong.")]


class StatusAnswer(TypedDict):
    """What is installed at a site."""

    product: Annotated[str | None, Meta(description="The product of the site; null before the first release.")]
    pinned_product: Annotated[str | None, Meta(description="The product that unrep.toml names; null for none.")]
    state: Annotated[Condition, Meta(description="'degraded' needs a person.")]
    current: Annotated[ReleaseAnswer | None, Meta(description="The release that is current; null for none.")]
    last_good: Annotated[ReleaseAnswer | None, Meta(description="The last release that was healthy; null for none.")]
    pending: Annotated[str | None, Meta(description="The version that is on trial; null for none.")]
    hold: Annotated[HoldAnswer | None, Meta(description="The hold that is set; null for none.")]
    stranded: Annotated[StrandedAnswer | None, Meta(description="The release that is out of reach; null for none.")]
    serving: Annotated[ServingAnswer, Meta(description="What the health checks say now.")]
    agent: Annotated[AgentAnswer | None, Meta(description="What the agent said last; null where there was none.")]
    troubles: Annotated[list[TroubleAnswer], Meta(description="What the agent found wrong at rest.")]
    windows: Annotated[dict[str, float], Meta(description="Seconds until each window opens that is shut.")]
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
@click.option("--no-health", is_flag=True, help="Do not ask the health checks.")
@json_option(StatusAnswer)
def status_command(site: Path, no_health: bool, as_json: bool) -> None:
    """Show what is installed at site S, whether it serves now, and whether a person is needed.

    The health checks are asked. Exit code 7: degraded, or what is installed does not serve. Exit code 8: stranded, for
    nothing leads to the release that the site is to run.
    """
    now = time.time()
    place = Site.at(site)
    standing = look_at(place, now, ask=not no_health)
    drift = find_drift(place, standing.state)
    if as_json:
        answer(_document(standing, drift, now))
    else:
        show(*_lines(standing, drift, now))
    if standing.needs_person:
        click.get_current_context().exit(ExitCode.DEGRADED)
    if standing.state.out_of_reach:
        click.get_current_context().exit(ExitCode.STRANDED)


def _document(standing: Standing, drift: Drift, now: float) -> StatusAnswer:
    state, trust = standing.state, standing.trust
    return {
        "product": state.product or None,
        "pinned_product": (standing.config and standing.config.product) or None,
        "state": state.condition,
        "current": release_answer(state.current) if state.current else None,
        "last_good": release_answer(state.last_good) if state.last_good else None,
        "pending": state.pending.version if state.pending else None,
        "hold": hold_answer(standing.hold),
        "stranded": cast(StrandedAnswer, msgspec.to_builtins(state.out_of_reach)) if state.out_of_reach else None,
        "serving": {"healthy": standing.serving.is_healthy, "why": standing.serving.why},
        "agent": _agent_answer(standing.agent, now) if standing.agent else None,
        "troubles": [cast(TroubleAnswer, msgspec.to_builtins(trouble)) for trouble in state.troubles],
        "windows": standing.opens_in_s,
        "trouble": (state.pending and state.pending.trouble) or None,
        "quarantined": [{"version": q.version, "tree": q.tree, "reason": q.reason} for q in state.quarantined],
        "versions": [release_answer(release) for release in state.releases],
        "drifted": _drift_answer(drift) if str(drift) else None,
        "trust": {"version": trust.root.version, "revocations": _list_version(trust)} if trust else None,
        "heard_at": state.heard_at or None,
        "heard_days_ago": _days_ago(state),
        "shore": cast(ShoreAnswer, msgspec.to_builtins(state.shore)) if state.shore else None,
    }


def _agent_answer(agent: Bulletin, now: float) -> AgentAnswer:
    return {
        "alive": agent.is_alive(now),
        "seen_at": agent.beat_at,
        "next_round_at": agent.next_round_at or None,
        "sources": agent.sources,
        "download": {
            "done": agent.download.done,
            "total": agent.download.total,
            "left_seconds": agent.download.left_s(now),
        }
        if agent.download
        else None,
    }


def _drift_answer(drift: Drift) -> DriftAnswer:
    return {
        "count": len(drift.paths),
        "paths": list(drift.first_paths),
        "unchecked": drift.unchecked,
        "reason": drift.why,
    }


def _lines(standing: Standing, drift: Drift, now: float) -> list[str]:
    state, held, pinned = standing.state, standing.hold, standing.config.product if standing.config else ""
    notes = [f"  {held}; no other version comes in until 'unrep resume'"] if held else []
    if state.out_of_reach:
        notes.append(f"  STRANDED below {state.out_of_reach.version}: {state.out_of_reach.reason}")
    if pinned not in ("", state.product):
        notes.append(f"  unrep.toml says that product {pinned!r} alone comes in here")
    notes += _of_agent(standing, now)
    if state.condition == "empty" or not state.releases:
        return ["empty: nothing was ever installed here", *notes]
    lines = [f"{state.product} {state.current_version or '(none)'}: {_condition(standing)}"]
    for release in sorted(state.releases, key=lambda r: r.mark, reverse=True):
        lines.append(
            f"  {release.version:<16} seq {release.seq:<6} {release.tree[:12]}  {_role(state, release)}".rstrip()
        )
    if standing.serving.is_healthy is None and standing.serving.why:
        lines.append(f"  {standing.serving.why}")
    if str(drift):
        advice = "'unrep repair-request' looks at all, for shore to send what is missing"
        lines.append(f"  DRIFTED: {drift}; {advice}")
    lines += [f"  {t.kind.upper()} since {_moment(t.since)}: {t.reason}" for t in state.troubles if t.kind != "drifted"]
    lines += notes
    lines += [f"  quarantined: {q.version}, {q.reason}{_way_back(state, q)}" for q in state.quarantined]
    lines += _heard(state, standing.trust)
    if state.time_floor > time.time():
        lines.append("  this machine's clock is wrong: what was verified here is from a later time")
    return lines


def _of_agent(standing: Standing, now: float) -> list[str]:
    """What the agent does, what its sources say, and when a window opens."""
    agent = standing.agent
    if agent is None:
        return []
    if not agent.is_alive(now):
        what = "was stopped" if agent.stopped else "does not run, or hangs"
        return [f"  the agent {what}; last heard of at {_moment(agent.beat_at)}"]
    again = f"looks again at {_moment(agent.next_round_at)}" if agent.next_round_at else "is at work"
    lines = [f"  the agent runs, and {again}"]
    lines += [f"  source {name}: {error}" for name, error in agent.sources.items() if error]
    if download := agent.download:
        left_s = download.left_s(now)
        eta = f"; done at about {_moment(now + left_s)}" if left_s is not None else ""
        lines.append(f"  fetching: {download.done:,} of {download.total:,} bytes{eta}")
    return lines + [f"  the {name} window opens at {_moment(now + s)}" for name, s in standing.opens_in_s.items()]


def _moment(time_s: float) -> str:
    try:
        return f"{datetime.fromtimestamp(time_s, UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError, OSError):  # a clock that is far off
        return f"{time_s:.0f} s after 1970"


def _heard(state: SiteState, trust: Trust | None) -> list[str]:
    """How fresh all of that is [R-16]: what is held back on the way shows here."""
    days = _days_ago(state)
    lines = [] if days is None else [f"  the last news from shore came {_ago(days)}"]
    shore = state.shore
    if shore and state.waiting:
        lines.append(f"  shore has a newer release, seq {shore.seq} (epoch {shore.epoch}), that has not come here")
    if shore and trust and (shore.trust, shore.revocations) > (trust.root.version, _list_version(trust)):
        lines.append(
            f"  shore has trust root {shore.trust} and revocation list {shore.revocations}; "
            f"here are {trust.root.version} and {_list_version(trust)}"
        )
    return lines


def _ago(days: int) -> str:
    return "today" if days == 0 else "yesterday" if days == 1 else f"{days} days ago"


def _days_ago(state: SiteState) -> int | None:
    """Whole days since something new came; None if that is not known, or lies ahead of this machine's clock."""
    age_s = max(time.time(), state.time_floor) - state.heard_at
    return int(age_s // DAY_S) if state.heard_at and age_s >= 0 else None


def _list_version(trust: Trust) -> int:
    return trust.revocations.listed.version if trust.revocations else 0


def _condition(standing: Standing) -> str:
    pending, serving = standing.state.pending, standing.serving
    if not pending:
        return f"DOES NOT SERVE, a person is needed: {serving.why}" if serving.is_healthy is False else "ok"
    if pending.trouble:
        agent = standing.agent
        again = f"; the agent tries again at {_moment(agent.next_round_at)}" if agent and agent.next_round_at else ""
        return f"DEGRADED, a person is needed: {pending.trouble}{again}"
    return f"{pending.version} is on trial; if no unrep is at work, run 'unrep recover'"


def _way_back(state: SiteState, failed: Quarantine) -> str:
    """How a version that a person went back from comes into service again, as long as it is aboard."""
    is_aboard = failed.tree in {release.tree for release in state.releases}
    return f"; 'unrep rollback --to {failed.version}' takes it up again" if failed.is_by_hand and is_aboard else ""


def _role(state: SiteState, release: Release) -> str:
    if release == state.current:
        return "current"
    if release == state.last_good:
        return "last good: 'unrep rollback' goes back to it"
    return "quarantined" if release.tree in {q.tree for q in state.quarantined} else ""
