"""Starting the application anew: what Windows' own programs are called with [A-102]."""

import os
import stat
from pathlib import Path

import pytest

from apply.application import restart, windows_programs
from apply.application.restart import restarter
from apply.errors import StepFailed
from apply.site.config import SiteConfig, SwitchConfig
from apply.site.layout import Site, StepContext

pytestmark = pytest.mark.skipif(os.name == "nt", reason="programs that stand for those of Windows are scripts")

# A program of Windows: it writes down its words, one in each line, and prints what the test wants.
SCRIPT = """#!/bin/sh
for word; do printf '%s\\n' "$(basename "$0") $word"; done >> "{told}"
case "$*" in *"{failing}"*) echo "ERROR: denied"; exit 5 ;; esac
case "$*" in *list*|*query*) printf '%s' "{state}" ;; esac
"""


class Windows:
    """A machine whose programs only say what they were called with."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.context: StepContext = Site.at(root).context("1.0.1")
        for module in (restart, windows_programs):
            monkeypatch.setattr(module, "system32", lambda name: str(root / Path(name).name))

    def says(self, state: str, failing: str = "nothing of this") -> None:
        for name in ("appcmd.exe", "net.exe", "sc.exe"):
            program = self.root / name
            program.write_text(SCRIPT.format(told=self.root / "told", state=state, failing=failing))
            program.chmod(program.stat().st_mode | stat.S_IXUSR)

    def told(self) -> list[str]:
        return (self.root / "told").read_text().splitlines()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Windows:
    return Windows(tmp_path, monkeypatch)


@pytest.mark.parametrize(("state", "action"), [("Started", "recycle"), ("Stopped", "start"), ("", "recycle")])
def test_a_pool_is_recycled_or_started(machine: Windows, state: str, action: str) -> None:
    machine.says(state)
    pool = "/apppool.name:VMS & more"
    restarter(SiteConfig(switch=SwitchConfig(iis_app_pool="VMS & more")))(machine.context)
    expected = ["list", "apppool", pool, "/text:state", action, "apppool", pool]
    assert machine.told() == [f"appcmd.exe {word}" for word in expected]


@pytest.mark.parametrize("failing", ["list", "recycle"])
def test_what_appcmd_refuses_is_a_failing_restart(machine: Windows, failing: str) -> None:
    machine.says("Started", failing)
    with pytest.raises(StepFailed, match="ERROR: denied"):
        restarter(SiteConfig(switch=SwitchConfig(iis_app_pool="VMS")))(machine.context)


@pytest.mark.parametrize(("state", "words"), [("RUNNING", "stop VMS /y start VMS"), ("STOPPED", "start VMS")])
def test_a_service_is_stopped_unless_it_is_and_started(machine: Windows, state: str, words: str) -> None:
    machine.says(f"SERVICE_NAME: VMS\n        STATE              : 4  {state}\n")
    restarter(SiteConfig(switch=SwitchConfig(windows_service="VMS")))(machine.context)
    assert [line for line in machine.told() if line.startswith("net")] == [f"net.exe {word}" for word in words.split()]
