"""The event that the system's log gets of a run, whatever log that is."""

from dataclasses import dataclass
from typing import Any, Final, Literal

Severity = Literal["info", "warning", "error"]

_SEVERITIES: Final[dict[str, Severity]] = {
    "rolled-back": "warning",
    "refused": "warning",
    "interrupted": "warning",
    "degraded": "error",
}


@dataclass(frozen=True)
class Event:
    """The end of a run: a sentence for a person, and fields in capitals for programs; `seconds` in UNREP_SECONDS."""

    severity: Severity
    message: str
    fields: dict[str, str]


def event_of(run: dict[str, Any], site: str) -> Event:
    """The event of a run, given as its record."""
    release = run["release"] or {}
    moved = f"{run['from'] or 'nothing'} -> {run['to'] or 'nothing'}: " if run["from"] != run["to"] else ""
    fields = {
        "UNREP_SITE": site,
        "UNREP_RUN": run["run"],
        "UNREP_COMMAND": run["command"],
        "UNREP_OUTCOME": run["outcome"],
        "UNREP_PRODUCT": run["product"],
        "UNREP_RELEASE": release.get("version", ""),
        "UNREP_TREE": release.get("tree", ""),
        "UNREP_FROM": run["from"],
        "UNREP_TO": run["to"],
        "UNREP_USER": run["user"],
        "UNREP_SECONDS": f"{run['seconds']:.3f}",
    }
    message = f"{run['command']}: {run['outcome']}: {moved}{run['reason']}"
    return Event(_SEVERITIES.get(run["outcome"], "info"), message, {k: v for k, v in fields.items() if v})
