"""Which sources are still asked, and which error is raised when none is left."""

import pytest

from tests.support.links.recording_link import RecordingLink, opened, source_of
from tests.support.links.simulated_link import VirtualClock
from transfer.errors import CutShort, Incomplete, SourceCorrupt, SourceRefused
from transfer.scheduling.source import Source
from transfer.scheduling.source_group import SourceGroup

CLOCK = VirtualClock()


def group_of(*names: str) -> tuple[SourceGroup, list[Source], list[str]]:
    said: list[str] = []
    sources = [source_of(RecordingLink(name), CLOCK) for name in names]
    return SourceGroup(sources, said.append), sources, said


def test_a_lost_source_is_named_and_asked_no_more() -> None:
    """[T-90]"""
    group, (first, second), said = group_of("one", "two")
    pooled = opened(first, CLOCK)
    assert group.find(pooled.connection) == (first, pooled)
    group.lose(first, SourceRefused("one: 404"))
    assert group.alive == [second] and group.find(pooled.connection) is None
    assert said == ["one: 404; it is asked no more"]


def test_a_source_that_is_cut_short_is_asked_for_what_it_has() -> None:
    """[T-26], [T-90]: beside others; alone, it is over."""
    group, (first, second), said = group_of("one", "two")
    group.lose(first, CutShort("one: ends at byte 500", 500))
    assert group.alive == [first, second] and first.layout.end_offset == 500
    assert said == ["one: ends at byte 500; the others are asked for what is behind that"]
    with group.only(second), pytest.raises(CutShort):
        group.lose(second, CutShort("two: ends at byte 300", 300))


def test_of_several_reasons_the_one_that_waiting_can_help_is_raised() -> None:
    """[T-90]"""
    group, sources, _ = group_of("one", "two", "three")
    group.lose(sources[0], Incomplete("one: no progress"))
    group.lose(sources[1], SourceCorrupt("two: wrong"))
    with pytest.raises(Incomplete, match="one: no progress"):
        group.lose(sources[2], SourceRefused("three: 404"))


def test_a_source_is_retired_only_while_there_is_another() -> None:
    """[T-93]"""
    group, (first, second), _ = group_of("stick", "mirror")
    assert group.retire({"stick"}) and group.alive == [second]
    assert not group.retire({"mirror"}) and group.alive == [second]
    assert first.lost is None


def test_one_source_alone_may_be_asked_for_a_while() -> None:
    """[T-92]"""
    group, (first, second), _ = group_of("one", "two")
    with group.only(second):
        assert group.alive == [second]
    assert group.alive == [first, second] and group.first is first
