"""After a run that died: remove its leftovers, then end what it left pending. spec/apply.md, section 6.

Runs that change which version serves begin with this. A pending version that may be tried again is tried again. One
that has failed, or was cut short too often, is taken back. With nothing pending, `current` is repaired.
"""

import time
from pathlib import Path

from apply.audit.log import open_log
from apply.audit.run import Report, Run, record_success, reporting, working
from apply.current.opening import open_switch
from apply.errors import Degraded, RolledBack, SiteInvalid
from apply.record import found_healthy
from apply.record.database import Record
from apply.record.state import MAX_ATTEMPTS
from apply.retention import tidy
from apply.site import durable
from apply.site.config import SiteConfig
from apply.site.layout import CURRENT, Site
from apply.trial import Trial
from bundle.host import presence
from bundle.host.progress import Progress, Quiet


def recover(site_path: Path, config: SiteConfig, progress: Progress = Quiet()) -> Report:  # noqa: B008
    """Brings the site to rest: `applied`, or `nothing-to-do` if nothing was pending, though leftovers were removed.

    Raises RolledBack when the pending version was taken back. Raises Degraded when no version could be made healthy, or
    the disk did not take the switch or the verdict [A-100].
    """
    run = Run("recover", Site.at(site_path), progress, open_log(Site.at(site_path), config))
    with reporting(run), working(run) as record:
        run.subject = record.state.intended() if record.state.pending else None
        reason = resume(run, config, record)
        current = record.state.current_version
        if reason is None:
            return record_success(run, record, run.report("nothing-to-do", current, "nothing was pending"))
        return record_success(run, record, run.report("applied", current, reason))


def resume_pending(run: Run, config: SiteConfig, record: Record, *, blocking: bool) -> str | None:
    """`resume`, for a run that wants something else, which goes on though the pending version fails.

    None if nothing was pending, or the version failed. Raises RolledBack or Degraded where the run may not go on: if
    such a failure is `blocking`, or the end of the trial is not on record [A-30].
    """
    try:
        return resume(run, config, record)
    except (RolledBack, Degraded) as ended:
        # One intent at a time: while the end of the old one is not on record, no new one may be recorded.
        if blocking or record.state.unfinished:
            raise
        run.warn(str(ended))
        return None


def resume(run: Run, config: SiteConfig, record: Record) -> str | None:
    """Recovery at the start of a run [A-30]: why the pending version is good now, None if none was pending.

    Raises RolledBack or Degraded as the trial ends, SiteInvalid for a `current` that nobody here can have meant.
    """
    with run.step("recover"):
        tidy(run.site, record)
        intent = record.state.pending
        if not intent:
            # Only at rest. In a trial `current` may rightly name either version, and the trial itself moves it.
            _repair_current(run.site, config, record)
            return None
    trial = Trial(run.site, config, record, run)
    if intent.phase.goes_back:
        # Never forward again, though the version might be healthy this time: its failure is on record, and the old
        # version serves already, or will as soon as `current` has moved.
        trial.back(f"version {intent.version} failed before")
    now = record.state.not_before_floor(time.time())
    # The attempts are counted before each start, so a version that kills the machine cannot be started for ever. But a
    # release that was found healthy has no part in it if the record could not take that verdict.
    if not record.state.may_try_again(now) and not found_healthy.noted(run.site, record.state):
        attempts = f"{intent.attempts} of {MAX_ATTEMPTS} attempts"
        sentence = f"the trial of version {intent.version} was cut short again and again, {attempts}"
        trial.back(sentence, brief=attempts, code="cut-short")
    return trial.forward()


def _repair_current(site: Site, config: SiteConfig, record: Record) -> None:
    """`current` is what the state says, unless a person has pointed it to another release of this site [A-31]."""
    switch = open_switch(site.root, config.switch.current)
    named, state = switch.read(), record.state
    if named is None:
        if state.current:
            switch.point_to(site.tree(state.current_version))
    elif named.name != state.current_version:
        # A person may do that when all else fails. A name that is not of this site is refused rather than moved: the
        # record may be lost, and then `current` is the only one who knows what serves.
        chosen = state.find(named.name)
        if not chosen or not presence.is_directory(named):
            advice = f"point it to {state.current_version} again" if state.current else "move it away"
            raise SiteInvalid(f"{site.root / CURRENT}: points to {named.name}, which unrep did not install; {advice}")
        record.save(state.adopted(chosen))
    # The run that moved it may have been killed before its own sync, and what follows builds on that name.
    durable.sync_directory(site.root)
