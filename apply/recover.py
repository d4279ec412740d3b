"""After a run that died: finish what was pending, clear what was left. spec/apply.md, section 6.

Every run that changes a site begins with this. What it finds decides: an intent whose version may be tried again is
tried again; one that has failed, or was cut short too often, is taken back; the rest is litter.
"""

import time
from pathlib import Path

from apply.audit.log import open_log
from apply.audit.run import Report, Run, finish, reporting, working
from apply.current.opening import open_switch
from apply.errors import SiteInvalid
from apply.record import found_healthy
from apply.record.database import Record
from apply.record.state import MAX_ATTEMPTS
from apply.retention import tidy
from apply.site import durable
from apply.site.config import SiteConfig
from apply.site.layout import CURRENT, Site
from apply.trial import Trial
from bundle.host.progress import Progress, Quiet


def recover(site_path: Path, config: SiteConfig, progress: Progress = Quiet()) -> Report:  # noqa: B008
    """Brings the site to rest: `applied`, or `nothing-to-do`.

    Raises RolledBack when the pending version was taken back, Degraded when no version could be made healthy.
    """
    run = Run("recover", Site.at(site_path), progress, open_log(config.log))
    with reporting(run), working(run) as record:
        run.subject = record.state.intended() if record.state.pending else None
        found = resume(run, config, record)
        current = record.state.current_version
        if found:
            return finish(run, record, run.report("applied", current, found))
        return finish(run, record, run.report("nothing-to-do", current, "nothing was pending"))


def resume(run: Run, config: SiteConfig, record: Record) -> str:
    """Recovery at the start of a run [A-30]: why the pending version is good now, "" if none was pending."""
    with run.step("recover"):
        tidy(run.site, record)
        if not record.state.pending:
            _mend_current(run.site, config, record)
            return ""
    trial = Trial(run.site, config, record, run)
    intent = record.state.pending
    if intent.going_back:
        trial.back(f"version {intent.version} failed before")
    now = max(time.time(), record.state.time_floor)
    if not record.state.may_try_again(now) and not found_healthy.noted(run.site, record.state):
        attempts = f"{intent.attempts} of {MAX_ATTEMPTS} attempts"
        trial.back(f"the trial of version {intent.version} was cut short again and again, {attempts}")
    return trial.forward()


def _mend_current(site: Site, config: SiteConfig, record: Record) -> None:
    """`current` is what the state says, unless a person has pointed it to another release of this site [A-31]."""
    switch = open_switch(site.root, config.switch.current)
    named, state = switch.read(), record.state
    if named is None:
        if state.current:
            switch.point_to(site.tree(state.current_version))
    elif named.name != state.current_version:
        chosen = state.find(named.name)
        if not chosen or not named.is_dir():
            advice = f"point it to {state.current_version} again" if state.current else "move it away"
            raise SiteInvalid(f"{site.root / CURRENT}: points to {named.name}, which unrep did not install; {advice}")
        record.save(state.adopted(chosen))
    durable.sync_directory(site.root)
