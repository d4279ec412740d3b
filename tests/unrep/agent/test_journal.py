"""What stays the same is reported once."""

import json

import pytest

from unrep.agent.journal import About, Event, Journal, Kind


def test_a_state_is_reported_when_it_changes(capsys: pytest.CaptureFixture[str]) -> None:
    """[A-65]"""
    journal = Journal(lambda: 0.0, as_json=True)
    dead, late = Event(Kind.REFUSED, "dead"), Event(Kind.REFUSED, "late")
    for event in (dead, dead, late, None, None, late, Event(Kind.INCOMPLETE, "late")):
        journal.report_change((About.AGENT, "a source"), event)
    journal.report_change((About.AGENT, "another source"), dead)
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(event["event"], event["message"]) for event in found] == [
        ("refused", "dead"),
        ("refused", "late"),
        ("refused", "late"),
        ("incomplete", "late"),
        ("refused", "dead"),
    ]


def test_what_was_cleared_is_reported_anew(capsys: pytest.CaptureFixture[str]) -> None:
    """[A-65]"""
    journal = Journal(lambda: 0.0, as_json=True)
    journal.clear((About.AGENT, "a source"))
    for _ in range(2):
        journal.report_change((About.AGENT, "a source"), Event(Kind.REFUSED, "dead"))
        journal.clear((About.AGENT, "a source"))
    assert len(capsys.readouterr().out.splitlines()) == 2
