"""The record of a run as it is read again: what `apply.audit.run.Run.audit` wrote, by this unrep or an older one."""

from datetime import datetime
from typing import Literal

import msgspec


class Recovery(msgspec.Struct, frozen=True):
    """A version served again, so many seconds after a verdict of this run, or after the last that an earlier run saved
    before it died or gave up."""

    after: Literal["failed-verdict", "unfinished-run"]
    seconds: float


class NamedRelease(msgspec.Struct, frozen=True):
    """The release that a run was about."""

    version: str
    seq: int
    tree: str


class RecordedRun(msgspec.Struct, frozen=True, kw_only=True):
    """One record [A-8]; what came later has a default."""

    run: str
    command: str
    started: datetime
    user: str
    host: str
    release: NamedRelease | None
    outcome: str
    from_version: str = msgspec.field(name="from")
    to_version: str = msgspec.field(name="to")
    reason: str
    code: str = "none"
    brief: str = ""
    steps: dict[str, float]
    seconds: float
    product: str = ""
    outage_seconds: float = 0.0
    recoveries: tuple[Recovery, ...] = ()
    bundle_bytes: int = 0
    release_bytes: int = 0

    @property
    def failed(self) -> bool:
        """Whether it did not come to a good end: what a person rolled back has moved, a failed trial has not."""
        if self.outcome == "rolled-back":
            return self.from_version == self.to_version
        return self.outcome in ("refused", "interrupted", "degraded", "stranded")
