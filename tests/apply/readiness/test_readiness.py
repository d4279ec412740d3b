"""What the ship lacks is found before a release is tried, and is never taken for the release's fault [A-140]."""

import json
import os
import sys
from pathlib import Path

import pytest

from apply.errors import ConfigError, NotReady
from apply.readiness import health
from apply.readiness.readiness import examine
from tests.support.observers.command import run
from tests.support.sites.site import Ship, shore

PYTHON = json.dumps(sys.executable)
WINDOW = "[health_window]\nstart_after_s = 0\ndeadline_s = 2\ninterval_s = 0.02\nconsecutive_passes = 1\n"
TCP = '[[health]]\ntype = "tcp"\nhost = "127.0.0.1"\n'
HTTP = '[[health]]\ntype = "http"\n'
COMMAND = '[[health]]\ntype = "command"\n'

# A configuration with one fault each, and the key that is to be named. POSIX where modes or first lines are at fault.
FAULTS: list[tuple[str, str]] = [
    ('[switch]\nrestart = ["nosuchcommand"]\n', "switch.restart"),
    ('[switch]\nrestart = ["./restart"]\n', "switch.restart"),
    ('[switch]\nrestart = ["/nowhere/restart", "vms"]\n', "switch.restart"),
    ('[switch]\nrestart = ["{site}/restart"]\n', "switch.restart"),
    ('[switch]\nrestart = ["{site}"]\n', "switch.restart"),
    ('[switch]\nrestart = ["{tree}/bin/absent"]\n', "switch.restart"),
    ('[switch]\nrestart = ["{current}/bin/absent"]\n', "switch.restart"),
    ('[switch]\nrestart = [""]\n', "switch.restart"),
    ('[hooks]\nsnapshot = ["nosuchcommand"]\n', "hooks.snapshot"),
    ('[hooks]\nrestore = ["nosuchcommand"]\n', "hooks.restore"),
    ('[hooks]\nrestore = ["../absent"]\n', "hooks.restore"),
    ('[prepare]\ncommand = ["nosuchcommand"]\n', "prepare.command"),
    ('[prepare]\npython_wheels = { python = "nosuchpython" }\n', "prepare.python_wheels.python"),
    ('[prepare.python_wheels]\npython = "/nowhere/python3"\n', "prepare.python_wheels.python"),
    (COMMAND + 'argv = ["nosuchcommand"]\n', "health[0].argv"),
    (COMMAND + f'argv = [{PYTHON}, "-c", "raise SystemExit(3)"]\n', "health[0]"),
    (COMMAND + f'argv = [{PYTHON}, "-c", "import time; time.sleep(9)"]\ntimeout_s = 0.2\n', "health[0]"),
    (TCP + "port = 9\n", "health[0]"),
    ('[[health]]\ntype = "tcp"\nhost = "nosuchhost.invalid"\nport = 9\n', "health[0].host"),
    (HTTP + 'url = "http://127.0.0.1:9/health"\n', "health[0]"),
    (HTTP + 'url = "https://127.0.0.1:9/health"\n', "health[0]"),
    (HTTP + 'url = "http://nosuchhost.invalid/"\n', "health[0].url"),
    ('[[health]]\ntype = "systemd_unit"\nname = "nosuchunit"\n', "health[0].name"),
    ('[[health]]\ntype = "windows_service"\nname = "nosuchservice"\n', "health[0].name"),
    ('[switch]\nsystemd_unit = "nosuchunit"\n', "switch.systemd_unit"),
    ('[switch]\nwindows_service = "nosuchservice"\n', "switch.windows_service"),
    ('[switch]\niis_app_pool = "nosuchpool"\n', "switch.iis_app_pool"),
]
MISTAKES: list[tuple[str, str]] = [
    ('[swich]\nrestart = ["x"]\n', "swich"),
    ('[switch]\nrestrat = ["x"]\n', "switch.restrat"),
    ('[switch]\nrestart = "x"\n', "switch.restart"),
    ('[[health]]\ntype = "tpc"\n', "health[0]"),
    (TCP, "health[0].port"),
    (TCP + "port = 80000\n", "health[0].port"),
    (TCP + 'port = "80"\n', "health[0].port"),
    (HTTP + 'url = "ftp://127.0.0.1/"\n', "url"),
    (HTTP + 'url = "http://127.0.0.1/"\nexpect_statsu = 200\n', "health[0].expect_statsu"),
    ("[health_window]\ndeadline_s = 0\n", "health_window.deadline_s"),
    ("[retention]\nkeep = -1\n", "retention.keep"),
    ('[log]\ntarget = "syslog"\n', "log.target"),
    ('[agent]\ntime_zone = "Mars/Olympus"\n', "time_zone"),
    ('[agent]\nfetch_windows = ["25:00-26:00"]\n', "25:00"),
]


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_PAUSE_S", 0.0)


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    return Ship.sailing(tmp_path, "1.0.0")


def seen_by_the_command(ship: Ship) -> tuple[int, str]:
    code, out, err = run(f"check --site {ship.root}")
    return code, out + err


@pytest.mark.parametrize(("text", "key"), FAULTS, ids=[f"{number}-{key}" for number, (_, key) in enumerate(FAULTS)])
def test_a_fault_of_the_ship_is_found_and_marks_no_release(ship: Ship, text: str, key: str) -> None:
    """[A-140], [A-141], [A-142], [A-144]: by `check`, by a dry run, and by an update before it changes anything."""
    ship.write_config(text + ("" if "health_window" in text else WINDOW))
    bundle, before = shore().bundle("1.0.1", 2, "1.0.0"), ship.seen("versions", "current")
    code, said = seen_by_the_command(ship)
    assert code == 5 and f": {key}: " in said and "unrep.toml: line " in said
    with pytest.raises(NotReady, match=r"unrep\.toml: line"):
        ship.rehearse(bundle)
    with pytest.raises(NotReady) as refused:
        ship.apply(bundle)
    assert f": {key}: " in str(refused.value) and refused.value.document
    assert not ship.state.quarantined and ship.seen("versions", "current") == before and ship.current == "1.0.0"
    ship.configure()
    assert ship.apply(bundle).outcome == "applied"


@pytest.mark.parametrize(("text", "word"), MISTAKES)
def test_a_mistake_in_the_file_is_named_by_its_line(ship: Ship, text: str, word: str) -> None:
    ship.write_config(text)
    code, said = seen_by_the_command(ship)
    assert code == 2 and word in said and "unrep.toml" in said
    with pytest.raises(ConfigError):
        ship.rehearse(shore().bundle("1.0.1", 2, "1.0.0"))
    assert not ship.state.quarantined


def test_a_sound_ship_is_ready(ship: Ship) -> None:
    before = ship.seen()
    code, said = seen_by_the_command(ship)
    assert code == 0 and "ready for releases of vms" in said and "caution" not in said
    assert not examine(ship.site, ship.config, ship.state) and ship.seen() == before


def test_several_faults_are_counted_and_all_shown(ship: Ship) -> None:
    ship.write_config('[switch]\nrestart = ["a-b-c"]\n[hooks]\nsnapshot = ["d-e-f"]\n' + WINDOW)
    with pytest.raises(NotReady, match=r"switch\.restart.*and 1 more: 'unrep check"):
        ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
    assert {"a-b-c", "d-e-f"} <= set(seen_by_the_command(ship)[1].replace("'", " ").split())


def test_the_answer_is_one_object(ship: Ship) -> None:
    ship.write_config('[switch]\nrestart = ["nosuchcommand"]\n' + WINDOW)
    code, out, _ = run(f"check --site {ship.root} --json")
    found = json.loads(out)
    assert code == found["exit_code"] == 5 and [fault["key"] for fault in found["faults"]] == ["switch.restart"]
    ship.configure()
    assert json.loads(run(f"check --site {ship.root} --json")[1])["faults"] == []


def test_what_is_odd_and_may_be_meant_so_is_a_caution(ship: Ship) -> None:
    target = "journald" if os.name == "nt" else "eventlog"
    ship.write_config(f'[log]\ntarget = "{target}"\n' + WINDOW)
    code, said = seen_by_the_command(ship)
    assert code == 0 and said.count("caution: ") == 3 and "log.target" in said


def test_an_agent_without_a_key_is_not_ready(ship: Ship) -> None:
    ship.configure('[agent]\nsources = ["nowhere"]\ntrust = "absent.pub"\n')
    code, said = seen_by_the_command(ship)
    assert code == 5 and "absent.pub" in said and "caution" in said and "nowhere is not there now" in said


@pytest.mark.skipif(os.name == "nt", reason="first lines and modes of POSIX")
@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        (b"#!/nowhere/sh\n", 0o755, "begins with #!"),
        (b"#!/bin/sh\r\n", 0o755, "begins with #!"),
        (b"echo hello\n", 0o755, "is a text without #!"),
        (b"#!/bin/sh\n", 0o644, "may not be executed"),
    ],
)
def test_scripts_that_cannot_be_started(ship: Ship, content: bytes, mode: int, words: str) -> None:
    script = ship.app / "restart"
    script.write_bytes(content)
    script.chmod(mode)
    ship.write_config(f"[switch]\nrestart = [{json.dumps(str(script))}]\n" + WINDOW)
    (found,) = examine(ship.site, ship.config, ship.state)
    assert words in found.problem


def test_a_check_that_was_passed_once_stops_no_cure(ship: Ship) -> None:
    """[A-144]: the application is dead, and the release that comes may be what heals it."""
    ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
    ship.order("fail-health-1.0.1")
    assert not examine(ship.site, ship.config, ship.state)
    assert ship.apply(shore().bundle("1.0.2", 3, "1.0.1")).outcome == "applied"


def test_a_person_goes_back_whatever_the_health_of_what_runs(ship: Ship) -> None:
    ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
    ship.configure(TCP + "port = 9\nrequirement = 'wanted'\n")
    ship.order("fail-health-1.0.1")
    assert ship.roll_back().outcome == "rolled-back" and ship.current == "1.0.0"


def test_a_rollback_needs_its_commands_too(ship: Ship) -> None:
    ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
    ship.write_config('[switch]\nrestart = ["nosuchcommand"]\n' + WINDOW)
    with pytest.raises(NotReady):
        ship.roll_back()
    assert ship.current == "1.0.1" and not ship.state.quarantined


def test_a_first_install_asks_no_version_that_runs(tmp_path: Path) -> None:
    assert Ship(tmp_path).apply(shore().bundle("1.0.0", 1)).outcome == "applied"
