"""Records of runs for tests that need no run: what `apply.audit.run.Run.audit` writes."""

from typing import Any


def recorded(run: str = "abc", **changes: object) -> dict[str, Any]:
    """The record of an update from 1.0.0 to 1.0.1, with those changes; "from" is given as `from_version`."""
    release = {"version": "1.0.1", "seq": 2, "epoch": 0, "tree": "ab" * 32, "bundle": "cd" * 32}
    document = {
        "run": run,
        "command": "apply",
        "started": "2026-11-24T08:00:00+00:00",
        "user": "mate",
        "host": "bridge",
        "product": "vms",
        "release": release,
        "outcome": "applied",
        "from": "1.0.0",
        "to": "1.0.1",
        "reason": "every required check passed",
        "steps": {"verify": 0.5, "switch": 0.25},
        "seconds": 2.0,
        "recoveries": [],
        "bundle_bytes": 1000,
        "release_bytes": 50_000,
    }
    return document | {"from" if key == "from_version" else key: value for key, value in changes.items()}
