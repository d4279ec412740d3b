"""One health check, made once: does what was just started answer as it should?

Every check ends within its timeout as a whole, however slowly the other side feeds it, and any garbage is an answer:
a check passes or fails, and never raises. Only the lookup of a host name keeps the system's own time, so give
addresses.
"""

import time
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Literal

import msgspec

from apply.application.commands import quoted, run, run_own
from apply.application.dialing import connect
from apply.application.programs import system_program
from apply.application.windows_programs import service_state
from apply.errors import StepFailed
from apply.site.health_checks import (
    CommandCheck,
    HealthCheck,
    HttpCheck,
    SystemdUnitCheck,
    TcpCheck,
    WindowsServiceCheck,
)
from apply.site.layout import StepContext

STEP: Final = "health"
# What may come of asking. Timeouts and TLS errors are OSErrors, a host that cannot be encoded is a ValueError.
_FAILURES: Final = (OSError, ValueError, StepFailed)


@dataclass(frozen=True)
class CheckResult:
    """What came of one check. detail: one clause, such as "answered 503, expected 200"."""

    check: str
    requirement: Literal["required", "wanted"]
    passed: bool
    detail: str


def check_once(check: HealthCheck, context: StepContext, timeout_s: float | None = None) -> CheckResult:
    """Make the check, within its own timeout or a shorter one that is given. Never raises for what it finds."""
    limit_s = check.timeout_s if timeout_s is None else min(timeout_s, check.timeout_s)
    try:
        detail, passed = _answer(check, context, limit_s), True
    except _FAILURES as error:
        detail, passed = _reason(error, limit_s), False
    return CheckResult(label(check), check.requirement, passed, detail)


def fingerprint(check: HealthCheck) -> str:
    """Names what a check asks, in 16 hex digits, whatever its timeout and requirement."""
    asked = msgspec.structs.replace(check, timeout_s=1.0, requirement="required")
    return sha256(msgspec.json.encode(asked)).hexdigest()[:16]


def label(check: HealthCheck) -> str:
    """The check as messages and records name it, such as "tcp 127.0.0.1:5432"."""
    match check:
        case HttpCheck():
            return f"http {check.url}"
        case TcpCheck():
            return f"tcp {check.host}:{check.port}"
        case CommandCheck():
            return f"command {quoted(check.argv)}"
        case WindowsServiceCheck():
            return f"windows_service {check.name}"
        case SystemdUnitCheck():
            return f"systemd_unit {check.name}"


def _answer(check: HealthCheck, context: StepContext, limit_s: float) -> str:
    """Returns how the check passed. Raises one of _FAILURES if it did not."""
    match check:
        case HttpCheck():
            from apply.application.http_check import ask  # only here: HTTP and TLS take 15 ms to load

            return ask(check, context, STEP, time.monotonic() + limit_s)
        case TcpCheck():
            connect(check.host, check.port, time.monotonic() + limit_s).close()
            return "connected"
        case CommandCheck():
            run(check.argv, context, step=STEP, timeout_s=limit_s)
            return "exited with 0"
        case WindowsServiceCheck():
            state = service_state(check.name, context, step=STEP, timeout_s=limit_s)
            if state != "RUNNING":
                raise StepFailed(STEP, f"is {state}, expected RUNNING")
            return "is RUNNING"
        case SystemdUnitCheck():
            systemctl = system_program("systemctl")
            run_own([systemctl, "is-active", "--", check.name], context, step=STEP, timeout_s=limit_s)
            return "is active"


def _reason(error: Exception, limit_s: float) -> str:
    if isinstance(error, StepFailed):
        return error.reason
    if isinstance(error, TimeoutError):
        return f"no answer within {limit_s:.3g} s"
    return str(error.strerror if isinstance(error, OSError) and error.strerror else error)
