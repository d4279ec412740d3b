"""How the site stands, for a tired person: one of a few situations, one sentence, and what to do [A-194].

What needs a person comes before what goes on by itself, and that before what is only good to know.
"""

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from apply.application.checks import check_once
from apply.errors import AboardError, SiteBusy
from apply.hold import Hold, read_hold
from apply.record.database import read_state
from apply.record.release import Quarantine
from apply.record.state import SiteState
from apply.site.config import SiteConfig
from apply.site.layout import Site
from apply.site.lock import site_lock
from bundle.host import presence

CHECK_S: Final = 3.0  # for one health check, however long the site gives it
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
    that a person can go back to. "" for none.
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


def situation(site: Site, config: SiteConfig, job: str = "") -> Situation:
    """How it stands now. `job`: what a person has begun on the page, as it was told last; "" for nothing.

    Raises AboardError where the record cannot be read.
    """
    state, hold = read_state(site), read_hold(site)
    verdict = _busy(site, state, job) or _needs_person(site, config, state) or _at_rest(state, hold)
    good = state.last_good
    return replace(
        verdict,
        notes=tuple(_notes(site, state, hold, verdict.kind)),
        product=state.product or config.product,
        version=state.current_version,
        back_to=good.version if good else "",
        is_held=hold is not None,
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


def _needs_person(site: Site, config: SiteConfig, state: SiteState) -> Situation | None:
    what = _what(state)
    if state.pending and state.pending.trouble:
        told = "An update did not work, and the ship could not go back. Call shore."
        return Situation(Kind.TROUBLE, "Help is needed", told, _sentence(state.pending.trouble))
    if not state.current:
        advice = "Put in the stick that shore has sent, then press the first button."
        return Situation(Kind.EMPTY, "Nothing is installed yet", advice)
    if silent := _silent(site, config, state):
        advice = " If it began after an update, you can go back." if state.last_good else ""
        return Situation(Kind.TROUBLE, "Help is needed", f"{what} does not answer. Call shore.{advice}", silent)
    if failed := _failed(state):
        told = f"Version {failed.version} failed, so the ship went back by itself. {what} is running well. Tell shore."
        return Situation(Kind.BACK, "The new version did not work", told, _sentence(failed.reason))
    return None


def _at_rest(state: SiteState, hold: Hold | None) -> Situation:
    what = _what(state)
    if hold:
        told = f"{what} is running and stays. Nothing new comes in until you end the hold."
        return Situation(Kind.HOLD, "On hold", told)
    if state.out_of_reach:
        told = (
            f"{what} is running well. Version {state.out_of_reach.version} is ready, and cannot come here. Call shore."
        )
        return Situation(Kind.STRANDED, "Shore has to send something", told, _sentence(state.out_of_reach.reason))
    return Situation(Kind.WELL, "All is well", f"{what} is running. You need not do anything.")


def _what(state: SiteState) -> str:
    return f"{state.product} {state.current_version}"


def _silent(site: Site, config: SiteConfig, state: SiteState) -> str:
    """Why the running version is not healthy, "" if it is."""
    context = site.context(state.current_version)
    for check in config.health:
        if check.requirement == "required":
            result = check_once(check, context, CHECK_S)
            if not result.passed:
                return _sentence(f"{state.current_version} {result.detail}")
    return ""


def _failed(state: SiteState) -> Quarantine | None:
    """The newest version that failed here and is newer than what runs, by no person's hand."""
    current = state.current
    newer = [
        failed
        for failed in state.quarantined
        if current and (failed.epoch, failed.seq) > current.mark and not failed.is_by_hand
    ]
    return max(newer, key=lambda failed: (failed.epoch, failed.seq), default=None)


def _notes(site: Site, state: SiteState, hold: Hold | None, kind: Kind) -> list[str]:
    notes = []
    if hold:
        notes.append(f"On hold since {_moment(hold.since)}" + (f": {hold.reason}." if hold.reason else "."))
    left = [q.version for q in state.quarantined if q.is_by_hand and state.current and q.seq > state.current.seq]
    if left and kind is not Kind.BACK:
        notes.append(f"A person went back from {left[-1]}; it stays out until shore sends a newer one.")
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
