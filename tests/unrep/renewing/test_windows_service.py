"""The launcher as a service of Windows itself: the manager starts it, and it the agent, until it is stopped [A-238]."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.sites.site import PATIENCE_S, until
from tests.support.sites.stub_home import Home
from unrep.agent.service import windows_service
from unrep.renewing.windows_installing import windows_launcher

NAME = "unrep-agent-of-a-stub"
pytestmark = pytest.mark.skipif(os.name != "nt", reason="services of Windows")


def sc(*words: str) -> str:
    """What Windows' own program for services says."""
    return subprocess.run(["sc", *words], capture_output=True, text=True, timeout=PATIENCE_S).stdout


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Home]:
    """A home whose launcher is registered, as `agent install` does that; `current` is version 2."""
    (tmp_path / "a home ü").mkdir()
    home = Home(tmp_path / "a home ü", "pointer")
    begun = windows_launcher(home.launch)
    assert begun
    argv = [*begun, "agent", NAME, str(home.root / "agent.log"), "--site", "C:\\a ship"]
    windows_service.register(NAME, argv, "Keeps a stub", "LocalSystem")
    yield home
    sc("stop", NAME)
    until(lambda: "STOPPED" in sc("query", NAME))
    sc("delete", NAME)


def told(at: Home) -> list[str]:
    return at.told.read_text("utf-8").splitlines() if at.told.exists() else []


def test_the_service_manager_starts_the_current_version_and_stops_it(at: Home) -> None:
    """[A-237] [A-238]: twice, and after a switch it is the next version."""
    for version in ("2", "3"):
        at.told.unlink(missing_ok=True)
        at.point(version)
        sc("start", NAME)
        until(lambda: bool(told(at)))
        assert "RUNNING" in sc("query", NAME)
        assert told(at) == [f"{version} agent --until-input-ends --site C:\\a ship"]
        sc("stop", NAME)
        until(lambda: "STOPPED" in sc("query", NAME))
        assert told(at)[1:] == [f"{version} has no input any more"]


def test_a_home_without_a_version_ends_the_service_and_says_why(at: Home) -> None:
    """[A-238]: the reason is in the agent's log, for a service has no screen."""
    (at.root / "current").write_text("versions/\n")
    sc("start", NAME)
    log = at.root / "agent.log"
    until(lambda: log.exists() and "names no version" in log.read_text("utf-8"))
    until(lambda: "STOPPED" in sc("query", NAME))
