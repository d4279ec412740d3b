"""Events: what the system's log and the site's own command are told, of runs and by the agent."""

from dataclasses import dataclass
from typing import Any, Final, Literal

Severity = Literal["info", "warning", "error"]

_SEVERITIES: Final[dict[str, Severity]] = {
    "rolled-back": "warning",
    "refused": "warning",
    "interrupted": "warning",
    "stranded": "warning",
    "drifted": "warning",
    "config-broken": "error",
    "unhealthy": "error",
    "degraded": "error",
}


@dataclass(frozen=True)
class Event:
    """A sentence for a person, and fields in capitals for programs. `kind`: the outcome of a run, or what the agent
    calls it."""

    kind: str
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
        "UNREP_CODE": run.get("code", "none"),
        "UNREP_PRODUCT": run["product"],
        "UNREP_RELEASE": release.get("version", ""),
        "UNREP_TREE": release.get("tree", ""),
        "UNREP_FROM": run["from"],
        "UNREP_TO": run["to"],
        "UNREP_USER": run["user"],
        "UNREP_SECONDS": f"{run['seconds']:.3f}",
    }
    message = f"{run['command']}: {run['outcome']}: {moved}{run['reason']}"
    return Event(run["outcome"], severity_of(run["outcome"]), message, {k: v for k, v in fields.items() if v})


def severity_of(kind: str) -> Severity:
    """How much a person should care."""
    return _SEVERITIES.get(kind, "info")
