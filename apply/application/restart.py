"""Starting the application anew after a switch, and after a rollback: by a command, IIS, a Windows service or systemd.

IIS gets no change notification through a junction, and no server re-reads its code, so a restart is always explicit.
"""

from functools import partial
from typing import Final, Protocol

from apply.application.commands import run, run_own
from apply.application.programs import system32, system_program
from apply.application.windows_programs import service_state
from apply.site.config import SiteConfig
from apply.site.layout import StepContext

STEP: Final = "restart"


class Restart(Protocol):
    """Makes the application run what `current` names."""

    def __call__(self, context: StepContext) -> None:
        """Stop what runs, if anything does, and start anew. Repeats are harmless, and it may start a stopped one.

        Returns when the start was accepted, not when the application answers: that is for the health checks.
        Raises StepFailed.
        """
        ...


def restarter(config: SiteConfig) -> Restart:
    """The restart that the site is configured with, or one that does nothing."""
    switch, timeout_s = config.switch, config.limits.command_timeout_s
    if switch.restart is not None:
        return partial(_by_command, switch.restart, timeout_s)
    if switch.iis_app_pool is not None:
        return partial(_app_pool, switch.iis_app_pool, timeout_s)
    if switch.windows_service is not None:
        return partial(_windows_service, switch.windows_service, timeout_s)
    if switch.systemd_unit is not None:
        return partial(_systemd_unit, switch.systemd_unit, timeout_s)
    return _nothing


def _by_command(argv: tuple[str, ...], timeout_s: float, context: StepContext) -> None:
    run(argv, context, step=STEP, timeout_s=timeout_s)


def _systemd_unit(name: str, timeout_s: float, context: StepContext) -> None:
    run_own([system_program("systemctl"), "restart", "--", name], context, step=STEP, timeout_s=timeout_s)


def _nothing(context: StepContext) -> None:
    """The application notices by itself, or is started by hand."""


def _app_pool(name: str, timeout_s: float, context: StepContext) -> None:
    """Recycle the pool, or start it: IIS refuses to recycle one that is stopped.

    A recycle overlaps: for a moment the old worker still answers, so a health check must want the new version's text.
    """
    appcmd, pool = system32("inetsrv/appcmd.exe"), f"/apppool.name:{name}"
    state = run_own([appcmd, "list", "apppool", pool, "/text:state"], context, step=STEP, timeout_s=timeout_s)
    action = "start" if state.strip() == "Stopped" else "recycle"
    run_own([appcmd, action, "apppool", pool], context, step=STEP, timeout_s=timeout_s)


def _windows_service(name: str, timeout_s: float, context: StepContext) -> None:
    """Stop it unless it is stopped, and start it. `net` waits for both, and stops what depends on it with /y."""
    net = system32("net.exe")
    if service_state(name, context, step=STEP, timeout_s=timeout_s) != "STOPPED":
        run_own([net, "stop", name, "/y"], context, step=STEP, timeout_s=timeout_s)
    run_own([net, "start", name], context, step=STEP, timeout_s=timeout_s)
