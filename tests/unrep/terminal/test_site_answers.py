"""A hold and a release as JSON."""

from apply.hold import Hold
from apply.record.release import Release
from unrep.terminal.site_answers import hold_answer, release_answer


def test_a_hold() -> None:
    assert hold_answer(None) is None
    assert hold_answer(Hold("2026-01-01", "master", "fog")) == {"since": "2026-01-01", "by": "master", "reason": "fog"}


def test_a_release() -> None:
    release = Release(version="1.0.0", epoch=1, seq=2, tree="aa", bundle="bb", platform="any")
    assert release_answer(release) == {"version": "1.0.0", "seq": 2, "epoch": 1, "tree": "aa", "bundle": "bb"}
