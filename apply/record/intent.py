"""A switch that is intended or under way, and how far it has come: spec/apply.md, section 4."""

from enum import Enum

import msgspec


class Phase(Enum):
    """How far a pending switch has come. Each phase is a row of the table in spec/apply.md, section 4.

    INTENDED            no start is on record; `current` may name the old version or the new one
    STARTED             the new version was started at least once, and no verdict is on record
    GOING_BACK          the new version failed; `current` names the old one again, or is about to
    STUCK_GOING_BACK    the old version could not be made healthy either; recovery tries to go back again [A-23]
    STUCK               a first install failed, with nothing to go back to; recovery tries it again [A-23], [A-24]
    """

    INTENDED = "intended"
    STARTED = "started"
    GOING_BACK = "going back"
    STUCK_GOING_BACK = "stuck going back"
    STUCK = "stuck"

    @property
    def goes_back(self) -> bool:
        """Whether the new version is given up, and recovery goes on towards the old one."""
        return self in (Phase.GOING_BACK, Phase.STUCK_GOING_BACK)

    @property
    def needs_person(self) -> bool:
        """Whether the last try ended without a healthy version, which makes the site degraded."""
        return self in (Phase.STUCK, Phase.STUCK_GOING_BACK)


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """A switch from the current release to `version`.

    attempts: starts of the new version so far. give_up_at: seconds since 1970. by_hand: a person's rollback, or
    that of the agent, which says `because` of what.
    out_since: when the first switch began, after which nothing may have served, in seconds since 1970; 0 before that.
    data_saved: a snapshot was made for it of the current version's data, which going back asks for.
    going_back, trouble: what the record stores of the phase; trouble also says why a person is needed.
    """

    version: str
    run: str
    give_up_at: int
    attempts: int = 0
    out_since: float = 0.0
    by_hand: bool = False
    because: str = ""
    data_saved: bool = False
    going_back: bool = False
    trouble: str = ""

    @property
    def phase(self) -> Phase:
        """How far it has come."""
        # The phase is derived, not stored: records that an older unrep wrote have these fields and no other.
        if self.going_back:
            return Phase.STUCK_GOING_BACK if self.trouble else Phase.GOING_BACK
        if self.trouble:
            return Phase.STUCK
        return Phase.STARTED if self.attempts else Phase.INTENDED
