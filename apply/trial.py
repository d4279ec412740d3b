"""A release on trial: from the durable intent to the verdict, and back if the verdict is bad. spec/apply.md, section 4.

    forward   switch, count the attempt, restart, watch its health; healthy: commit
    back      switch back first, then record the failure, restore data, restart, watch the old version's health

Every method may be begun again after the process was killed anywhere in it: each step is harmless when repeated, and
the record says only what has happened. The verdict is the application's alone: a disk that takes no record, or does not
move `current`, ends the run, and the release stays on trial [A-100].
"""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NoReturn

from apply.application import hooks
from apply.application.checks import check_once, fingerprint
from apply.application.health import Verdict, watch
from apply.application.restart import restarter
from apply.audit.run import Run
from apply.current.opening import open_switch
from apply.errors import Degraded, DiskRefusedSwitch, RolledBack, SiteInvalid, StepFailed, StorageFailed, SwitchFailed
from apply.record import found_healthy
from apply.record.database import Record
from apply.record.state import SiteState
from apply.site.config import SiteConfig
from apply.site.layout import Site

# What counts against the release. StorageFailed is not among them: a full or failing disk would condemn every release.
_FAILURES: Final = (StepFailed, SwitchFailed)
_PAUSES_S: Final = (0.2, 0.8)  # before the disk is asked again; a save waits for a lock by itself


class Trial:
    """The pending release of a site, judged by the site's own configuration [A-20] to [A-23]."""

    def __init__(self, site: Site, config: SiteConfig, record: Record, run: Run) -> None:
        self._site = site
        self._config = config
        self._record = record
        self._run = run
        self._switch = open_switch(site.root, config.switch.current)
        self._restart = restarter(config)

    def forward(self) -> str:
        """Brings the pending release into service. Returns why it was found healthy.

        Raises RolledBack when it failed and the old version serves again. Raises Degraded when that failed too, or when
        the disk did not take the switch, the attempt or the verdict: then the release stays on trial [A-100].
        """
        release = self._record.state.intended()
        try:
            self._bring_up(release.version)
            verdict = self._judge(release.version, "health")
            failure, cause = None if verdict.healthy else verdict.reason, None
        except _FAILURES as error:
            failure, cause = str(error), error
        if failure is not None:
            self.back(f"version {release.version} failed: {failure}", brief=failure, cause=cause)  # always raises
        if trouble := self._try_to_save(self._record.state.committed(self._passed())):
            # It serves and is healthy, so it stays. The note keeps recovery from counting this as a failed attempt.
            found_healthy.note(self._site, self._record.state)
            raise Degraded(
                f"version {release.version} is healthy, which cannot be recorded: {trouble}; then run 'unrep recover'"
            )
        self._run.restored()
        return verdict.reason + _unmet(verdict)

    def restart_current(self) -> str:
        """Starts the version that serves, or should, anew. Returns why it was found healthy; raises Degraded."""
        version = self._record.state.current_version
        self._run.goes_out()
        with self._run.step("restart"):
            try:
                self._restart(self._site.context(version))
            except StepFailed as error:
                raise Degraded(f"version {version} could not be started again: {error}") from error
        verdict = self._judge(version, "health")
        if not verdict.healthy:
            raise Degraded(f"version {version} was started again and is not healthy: {verdict.reason}")
        self._run.restored()
        return verdict.reason + _unmet(verdict)

    def back(
        self, reason: str, *, brief: str = "", code: str = "unhealthy", cause: Exception | None = None
    ) -> NoReturn:
        """Gives the pending release up for `reason`: the current one serves again. Raises RolledBack or Degraded.

        brief, code, cause: as those errors have them.
        """
        begun = time.perf_counter()
        state = self._record.state
        self._run.goes_out(self._out_since())
        old = state.current
        if old is None:
            self._try_to_save(state.troubled(reason))
            advice = "there is no earlier version to go back to, apply a release that works"
            raise Degraded(f"{reason}; {advice}", brief=brief, code=code, cause=cause)
        going_back = state if state.pending and state.pending.phase.goes_back else state.backing_out(reason)
        try:
            # `current` moves before the failure is recorded. The other way round a cut would leave the failed
            # version current, and the next boot would start that.
            with self._run.step("switch_back"):
                self._switch.point_to(self._site.tree(old.version))
            # One try, for no disk or lock may keep the old version from serving. The save at the end decides.
            self._try_to_save(going_back, pauses_s=())
            trouble = self._serve_again(old.version) or self._try_to_save(going_back.settled())
        except _FAILURES as error:
            trouble = str(error)
        if trouble:
            sentence = f"{reason}; and going back to version {old.version} failed: {trouble}"
            self._try_to_save(going_back.troubled(sentence))
            advice = "repair what is wrong and run 'unrep recover'"
            raise Degraded(f"{sentence}; {advice}", brief=trouble, code=code, cause=cause)
        self._run.restored(begun)
        raise RolledBack(f"{reason}; version {old.version} runs again", brief=brief, code=code, cause=cause)

    def _bring_up(self, version: str) -> None:
        """Switches, counts the attempt, restarts. Raises Degraded, with nothing started, where the disk is at fault."""
        before = self._switch.read()
        # Before a first install nothing serves that could go out.
        out_since = self._run.goes_out(self._out_since()) if self._record.state.current else 0.0
        try:
            with self._run.step("switch"):
                _retry(lambda: self._switch.point_to(self._site.tree(version)), (DiskRefusedSwitch,))
            # Counted before the start, which may kill the machine: an attempt that is not on record is never made
            # or such a version would be started at every boot.
            unsaved = self._try_to_save(self._record.state.attempted(out_since))
            trouble = f"that cannot be recorded: {unsaved}" if unsaved else None
        except DiskRefusedSwitch as error:
            trouble = str(error)
        if trouble:
            self._leave_unstarted(before)
            raise Degraded(f"version {version} is ready and was not started, for {trouble}; then run 'unrep recover'")
        with self._run.step("restart"):
            self._restart(self._site.context(version))

    def _out_since(self) -> float:
        """When the pending switch first put the application out of service; 0 if it has not."""
        pending = self._record.state.pending
        return pending.out_since if pending else 0.0

    def _leave_unstarted(self, before: Path | None) -> None:
        """`current` as it was, for what runs is what ran before. Where that fails too, either name is sound [A-20]."""
        if before is not None:
            with contextlib.suppress(SwitchFailed):
                self._switch.point_to(before)

    def _serve_again(self, version: str) -> str | None:
        """Starts the old version, which `current` names again. Returns why it is not healthy, None if it is."""
        pending = self._record.state.pending
        if pending and pending.data_saved:
            with self._run.step("restore"):
                hooks.restore(self._site, self._config, version)
        with self._run.step("restart_back"):
            self._restart(self._site.context(version))
        verdict = self._judge(version, "health_back")
        return None if verdict.healthy else verdict.reason

    def _try_to_save(self, state: SiteState, pauses_s: tuple[float, ...] | None = None) -> str | None:
        """Saves the state, in as many more tries as there are pauses. Returns why that failed, None if it did not.

        After a failure the trial is still pending on record, as recovery expects.
        """
        faults = (StorageFailed, SiteInvalid)
        try:
            _retry(lambda: self._record.save(state), faults, pauses_s)
        except faults as error:
            return str(error)
        return None

    def _passed(self) -> tuple[str, ...]:
        """The checks that a healthy version has passed, by fingerprint."""
        return tuple(fingerprint(check) for check in self._config.health if check.requirement == "required")

    def _judge(self, version: str, step: str) -> Verdict:
        context = self._site.context(version)
        with self._run.step(step):
            return watch(
                self._config.health,
                self._config.health_window,
                lambda check, timeout_s: check_once(check, context, timeout_s),
            )


def _retry(
    action: Callable[[], object], faults: tuple[type[Exception], ...], pauses_s: tuple[float, ...] | None = None
) -> None:
    """Tries the action, and once more after each pause while it fails in one of these ways.

    Raises what the last try raises.
    """
    for pause_s in _PAUSES_S if pauses_s is None else pauses_s:
        try:
            action()
        except faults:
            time.sleep(pause_s)
        else:
            return
    action()


def _unmet(verdict: Verdict) -> str:
    wishes = "; ".join(f"{result.check}: {result.detail}" for result in verdict.unmet_wishes)
    return f", though not as wished: {wishes}" if wishes else ""
