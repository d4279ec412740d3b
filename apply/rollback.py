"""Going back by hand: `unrep rollback`. spec/apply.md, section 5."""

import time
from pathlib import Path

from apply.application import hooks
from apply.audit.log import open_log
from apply.audit.run import Outcome, Report, Run, finish, reporting, working
from apply.errors import Degraded, PreflightRefused, RolledBack, StorageFailed
from apply.rebuild.installed import holdings, open_installed, verify_tree
from apply.record.database import Record
from apply.record.state import Release
from apply.recover import resume
from apply.site.config import SiteConfig
from apply.site.layout import Site
from apply.trial import Trial
from bundle.host.progress import Progress, Quiet


def roll_back(
    site_path: Path,
    config: SiteConfig,
    to: str | None = None,
    *,
    restore_data: bool = False,
    progress: Progress = Quiet(),  # noqa: B008
) -> Report:
    """Back to the last good version, or to a named one that is aboard; its tree is verified before the switch [A-26].

    A version that is on trial, in an update that died, is given up: that is then the whole rollback [A-28]. A rollback
    that died goes on. Data stays as it is unless `restore_data` asks for the snapshot, for what was written since would
    be lost.
    Raises PreflightRefused, BaseDrifted, RolledBack (the version gone back to is not healthy), Degraded.
    """
    run = Run("rollback", Site.at(site_path), progress, open_log(config.log))
    with reporting(run), working(run) as record:
        pending, current = record.state.pending, record.state.current_version
        if pending and to is None:
            to = pending.version if pending.by_hand else current or None
        if pending and current and to == current:
            return _give_up_trial(run, config, record)
        finished = _finish_what_was_pending(run, config, record, to)
        target = _target(record, run.site, to)
        run.subject = target
        if target.version == record.state.current_version:
            outcome: Outcome = "rolled-back" if finished else "nothing-to-do"
            reason = finished or f"{target.version} is current already"
            return finish(run, record, run.report(outcome, target.version, reason))
        with run.step("verify"):
            verify_tree(open_installed(run.site, target), progress)
        _intend(run, config, record, target, restore_data)
        reason = Trial(run.site, config, record, run).forward()
        return finish(run, record, run.report("rolled-back", target.version, reason))


def _intend(run: Run, config: SiteConfig, record: Record, target: Release, restore_data: bool) -> None:
    """The data of that version put back, if that is asked for, then the intent. Raises StepFailed or StorageFailed."""
    current = record.state.current_version
    if restore_data:
        if current:
            with run.step("snapshot"):
                hooks.snapshot(run.site, config, current)
        with run.step("restore"):
            hooks.restore(run.site, config, target.version)
    now = int(max(time.time(), record.state.time_floor))
    intended = record.state.begun(record.state.product, target, run.id, now, by_hand=True, data_saved=restore_data)
    try:
        record.save(intended)
    except StorageFailed:
        if restore_data and current:  # nothing will be switched, so the data must be the current version's again
            with run.step("restore_back"):
                hooks.restore(run.site, config, current)
        raise


def _finish_what_was_pending(run: Run, config: SiteConfig, record: Record, to: str | None) -> str:
    """Recovery, as `resume` tells of it; its failure does not stand in the way of another version that is named."""
    pending = record.state.pending
    try:
        return resume(run, config, record)
    except (RolledBack, Degraded):
        if record.state.unfinished or to is None or (pending and to == pending.version):
            raise
        return ""


def _give_up_trial(run: Run, config: SiteConfig, record: Record) -> Report:
    run.subject = record.state.intended()
    try:
        Trial(run.site, config, record, run).back(f"version {run.subject.version} was taken back by hand")
    except RolledBack as done:
        return finish(run, record, run.report("rolled-back", record.state.current_version, str(done)))


def _target(record: Record, site: Site, to: str | None) -> Release:
    state = record.state
    target = state.last_good if to is None else state.find(to)
    if to is None and target is None:
        raise PreflightRefused(
            f"{site.root}: there is no earlier version that was healthy here, so nothing to go back to"
        )
    if target is None or target not in holdings(site, state.releases):
        aboard = ", ".join(release.version for release in holdings(site, state.releases)) or "none"
        raise PreflightRefused(
            f"{site.root}: version {to or (target and target.version)} is not aboard; aboard: {aboard}"
        )
    return target
