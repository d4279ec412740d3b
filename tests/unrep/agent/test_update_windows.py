"""Windows that open by the clock, or because they were shut for too long [A-63]."""

import json
from pathlib import Path

import pytest

from apply.site.config import AgentConfig
from apply.site.layout import Site
from apply.site.maintenance_windows import MAX_SHUT_S
from tests.support.sites.agent_days import HOUR_S, Days
from unrep.agent.update_windows import UpdateWindows, Window

CONFIG = AgentConfig(sources=("x",), maintenance_windows=("02:00-03:00",))


class Ticking(Days):
    """A clock that a test moves by hand."""

    def move(self, seconds: float) -> None:
        self.elapsed_s += seconds


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site.at(tmp_path)
    made.make_directories()
    return made


def following(site: Site, clock: Ticking) -> UpdateWindows:
    windows = UpdateWindows(site, clock)
    windows.follow(CONFIG)
    return windows


def test_one_without_times_is_always_open(site: Site) -> None:
    windows = following(site, Ticking(0))
    assert windows.is_open(Window.FETCH) and not windows.is_overdue(Window.FETCH)
    assert not windows.is_open(Window.MAINTENANCE)


def test_an_overdue_one_shuts_when_it_was_used(site: Site) -> None:
    clock = Ticking(0, stands_still=True)
    windows = following(site, clock)
    clock.move(MAX_SHUT_S)
    windows.tick()
    assert windows.is_overdue(Window.MAINTENANCE) and windows.is_open(Window.MAINTENANCE)
    windows.shut_if_overdue(Window.FETCH)
    assert windows.is_open(Window.MAINTENANCE), "the other one was used"
    windows.shut_if_overdue(Window.MAINTENANCE)
    assert not windows.is_open(Window.MAINTENANCE)


def test_times_are_kept_over_a_restart(site: Site) -> None:
    clock = Ticking(0, stands_still=True)
    windows = following(site, clock)
    clock.move(MAX_SHUT_S - HOUR_S)
    windows.tick()
    windows.save()
    assert json.loads(site.shut_file.read_bytes()) == {"fetch": 0, "maintenance": MAX_SHUT_S - HOUR_S}
    again = following(site, clock)
    clock.move(HOUR_S)
    again.tick()
    assert again.is_overdue(Window.MAINTENANCE)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"fetch": 1}', b'{"fetch": 1, "maintenance": null}', b"\xff"])
def test_a_damaged_file_begins_again(content: bytes, site: Site) -> None:
    site.shut_file.write_bytes(content)
    clock = Ticking(0, stands_still=True)
    windows = following(site, clock)
    clock.move(MAX_SHUT_S - 1)
    windows.tick()
    assert not windows.is_open(Window.MAINTENANCE)
