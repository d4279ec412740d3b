"""How the site stands, for a tired person: one of a few situations, one sentence, and what to do [A-194].

What needs a person comes before what goes on by itself, and that before what is only good to know.
"""

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from apply.errors import AboardError, SiteBusy
from apply.hold import Hold
from apply.record.release import Quarantine
from apply.record.state import SiteState
from apply.record.stranded import Stranded
from apply.site.layout import Site
from apply.site.lock import site_lock
from bundle.host import presence
from unrep.agent.telling.standing import Standing
from unrep.mate.acknowledged import acknowledged, key_of

_DAY_S: Final = 86_400
_LONG_AGO_DAYS: Final = 14


class Kind(StrEnum):
    """The situations. Each has a picture of its own on the page."""

    WELL = "well"
    BUSY = "busy"
    HOLD = "hold"
    BACK = "back"
    TROUBLE = "trouble"
    STRANDED = "stranded"
    EMPTY = "empty"


@dataclass(frozen=True)
class Situation:
    """`headline` in a few words, `sentence` on what that means and what to do, `notes` good to know.

    `for_shore`: what a person is to read out on the telephone. `product`, `version`: what runs. `back_to`: the version
    that a person can go back to. "" for none. `told`: the keys of all that shore was told, once it was told this, too;
    empty where there is nothing to tell.
    """

    kind: Kind
    headline: str
    sentence: str
    for_shore: str = ""
    notes: tuple[str, ...] = ()
    product: str = ""
    version: str = ""
    back_to: str = ""
    is_held: bool = False
    told: tuple[str, ...] = ()


def situation(site: Site, standing: Standing, job: str = "") -> Situation:
    """How it stands now. `job`: what a person has begun on the page, as it was told last; "" for nothing."""
    state, hold = standing.state, standing.hold
    failed, stranded = _failed(state), state.out_of_reach
    keys = {kind: key_of(event) for kind, event in ((Kind.BACK, failed), (Kind.STRANDED, stranded)) if event}
    told = acknowledged(site).intersection(keys.values())
    verdict = (
        _busy(site, state, job)
        or _needs_person(standing)
        or (_went_back(state, failed) if failed and keys[Kind.BACK] not in told else None)
        or (_on_hold(state) if hold else None)
        or (_out_of_reach(state, stranded) if stranded and keys[Kind.STRANDED] not in told else None)
        or _well(state)
    )
    good, config = state.last_good, standing.config
    return replace(
        verdict,
        notes=tuple(_notes(site, state, hold, verdict.kind, failed)),
        product=state.product or (config.product if config else ""),
        version=state.current_version,
        back_to=good.version if good else "",
        is_held=hold is not None,
        told=(*told, keys[verdict.kind]) if verdict.kind in keys else (),
    )


def _busy(site: Site, state: SiteState, job: str) -> Situation | None:
    if job:
        told = f"{_sentence(job)} If the power fails, it goes on by itself afterwards."
        return Situation(Kind.BUSY, "Please wait", told)
    if state.unfinished or _is_at_work(site, state):
        version = f"Version {state.pending.version}" if state.pending else "A new version"
        told = f"{version} is being installed. You need not do anything."
        return Situation(Kind.BUSY, "An update is being taken in", told)
    return None


def _is_at_work(site: Site, state: SiteState) -> bool:
    """Whether a run builds or prepares a version now. What a dead run left does not count."""
    is_building = presence.is_directory(site.staging) and any(site.staging.iterdir())
    current = state.current.mark if state.current else (0, 0)
    if not is_building and not any(release.mark > current and not release.proven for release in state.releases):
        return False
    try:
        with site_lock(site, "page"):  # only where a run is at work, or died: else this might be in a run's way
            return False
    except SiteBusy:
        return True
    except AboardError:
        return False


def _needs_person(standing: Standing) -> Situation | None:
    state = standing.state
    if state.pending and state.pending.trouble:
        told = "An update did not work, and the ship could not go back. Call shore."
        return Situation(Kind.TROUBLE, "Help is needed", told, _sentence(state.pending.trouble))
    if not state.current:
        advice = "Put in the stick that shore has sent, then press the first button."
        return Situation(Kind.EMPTY, "Nothing is installed yet", advice)
    if standing.serving.is_healthy is False:
        advice = " If it began after an update, you can go back." if state.last_good else ""
        silent = _sentence(f"{state.current_version}: {standing.serving.why}")
        return Situation(Kind.TROUBLE, "Help is needed", f"{_what(state)} does not answer. Call shore.{advice}", silent)
    return None


def _went_back(state: SiteState, failed: Quarantine) -> Situation:
    told = (
        f"Version {failed.version} failed, so the ship went back by itself. {_what(state)} is running well. Tell shore."
    )
    return Situation(Kind.BACK, "The new version did not work", told, _sentence(failed.reason))


def _on_hold(state: SiteState) -> Situation:
    told = f"{_what(state)} is running and stays. Nothing new comes in until you end the hold."
    return Situation(Kind.HOLD, "On hold", told)


def _out_of_reach(state: SiteState, wanted: Stranded) -> Situation:
    told = f"{_what(state)} is running well. Version {wanted.version} is ready, and cannot come here. Call shore."
    return Situation(Kind.STRANDED, "Shore has to send something", told, _sentence(wanted.reason))


def _well(state: SiteState) -> Situation:
    return Situation(Kind.WELL, "All is well", f"{_what(state)} is running. You need not do anything.")


def _what(state: SiteState) -> str:
    return f"{state.product} {state.current_version}"


def _failed(state: SiteState) -> Quarantine | None:
    """The newest version that failed here and is newer than what runs, by no person's hand."""
    current = state.current
    newer = [
        failed
        for failed in state.quarantined
        if current and (failed.epoch, failed.seq) > current.mark and not failed.is_by_hand
    ]
    return max(newer, key=lambda failed: (failed.epoch, failed.seq), default=None)


def _notes(site: Site, state: SiteState, hold: Hold | None, kind: Kind, failed: Quarantine | None) -> list[str]:
    notes = []
    if hold:
        notes.append(f"On hold since {_moment(hold.since)}" + (f": {hold.reason}." if hold.reason else "."))
    left = [q.version for q in state.quarantined if q.is_by_hand and state.current and q.seq > state.current.seq]
    if left and kind is not Kind.BACK:
        notes.append(f"A person went back from {left[-1]}; it stays out until shore sends a newer one.")
    if failed and kind is not Kind.BACK:
        notes.append(f"Version {failed.version} did not work here, and stays out until shore sends a newer one.")
    if state.out_of_reach and kind is not Kind.STRANDED:
        notes.append(f"Version {state.out_of_reach.version} cannot come here: {_sentence(state.out_of_reach.reason)}")
    if presence.is_directory(site.inbox) and any(path.suffix == ".part" for path in site.inbox.iterdir()):
        notes.append("A new version is being received.")
    if state.heard_at:
        days = int((max(time.time(), state.time_floor) - state.heard_at) // _DAY_S)
        if days >= 0:
            ago = "today" if days == 0 else "yesterday" if days == 1 else f"{days} days ago"
            silence = " Does the link work?" if days > _LONG_AGO_DAYS else ""
            notes.append(f"Something new last came from shore {ago}.{silence}")
    return notes


def _sentence(text: str) -> str:
    """A clause as a sentence."""
    text = text.strip()
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith((".", "!", "?")) else ".")


def _moment(since: str) -> str:
    try:
        return f"{datetime.fromisoformat(since).astimezone(UTC):%H:%M on %d %B %Y} (UTC)"
    except ValueError:
        return since
