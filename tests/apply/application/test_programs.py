"""Programs that unrep chooses itself are those of the system, whatever stands near or in the environment [A-102]."""

import ast
import os
import sys
from pathlib import Path

import msgspec
import pytest

from apply.application.checks import check_once
from apply.application.commands import run_own
from apply.application.programs import located, system32, system_program
from apply.application.restart import restarter
from apply.errors import StepFailed
from apply.site.config import SiteConfig
from apply.site.health_checks import SystemdUnitCheck
from apply.site.layout import StepContext
from tests.support.repository import REPOSITORY
from tests.support.sites.site import PATIENCE_S

STARTERS = {"run", "run_own", "own", "Popen", "check_output", "check_call", "call", "execvpe", "execvp", "system"}


@pytest.fixture
def context(tmp_path: Path) -> StepContext:
    return StepContext(tmp_path / "{version}", "1.0.1", tmp_path)


@pytest.mark.skipif(os.name == "nt" or not Path("/usr/bin/systemctl").exists(), reason="there is no systemd here")
def test_a_systemctl_that_is_none(context: StepContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[A-102]: neither first in PATH nor in the working directory nor in the site."""
    context.site.mkdir()
    for place in (tmp_path, context.site):
        (place / "systemctl").write_text(f"#!/bin/sh\n: > '{tmp_path}/ran'\n")
        (place / "systemctl").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path), "", os.environ["PATH"]]))
    config = msgspec.convert({"switch": {"systemd_unit": "no-such-unit-of-unrep"}}, SiteConfig)
    with pytest.raises(StepFailed):
        restarter(config)(context)
    assert not check_once(SystemdUnitCheck(name="no-such-unit-of-unrep"), context).passed
    assert not (tmp_path / "ran").exists() and system_program("systemctl") == "/usr/bin/systemctl"


@pytest.mark.skipif(os.name != "nt", reason="programs of Windows")
def test_windows_says_itself_where_its_programs_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[A-102]: not a variable of the environment."""
    before = system32("sc.exe")
    monkeypatch.setenv("SYSTEMROOT", str(tmp_path))
    monkeypatch.setenv("WINDIR", str(tmp_path))
    assert system32("sc.exe") == before and Path(before).is_file()


def test_what_a_program_of_ours_gets(context: StepContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """[A-102]: its words as they are, and nothing that steers Python or pip, in a directory away from the site."""
    context.site.mkdir()
    for name in ("PYTHONPATH", "PIP_INDEX_URL", "pip_config_file", "PYTHONSTARTUP"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("OURS", "kept")
    code = (
        "import os, sys; print(sys.argv[1], os.getcwd(), os.environ['OURS'], os.environ['UNREP_VERSION'], *os.environ)"
    )
    printed = run_own([sys.executable, "-c", code, "{site}"], context, step="x", timeout_s=PATIENCE_S)
    word, cwd, ours, version, *names = printed.split()
    assert (word, ours, version) == ("{site}", "kept", "1.0.1") and Path(cwd) == Path(Path(sys.executable).anchor)
    assert not [name for name in names if name.upper().startswith("PIP_")]
    assert not {name for name in names if name.upper().startswith("PYTHON")} - {"PYTHONUNBUFFERED"}


def test_a_name_is_looked_for_where_path_says_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[A-102]"""
    program = tmp_path / "navigator.exe"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", os.pathsep.join(["", ".", "bin"]))
    assert located("navigator.exe") is None and located("./navigator.exe") == "./navigator.exe"
    monkeypatch.setenv("PATH", os.pathsep.join([".", str(tmp_path)]))
    assert located("navigator.exe") == str(program)
    assert os.name != "nt" or located("navigator") == str(program)


def bare_names(path: Path) -> list[str]:
    """Where a program is started by a name without a directory, as a word of the source itself."""
    found = []
    for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(call, ast.Call) or not call.args:
            continue
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        words = call.args[0].elts if isinstance(call.args[0], ast.List | ast.Tuple) else [call.args[0]]
        if name in STARTERS and words and isinstance(words[0], ast.Constant) and "/" not in str(words[0].value):
            found.append(f"{path.relative_to(REPOSITORY)}:{call.lineno}: {words[0].value!s}")
    return found


def test_no_program_is_started_by_a_bare_name() -> None:
    """[A-102]"""
    sources = [
        path
        for name in ("bundle", "transfer", "apply", "repository", "fleet", "unrep")
        for path in (REPOSITORY / name).rglob("*.py")
    ]
    assert len(sources) > 200 and not [place for path in sources for place in bare_names(path)]
