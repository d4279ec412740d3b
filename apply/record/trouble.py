"""What is wrong with a site at rest, found by its agent: on record until it is over [A-151]."""

from typing import Literal

import msgspec

TroubleKind = Literal["unhealthy", "drifted", "config-broken"]


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """One of them. since: when that was found, in seconds since 1970."""

    kind: TroubleKind
    since: int
    reason: str
