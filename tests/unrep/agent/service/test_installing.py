"""The agent as a service: a unit that systemd itself finds right, a Windows service that the manager knows [A-67]."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from apply.site.layout import Site
from tests.support.repository import REPOSITORY
from tests.support.sites.site import PATIENCE_S, Ship, shore, until
from unrep.agent.service.access_list import descriptor
from unrep.agent.service.accounts import windows_account
from unrep.agent.service.installing import service_name
from unrep.agent.service.systemd import renewal_texts, unit_text, write_unit
from unrep.agent.service.windows_service import command_line
from unrep.errors import UsageRefused

NOBODY = 65534
posix = pytest.mark.skipif(os.name == "nt", reason="systemd is not for Windows")
windows = pytest.mark.skipif(os.name != "nt", reason="services of Windows")


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    made = Ship.sailing(tmp_path, "1.0.0")
    source = tmp_path / "latest.unrep"
    agent = f"[agent]\nsources = [{json.dumps(str(source))}]\ntrust = {json.dumps(str(shore().trust_file))}\n"
    made.configure(agent + "poll_interval_s = 0.2\n")
    return made


def install(ship: Ship, *more: object) -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, "-m", "unrep", "agent", "install", "--site", str(ship.root), *map(str, more)]
    return subprocess.run(argv, capture_output=True, text=True, cwd=REPOSITORY, timeout=PATIENCE_S)


@posix
def test_the_unit_is_written_once(ship: Ship, tmp_path: Path) -> None:
    """[A-67]"""
    unit = tmp_path / "unrep-agent.service"
    first = install(ship, "--to", unit)
    assert first.returncode == 0 and "written" in first.stdout
    assert "systemctl daemon-reload && systemctl enable --now unrep-agent.service" in first.stdout
    written = unit.stat().st_mtime_ns
    again = install(ship, "--to", unit)
    assert again.returncode == 0 and "as it should be already" in again.stdout and unit.stat().st_mtime_ns == written
    told = json.loads(install(ship, "--to", unit, "--json").stdout)
    assert told == {
        "service": "unrep-agent",
        "unit": str(unit),
        "timer": None,
        "changed": False,
        "account": None,
        "start": "systemctl daemon-reload && systemctl enable --now unrep-agent.service",
    }
    assert f'"agent" "--site" "{ship.root}"' in unit.read_text() and unit.stat().st_mode & 0o777 == 0o644


@posix
def test_systemd_finds_nothing_wrong_with_what_renews_unrep(tmp_path: Path) -> None:
    """[A-232]"""
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    home = tmp_path / "a home $5 %i"
    (home / "launch").mkdir(parents=True)
    renew = home / "launch" / "renew"
    renew.write_text("#!/bin/sh\n")
    renew.chmod(0o755)
    units = [tmp_path / f"unrep-renew.{ending}" for ending in ("service", "timer")]
    for unit, text in zip(units, renewal_texts([str(renew), "/srv/vms", "600"], home, Path("/srv/vms")), strict=True):
        assert write_unit(unit, text) and not write_unit(unit, text)
    told = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True)
    assert told.returncode == 0 and "unrep-renew" not in told.stderr, told.stderr


@posix
def test_systemd_finds_nothing_wrong_with_it(ship: Ship, tmp_path: Path) -> None:
    """[A-67]"""
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    odd = tmp_path / 'a "site" of 100% $HOME'
    odd.mkdir()
    unit = tmp_path / "odd.service"
    write_unit(unit, unit_text([sys.executable, "-P", "-m", "unrep", "agent", "--site", str(odd)], odd))
    assert 'a \\"site\\" of 100%% $$HOME"\nWorking' in unit.read_text()
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    complaints = [line for line in done.stderr.splitlines() if "odd.service" in line]
    assert done.returncode == 0 and not complaints, done.stderr


@posix
def test_what_the_unit_forbids(ship: Ship, tmp_path: Path) -> None:
    """[A-104]: writing to the system but for the site, more rights than it began with, files that others may write."""
    (tmp_path / "a b").mkdir()
    lines = unit_text(["/usr/bin/python3"], tmp_path / "a b").splitlines()
    for line in ("UMask=0022", "NoNewPrivileges=yes", "ProtectSystem=full", f'ReadWritePaths="-{tmp_path}/a b"'):
        assert line in lines[lines.index("[Service]") : lines.index("[Install]")]
    assert not [line for line in lines if line.startswith("User=")]


@posix
@pytest.mark.parametrize("name", ["back\\", "two\\\\", 'a "b" c\\"', "100% %n $HOME ${HOME}", "; # -", "æ"])
def test_no_name_of_a_directory_says_more_than_a_name(tmp_path: Path, name: str) -> None:
    """[A-105]: a backslash at the end of a line would swallow the next one."""
    site = tmp_path / name
    site.mkdir()
    unit = tmp_path / "odd.service"
    write_unit(unit, unit_text(["/bin/echo", str(site)], site))
    lines = unit.read_text().splitlines()
    assert not [line for line in lines if line.endswith("\\")] and len(lines) == len(
        unit_text(["a"], tmp_path).splitlines()
    )
    if shutil.which("systemd-analyze"):
        done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
        assert done.returncode == 0 and "odd.service" not in done.stderr, done.stderr


@posix
@pytest.mark.parametrize("what", ["\nExecStartPre=/bin/evil\n", "\rx", "\x1b[2J", "\u2028x", "\udcff", "\x7f"])
@pytest.mark.parametrize("option", ["site", "config"])
def test_a_name_that_no_line_can_hold_is_refused(tmp_path: Path, what: str, option: str) -> None:
    """[A-105]: by one printable sentence."""
    odd = tmp_path / f"vms{what}".replace("/", "_")
    site, argv = (odd, ["agent"]) if option == "site" else (tmp_path, ["agent", "--config", str(odd)])
    with pytest.raises(
        UsageRefused, match="a systemd unit can name paths in UTF-8 only, without control characters; rename it"
    ) as refused:
        unit_text(argv, site)
    assert str(refused.value).isprintable()


@posix
def test_a_newline_in_the_path_comes_into_no_unit(ship: Ship, tmp_path: Path) -> None:
    """[A-105]: by the command, which writes nothing."""
    odd = tmp_path / "x\nExecStartPre=touch y\n"
    ship.root.rename(odd)
    ship.root = odd
    refused = install(ship, "--to", tmp_path / "unit.service")
    assert refused.returncode == 2 and "a systemd unit can name paths in UTF-8 only, without" in refused.stderr, (
        refused.stderr
    )
    assert refused.stderr.count("\n") == 1 and not (tmp_path / "unit.service").exists()


@pytest.mark.parametrize("word", ["C:\\%TEMP%\\vms", "C:\\vms\n", "C:\\100%"])
def test_no_service_is_given_a_name_that_means_more(word: str) -> None:
    """[A-105]: the service manager fills in what stands between two per cent signs."""
    with pytest.raises(UsageRefused, match="no service can be given that"):
        command_line(["python.exe", word])
    assert command_line(["C:\\a b\\python.exe", "x'y"]) == '"C:\\a b\\python.exe" x\'y'


class TestAccounts:
    """[A-104]"""

    @pytest.mark.parametrize(
        ("named", "known"),
        [
            (None, "LocalSystem"),
            ("localsystem", "LocalSystem"),
            ("LocalService", "NT AUTHORITY\\LocalService"),
            ("NT Authority\\Local Service", "NT AUTHORITY\\LocalService"),
            ("network service", "NT AUTHORITY\\NetworkService"),
            ("nt service\\unrep-agent-vms", "NT SERVICE\\unrep-agent-vms"),
            ("FLEET\\vms$", "FLEET\\vms$"),
        ],
    )
    def test_windows_accounts_without_a_password(self, named: str | None, known: str) -> None:
        assert windows_account(named, "unrep-agent-vms") == known

    @pytest.mark.parametrize(
        "named", ["", "Administrator", ".\\bob", "FLEET\\bob", "NT SERVICE\\other", "a\\b\\c$", "$"]
    )
    def test_others_are_refused_by_name(self, named: str) -> None:
        with pytest.raises(UsageRefused, match=f"--account {re.escape(repr(named))}: would need a password"):
            windows_account(named, "unrep-agent-vms")

    @pytest.mark.parametrize("named", ["no-such-user", "", "root\nExecStartPre=/bin/evil", "%u", "a b"])
    @posix
    def test_users_that_there_are_not(self, ship: Ship, tmp_path: Path, named: str) -> None:
        refused = install(ship, "--to", tmp_path / "unit.service", "--account", named)
        assert refused.returncode == 2 and f"--account {named!r}: there is no such user" in refused.stderr
        assert not (tmp_path / "unit.service").exists()

    @pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="root gives a site away, on POSIX")
    def test_a_user_whose_the_site_is(self, ship: Ship, tmp_path: Path) -> None:
        """[A-103]: what that user owns steers its agent, what a third one owns does not."""
        unit = tmp_path / "unit.service"
        refused = install(ship, "--to", unit, "--account", "nobody")
        assert refused.returncode == 2 and f"chown -R nobody {ship.root}" in refused.stderr
        for path in (ship.root, *ship.root.rglob("*")):
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
        done = install(ship, "--to", unit, "--account", "nobody")
        assert done.returncode == 0 and "\nUser=nobody\n" in unit.read_text(), done.stderr
        refused = install(ship, "--to", unit)
        assert refused.returncode == 5 and "belongs to nobody" in refused.stderr
        os.chown(ship.root / "unrep.toml", 1, 1)
        refused = install(ship, "--to", unit, "--account", "nobody")
        assert refused.returncode == 5 and "unrep.toml: belongs to" in refused.stderr


def test_the_access_lists_of_windows() -> None:
    """[A-104]: in SDDL; protected from what the directories above grant."""
    everything = "(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
    assert descriptor("", read_by_users=True) == f"O:BAD:PAI{everything}(A;OICI;0x1200a9;;;BU)"
    assert descriptor("S-1-5-19", read_by_users=False) == f"O:BAD:PAI{everything}(A;OICI;FA;;;S-1-5-19)"


@posix
def test_no_other_file_is_written_over(ship: Ship, tmp_path: Path) -> None:
    unit = tmp_path / "somebody.service"
    unit.write_text("[Unit]\nDescription=another\n")
    refused = install(ship, "--to", unit)
    assert refused.returncode == 2 and "not written by unrep" in refused.stderr
    assert unit.read_text() == "[Unit]\nDescription=another\n"


@posix
def test_a_site_that_systemd_cannot_name(ship: Ship, tmp_path: Path) -> None:
    """[A-97]: and a file of any bytes is not ours."""
    place = ship.root.with_name("\udcff\x1b")
    ship.root.rename(place)
    argv = [sys.executable, "-m", "unrep", "agent", "install", "--site", str(place), "--to", str(tmp_path / "unit")]
    refused = subprocess.run(argv, capture_output=True, text=True, cwd=REPOSITORY)
    assert refused.returncode == 2 and "a systemd unit can name paths in UTF-8 only" in refused.stderr
    place.rename(ship.root)
    (tmp_path / "unit").write_bytes(b"\xff")
    assert "not written by unrep" in install(ship, "--to", tmp_path / "unit").stderr


@posix
def test_a_configuration_without_an_agent_is_not_installed(ship: Ship, tmp_path: Path) -> None:
    ship.configure()
    refused = install(ship, "--to", tmp_path / "unit.service")
    assert refused.returncode == 2 and "'agent.sources' is missing" in refused.stderr
    assert not (tmp_path / "unit.service").exists()


def test_the_name_tells_sites_apart(tmp_path: Path) -> None:
    for directory, name in (("vms", "vms"), ("Vessel Site (2)", "Vessel-Site-2"), ("æ", "site")):
        (tmp_path / directory).mkdir()
        assert service_name(Site.at(tmp_path / directory)) == f"unrep-agent-{name}"


def test_a_command_of_the_agent_needs_a_site() -> None:
    argv = [sys.executable, "-m", "unrep", "agent"]
    refused = subprocess.run(argv, capture_output=True, text=True, cwd=REPOSITORY, timeout=PATIENCE_S)
    assert refused.returncode == 2 and "Missing option '--site'" in refused.stderr


def sc(*arguments: str) -> str:
    return subprocess.run(["sc.exe", *arguments], capture_output=True, text=True, timeout=PATIENCE_S).stdout


@pytest.fixture
def service(ship: Ship) -> Iterator[str]:
    name = service_name(ship.site)
    yield name
    sc("stop", name)
    sc("delete", name)


@windows
def test_the_service_starts_works_and_stops(ship: Ship, service: str, tmp_path: Path) -> None:
    """[A-67]; with a pointer, for the double that stands in for junctions under Wine is not in a service."""
    text = (ship.root / "unrep.toml").read_text()
    (ship.root / "unrep.toml").write_text(text.replace("[switch]", '[switch]\ncurrent = "pointer"'))
    ship.point(None)
    ship.recover()
    for _ in range(2):
        done = install(ship)
        assert "administrators and LocalSystem may write there" in done.stdout, done.stderr
        assert done.returncode == 0 and f"service {service} is registered" in done.stdout, done.stderr
    sc("start", service)
    until(lambda: "RUNNING" in sc("query", service))
    shutil.copyfile(shore().bundle("1.0.1", 2, "1.0.0"), tmp_path / "arriving")
    (tmp_path / "arriving").replace(tmp_path / "latest.unrep")
    log = ship.site.private / "agent.log"
    until(lambda: " applied: 1.0.0 -> 1.0.1" in log.read_text())
    sc("stop", service)
    until(lambda: "STOPPED" in sc("query", service))
    assert " stopped: told to stop" in log.read_text()


@windows
def test_nobody_but_the_service_manager_starts_a_service(ship: Ship) -> None:
    argv = [
        sys.executable,
        "-m",
        "unrep.agent.service.windows_service",
        "unrep-agent-x",
        str(ship.root / "log"),
        "agent",
    ]
    refused = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE_S)
    assert refused.returncode == 2 and "only the service manager of Windows can start that" in refused.stderr


@posix
def test_the_unit_of_another_version_is_written_anew(tmp_path: Path) -> None:
    unit = tmp_path / "x.service"
    assert write_unit(unit, unit_text(["a"], tmp_path)) and write_unit(unit, unit_text(["b"], tmp_path))
    assert not write_unit(unit, unit_text(["b"], tmp_path))
    unit.write_text("mine")
    with pytest.raises(UsageRefused, match="not written by unrep"):
        write_unit(unit, unit_text(["b"], tmp_path))
