"""Programs that Windows brings along, and what they say."""

import re
from typing import Final

from apply.application.commands import run_own
from apply.application.programs import system32
from apply.errors import StepFailed
from apply.site.layout import StepContext

# The states of winsvc.h as sc.exe prints them, in every language of Windows.
SERVICE_STATES: Final = (
    "STOPPED",
    "START_PENDING",
    "STOP_PENDING",
    "RUNNING",
    "CONTINUE_PENDING",
    "PAUSE_PENDING",
    "PAUSED",
)


def service_state(name: str, context: StepContext, *, step: str, timeout_s: float) -> str:
    """One of SERVICE_STATES. Raises StepFailed if there is no such service, or if it cannot be asked."""
    answer = run_own([system32("sc.exe"), "query", name], context, step=step, timeout_s=timeout_s)
    states = re.findall(rf":\s*[1-7]\s+({'|'.join(SERVICE_STATES)})\b", answer)  # the label before it is translated
    if len(states) != 1:
        raise StepFailed(step, f"sc.exe reported no state of the service {name}")
    return str(states[0])
