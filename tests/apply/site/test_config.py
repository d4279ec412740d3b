"""unrep.toml: what it may say, and how a mistake in it is named."""

import re
from pathlib import Path

import pytest

from apply.errors import ConfigError
from apply.site.config import HealthWindow, PythonWheels, SiteConfig, load
from apply.site.health_checks import CommandCheck, HttpCheck, SystemdUnitCheck, TcpCheck, WindowsServiceCheck

WHOLE = """
[prepare]
python_wheels = { requirements = "pins.txt", wheels = "packages", python = "python3.11" }
command = ["{tree}/prepare", "--site", "{site}"]

[switch]
restart = ["systemctl", "restart", "vms"]

[hooks]
snapshot = ["save"]
restore = ["put-back", ""]

[[health]]
type = "http"
url = "http://127.0.0.1:8000/health?deep=1"
expect_status = 204
expect_body_contains = '"{version}"'
timeout_s = 2

[[health]]
type = "tcp"
requirement = "wanted"
host = "::1"
port = 5432

[[health]]
type = "command"
argv = ["check", "{version}"]
timeout_s = 0.5

[[health]]
type = "windows_service"
name = "VMS"

[[health]]
type = "systemd_unit"
name = "vms"

[health_window]
start_after_s = 0
deadline_s = 90
interval_s = 1.5
consecutive_passes = 5

[retention]
keep = 0

[limits]
command_timeout_s = 30

[log]
target = "journald"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "unrep.toml"


def refused(path: Path, text: str | bytes) -> str:
    """What follows the file's name, and the line, in the refusal of this text."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        load(path)
    file, _, sentence = str(caught.value).partition(": ")
    assert file == str(path)
    assert "\n" not in sentence
    return re.sub(r"^line \d+: ", "", sentence)


def test_without_a_file_everything_has_its_default() -> None:
    config = load(None)
    assert config == SiteConfig()
    assert config.health == ()
    assert (config.prepare.python_wheels, config.prepare.command) == (None, None)
    assert (config.switch.restart, config.hooks.snapshot, config.hooks.restore) == (None, None, None)
    window = config.health_window
    assert (window.start_after_s, window.deadline_s, window.interval_s, window.consecutive_passes) == (0.5, 60, 0.5, 3)
    assert (config.retention.keep, config.limits.command_timeout_s) == (3, 600)
    assert config.log.target is None


def test_an_empty_file_is_that_of_a_site_without_one(path: Path) -> None:
    path.write_text("")
    assert load(path) == load(None)


def test_every_key_is_read(path: Path) -> None:
    path.write_text(WHOLE)
    config = load(path)
    assert config.prepare.python_wheels == PythonWheels(requirements="pins.txt", wheels="packages", python="python3.11")
    assert config.prepare.command == ("{tree}/prepare", "--site", "{site}")
    assert config.switch.restart == ("systemctl", "restart", "vms")
    assert (config.hooks.snapshot, config.hooks.restore) == (("save",), ("put-back", ""))
    assert config.health == (
        HttpCheck(
            url="http://127.0.0.1:8000/health?deep=1",
            expect_status=204,
            expect_body_contains='"{version}"',
            timeout_s=2.0,
        ),
        TcpCheck(host="::1", port=5432, requirement="wanted"),
        CommandCheck(argv=("check", "{version}"), timeout_s=0.5),
        WindowsServiceCheck(name="VMS"),
        SystemdUnitCheck(name="vms"),
    )
    assert config.health_window == HealthWindow(
        start_after_s=0.0, deadline_s=90.0, interval_s=1.5, consecutive_passes=5
    )
    assert (config.retention.keep, config.limits.command_timeout_s) == (0, 30.0)
    assert config.log.target == "journald"


def test_a_check_is_required_unless_it_says_otherwise_and_has_its_defaults(path: Path) -> None:
    path.write_text('[[health]]\ntype = "http"\nurl = "http://127.0.0.1/"')
    [check] = load(path).health
    assert check == HttpCheck(
        url="http://127.0.0.1/", requirement="required", timeout_s=5.0, expect_status=200, expect_body_contains=None
    )


def test_python_wheels_have_their_defaults(path: Path) -> None:
    path.write_text("[prepare]\npython_wheels = {}")
    wheels = load(path).prepare.python_wheels
    assert wheels == PythonWheels(requirements="requirements.txt", wheels="wheels", python="python3")


def test_what_a_windows_editor_puts_before_the_text_is_no_error(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbf[retention]\r\nkeep = 5\r\n")
    assert load(path).retention.keep == 5


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        SiteConfig().retention.keep = 9  # type: ignore[misc]


HTTP = '[[health]]\ntype = "http"\nurl = "http://127.0.0.1/"\n'


@pytest.mark.parametrize(
    ("text", "key", "known"),
    [
        ("heath = 1", "heath", "prepare, switch, hooks, health, health_window, retention, limits, log"),
        ("[prepare]\ncomand = []", "prepare.comand", "python_wheels, command"),
        ("[prepare]\npython_wheels = { wheel = 1 }", "prepare.python_wheels.wheel", "requirements, wheels, python"),
        ("[switch]\nunit = 'x'", "switch.unit", "restart, iis_app_pool, windows_service, systemd_unit"),
        ("[hooks]\nafter = []", "hooks.after", "snapshot, restore"),
        ("[health_window]\ndeadline = 3", "health_window.deadline", "start_after_s, deadline_s, interval_s"),
        ("[retention]\nkept = 3", "retention.kept", "keep"),
        ("[limits]\ntimeout_s = 3", "limits.timeout_s", "command_timeout_s"),
        (HTTP + "expect_code = 1", "health[0].expect_code", "type, requirement, timeout_s, url, expect_status"),
        (HTTP + HTTP + "port = 1", "health[1].port", "type, requirement, timeout_s, url, expect_status"),
        ("[[health]]\ntype = 'tcp'\nhost = 'a'\nport = 1\nurl = ''", "health[0].url", "host, port"),
        ('[limits]\n"a.b - at `$.retention`" = 3', "limits.a.b - at `$.retention`", "command_timeout_s"),
        ('[limits]\n"a\\nb" = 3', "limits.a\\nb", "command_timeout_s"),
    ],
)
def test_an_unknown_key_is_named_with_those_that_are_known(path: Path, text: str, key: str, known: str) -> None:
    sentence = refused(path, text)
    assert sentence.startswith(f"unknown key '{key}'; known keys are ")
    assert known in sentence


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('[[health]]\nurl = "http://a/"', "health[0].type"),
        ('[[health]]\ntype = "http"', "health[0].url"),
        (HTTP + '[[health]]\ntype = "tcp"\nport = 1', "health[1].host"),
        ('[[health]]\ntype = "tcp"\nhost = "a"', "health[0].port"),
        ('[[health]]\ntype = "command"', "health[0].argv"),
        ('[[health]]\ntype = "windows_service"', "health[0].name"),
        ('[[health]]\ntype = "systemd_unit"', "health[0].name"),
    ],
)
def test_a_missing_key_is_named(path: Path, text: str, key: str) -> None:
    assert refused(path, text) == f"missing key '{key}'"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[retention]\nkeep = '3'", "'retention.keep': expected an integer, got a string"),
        ("[retention]\nkeep = true", "'retention.keep': expected an integer, got a boolean"),
        ("[retention]\nkeep = 1.5", "'retention.keep': expected an integer, got a number"),
        ("[retention]\nkeep = 2026-01-01", "'retention.keep': expected an integer, got date"),
        ("retention = 3", "'retention': expected a table, got an integer"),
        ("health = 3", "'health': expected an array, got an integer"),
        ("health = [3]", "'health[0]': expected a table, got an integer"),
        ("[health]\ntype = 'tcp'", "'health': expected an array, got a table"),
        ("[switch]\nrestart = 'systemctl restart vms'", "'switch.restart': expected an array, got a string"),
        ("[prepare]\ncommand = ['a', 3]", "'prepare.command[1]': expected a string, got an integer"),
        (HTTP + "timeout_s = '5'", "'health[0].timeout_s': expected a number, got a string"),
        (
            "[[health]]\ntype = 'htp'",
            "'health[0].type': invalid value 'htp'; it may be one of http, tcp, command, windows_service, systemd_unit",
        ),
        (
            HTTP + "requirement = 'must'",
            "'health[0].requirement': invalid enum value 'must'; it may be one of required, wanted",
        ),
        (
            "[log]\ntarget = 'syslog'",
            "'log.target': invalid enum value 'syslog'; it may be one of journald, eventlog",
        ),
    ],
)
def test_a_wrong_type_or_choice_is_named(path: Path, text: str, sentence: str) -> None:
    assert refused(path, text) == sentence


@pytest.mark.parametrize(
    ("table", "key", "low", "high"),
    [
        ("[retention]", "keep", "-1", "1001"),
        ("[limits]", "command_timeout_s", "0", "86401"),
        ("[health_window]", "start_after_s", "-0.1", "3601"),
        ("[health_window]", "deadline_s", "0", "inf"),
        ("[health_window]", "interval_s", "0", "nan"),
        ("[health_window]", "consecutive_passes", "0", "1001"),
        ("[[health]]\ntype = 'http'\nurl = 'http://a/'", "expect_status", "99", "600"),
        ("[[health]]\ntype = 'http'\nurl = 'http://a/'", "timeout_s", "0", f"1{'0' * 400}"),
        ("[[health]]\ntype = 'http'\nurl = 'http://a/'", "expect_body_contains", "''", f"'{'x' * 300}'"),
        ("[[health]]\ntype = 'tcp'\nhost = 'a'", "port", "0", "65536"),
        ("[[health]]\ntype = 'command'", "argv", "[]", "['a', \"\\u0000\"]"),
        ("[[health]]\ntype = 'systemd_unit'", "name", "''", '"a\\u0000"'),
        ("[switch]", "restart", "[]", '["\\u0000"]'),
        ("[prepare]", "command", "[]", '["a\\u0000b"]'),
        ("[hooks]", "snapshot", "[]", '["\\u0000a"]'),
    ],
)
def test_what_is_out_of_range_is_named(path: Path, table: str, key: str, low: str, high: str) -> None:
    section = table.splitlines()[0].strip("[]")
    place = "health[0]" if section == "health" else section
    for value in (low, high):
        assert refused(path, f"{table}\n{key} = {value}").startswith(f"'{place}.{key}")


def test_a_window_in_which_nothing_could_ever_pass_is_refused(path: Path) -> None:
    window = "[health_window]\nstart_after_s = 1\ninterval_s = 2\nconsecutive_passes = 3\n"
    assert "every release would fail" in refused(path, window + "deadline_s = 5")
    path.write_text(window + "deadline_s = 5.1")
    assert load(path).health_window.deadline_s == 5.1


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:8000",
        "ftp://127.0.0.1/",
        "http://",
        "http:///health",
        "http://127.0.0.1:0/",
        "http://127.0.0.1:65536/",
        "http://127.0.0.1:x/",
        "http://[::1/",
        "http://me:secret@127.0.0.1/",
        "http://127.0.0.1/a b",
        "http://127.0.0.1/ä",
        "http://127.0.0.1/\\r\\nX: y",
    ],
)
def test_a_url_that_cannot_be_asked_is_refused(path: Path, url: str) -> None:
    assert refused(path, f'[[health]]\ntype = "http"\nurl = "{url}"').startswith("'health[0]': url = ")


@pytest.mark.parametrize("url", ["http://localhost/", "https://vms.ship:8443/a?b#c", "http://[::1]:80"])
def test_a_plain_url_is_taken(path: Path, url: str) -> None:
    path.write_text(f'[[health]]\ntype = "http"\nurl = "{url}"')
    assert load(path).health == (HttpCheck(url=url),)


@pytest.mark.parametrize("key", ["requirements", "wheels"])
@pytest.mark.parametrize(
    "place", ["../outside", "a/../../b", "/etc", "\\\\server\\share", "a\\..\\..\\b", "C:\\wheels"]
)
def test_wheels_outside_the_release_are_refused(path: Path, key: str, place: str) -> None:
    sentence = refused(path, f"[prepare]\npython_wheels = {{ {key} = '{place}' }}")
    assert sentence.startswith(f"'prepare.python_wheels': {key} = ")
    assert sentence.endswith("must be a path inside the release")


def test_two_ways_to_restart_are_refused(path: Path) -> None:
    sentence = refused(path, "[switch]\nrestart = ['a']\nsystemd_unit = 'vms'")
    assert sentence == "'switch': restart and systemd_unit: at most one way to restart may be given"


@pytest.mark.parametrize("key", ["restart", "iis_app_pool", "windows_service", "systemd_unit"])
def test_one_way_to_restart_is_taken(path: Path, key: str) -> None:
    path.write_text(f"[switch]\n{key} = " + ("['a']" if key == "restart" else "'a'"))
    assert getattr(load(path).switch, key) in ("a", ("a",))


@pytest.mark.parametrize(
    "text",
    [b"\xff\xfe", b"keep", b"a = 1\na = 2", b"a = '\0'", b"a = " + b"[" * 5000, b"[retention]\nkeep = 1\nkeep = 2"],
)
def test_what_is_not_toml_is_refused(path: Path, text: bytes) -> None:
    assert refused(path, text).startswith("not a valid TOML file: ")


def test_a_file_that_is_not_there_or_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(ConfigError, match="cannot be read") as caught:
            load(path)
        assert str(caught.value).startswith(f"{path}: ")
