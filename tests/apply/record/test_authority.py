"""What a site forgets once its signers may no longer speak. spec/trust.md, [R-19]."""

import pytest

from apply.record.authority import Attribution, Authority
from apply.record.state import SiteState
from bundle.trust.heartbeat import Heartbeat
from bundle.trust.signing import verifying_key
from tests.support.contents.trust import MADE, NEXT, RELEASE, begun, releases

NOW = MADE + 1000
FIRST = begun(releases=releases(RELEASE, NEXT))
THEN = Authority.of(FIRST.trust)
ROTATED = Authority.of(FIRST.rotated(releases=releases(NEXT)).trust)
REVOKED = Authority.of(FIRST.revoking(RELEASE).trust)
BY_RELEASE = THEN.attribution(frozenset({verifying_key(RELEASE)}))
BY_NEXT = THEN.attribution(frozenset({verifying_key(NEXT)}))
BEAT = Heartbeat(1, "vms", 0, 9, 0, 0, NOW, bytes(8))


def test_who_may_speak() -> None:
    assert THEN.includes(BY_RELEASE.signers) and THEN.includes(BY_NEXT.signers) and THEN.includes(())
    assert not REVOKED.includes(BY_RELEASE.signers) and REVOKED.includes(BY_NEXT.signers)
    assert not ROTATED.includes(BY_RELEASE.signers + BY_NEXT.signers)


def test_an_attribution_names_root_and_keys() -> None:
    keys = frozenset(map(verifying_key, (NEXT, RELEASE)))
    assert THEN.attribution(keys) == Attribution(1, tuple(sorted(key.key_id.hex() for key in keys)))


@pytest.mark.parametrize("by", [BY_RELEASE, BY_NEXT])
def test_what_they_said_stays_while_they_may_speak(by: Attribution) -> None:
    heard = SiteState().received(BEAT, by, NOW)
    assert heard.restricted_to(THEN) == heard


@pytest.mark.parametrize(
    ("authority", "by", "floor", "has_heartbeat"),
    [
        (REVOKED, BY_RELEASE, REVOKED.spoken_at, False),
        (REVOKED, BY_NEXT, NOW, True),
        (ROTATED, BY_RELEASE, ROTATED.spoken_at, False),
        (ROTATED, BY_NEXT, ROTATED.spoken_at, True),  # the floor begins anew with each trust root
    ],
)
def test_what_is_forgotten(authority: Authority, by: Attribution, floor: int, has_heartbeat: bool) -> None:
    state = SiteState().received(BEAT, by, NOW).restricted_to(authority)
    assert state.time_floor == floor < NOW + 1
    assert (state.shore is not None, state.heard_at) == (has_heartbeat, NOW if has_heartbeat else 0)
