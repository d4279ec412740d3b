"""Going back by hand: `unrep rollback`. spec/apply.md, section 5."""

import time
from pathlib import Path

from apply.application import hooks
from apply.application.prepare import mend_environment
from apply.audit.log import open_log
from apply.audit.run import Report, Run, record_success, reporting, working
from apply.errors import PreflightRefused, RolledBack, StorageFailed
from apply.readiness.readiness import check_ready_for
from apply.rebuild.installed import holdings, open_installed, verify_tree
from apply.record.database import Record
from apply.record.release import Release
from apply.record.state import SiteState
from apply.recover import resume_pending
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
    because: str = "",
) -> Report:
    """Back to the last good version, or to a named one that is aboard. Its tree is verified before the switch [A-26].

    A version that is on trial, in an update that died, is given up: that is then the whole rollback [A-28]. A rollback
    that died goes on. Data stays as it is unless `restore_data` asks for the snapshot, for what was written since would
    be lost. `because`: why the agent goes back, "" for a person [A-158].

    Raises PreflightRefused, StepFailed or SwitchFailed before the switch. Raises RolledBack if the version gone back to
    is not healthy and the one before serves again, Degraded as `apply.update.update`.
    """
    run = Run("rollback", Site.at(site_path), progress, open_log(Site.at(site_path), config))
    with reporting(run), working(run) as record:
        if to is None:
            to = _default_target(record.state)
        if record.state.pending and record.state.current and to == record.state.current_version:
            return _give_up_trial(run, config, record)
        why_healthy = _resume_pending(run, config, record, to)
        run.subject = target = _target(record.state, run.site, to)
        if target.version == record.state.current_version:
            return _report_current(run, record, why_healthy)
        with run.step("verify"):
            verify_tree(open_installed(run.site, target), progress)
        with run.step("check"):
            check_ready_for(run.site, config, target.version)
        with run.step("prepare"):
            if fault := mend_environment(run.site, config, target.version):
                run.warn(f"{fault}, and was made anew")
        _record_intent(run, config, record, target, restore_data, because)
        reason = Trial(run.site, config, record, run).forward()
        return record_success(run, record, run.report("rolled-back", target.version, reason, code="by-hand"))


def _default_target(state: SiteState) -> str | None:
    """The version meant by a person who names none, None for the last good one [A-28]."""
    if not state.pending:
        return None
    # A rollback that died goes on. An update that died is given up, and where it began is the version before it.
    return state.pending.version if state.pending.by_hand else state.current_version or None


def _resume_pending(run: Run, config: SiteConfig, record: Record, to: str | None) -> str | None:
    """Ends a pending trial. Returns why its release is healthy; None if it is not, or nothing was pending.

    A release that fails does not stand in the way of another version that a person names, once that is on record.
    """
    pending = record.state.pending
    is_same = pending is not None and to == pending.version
    return resume_pending(run, config, record, blocking=to is None or is_same)


def _report_current(run: Run, record: Record, why_healthy: str | None) -> Report:
    """The version is current already. `why_healthy`: by the trial that this run resumed, None if it resumed none."""
    version = record.state.current_version
    if why_healthy is not None:
        return record_success(run, record, run.report("rolled-back", version, why_healthy, code="by-hand"))
    return record_success(run, record, run.report("nothing-to-do", version, f"{version} is current already"))


def _record_intent(
    run: Run, config: SiteConfig, record: Record, target: Release, restore_data: bool, because: str
) -> None:
    """Puts back the data of that version, if that is asked for, then records the intent.

    Raises StepFailed or StorageFailed.
    """
    current = record.state.current_version
    if restore_data:
        # Its data is saved first, for the version that runs now serves again if the trial of the other fails.
        if current:
            with run.step("snapshot"):
                hooks.snapshot(run.site, config, current)
        with run.step("restore"):
            hooks.restore(run.site, config, target.version)
    now = int(record.state.not_before_floor(time.time()))
    intended = record.state.begun(
        record.state.product, target, run.id, now, by_hand=True, data_saved=restore_data, because=because
    )
    try:
        record.save(intended)
    except StorageFailed:
        if restore_data and current:  # nothing will be switched, so the data must be the current version's again
            with run.step("restore_back"):
                hooks.restore(run.site, config, current)
        raise


def _give_up_trial(run: Run, config: SiteConfig, record: Record) -> Report:
    run.subject = record.state.intended()
    try:
        sentence = f"version {run.subject.version} was taken back by hand"
        Trial(run.site, config, record, run).back(sentence, code="by-hand")
    except RolledBack as done:
        report = run.report("rolled-back", record.state.current_version, str(done), code="by-hand")
        return record_success(run, record, report)


def _target(state: SiteState, site: Site, to: str | None) -> Release:
    """The release to go back to. Raises PreflightRefused if it is not aboard."""
    target = state.last_good if to is None else state.find(to)
    if to is None and target is None:
        raise PreflightRefused(
            f"{site.root}: there is no earlier version that was healthy here, so nothing to go back to"
        )
    aboard = holdings(site, state.releases)
    if target is None or target not in aboard:
        shown = ", ".join(release.version for release in aboard) or "none"
        raise PreflightRefused(
            f"{site.root}: version {to or (target and target.version)} is not aboard; aboard: {shown}"
        )
    return target
