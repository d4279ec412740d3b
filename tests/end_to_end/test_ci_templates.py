"""action.yml and the template for GitLab: their own steps are run, as a runner would."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.contents.releases import write_tree
from tests.support.contents.repositories import content
from tests.support.observers.command import run
from tests.support.repository import REPOSITORY

yaml = pytest.importorskip("yaml")
pytestmark = pytest.mark.skipif(shutil.which("bash") is None or os.name == "nt", reason="runs bash")


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A runner's working directory, with a repository and a release directory."""
    monkeypatch.chdir(tmp_path)
    write_tree(tmp_path / "build", content(1))
    assert run("keygen --out k")[0] == 0
    assert run("repo init repo --product vms --key k.key --publish www --channel stable --channel canary")[0] == 0
    return tmp_path


def perform(script: str, environment: Mapping[str, str], place: Path) -> subprocess.CompletedProcess[str]:
    """One step, with the `unrep` of this Python first on the path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    return subprocess.run(
        command, cwd=place, env={**os.environ, **environment, "PATH": path}, capture_output=True, text=True
    )


def channels() -> dict[str, str]:
    out = json.loads(run("channel list --repo repo --json")[1])
    return {one["channel"]: one["version"] for one in out["channels"]}


def act(place: Path, **inputs: str) -> dict[str, Any]:
    """Runs action.yml with these inputs, and returns its answer. Raises AssertionError if a step fails."""
    action = yaml.safe_load((REPOSITORY / "action.yml").read_text(encoding="utf-8"))
    known = {name: str(given.get("default", "")) for name, given in action["inputs"].items()}
    assert inputs.keys() <= known.keys()
    values = {f"inputs.{name}": value for name, value in (known | inputs).items()}
    values["github.action_path"] = str(REPOSITORY)
    (place / "output").touch()
    for step in action["runs"]["steps"]:
        assert "${{" not in step["run"], "a value in a script could be a command"
        environment = {name: filled(text, values) for name, text in step.get("env", {}).items()}
        done = perform(step["run"], environment | {"GITHUB_OUTPUT": str(place / "output")}, place)
        assert done.returncode == 0, done.stderr
    ((name, answer),) = (line.split("=", 1) for line in (place / "output").read_text().splitlines())
    assert f"steps.release.outputs.{name}" in action["outputs"]["answer"]["value"]
    (place / "output").unlink()
    found: dict[str, Any] = json.loads(answer)
    return found


def filled(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\$\{\{ ([\w.-]+) \}\}", lambda found: values[found[1]], text)


def test_the_action_releases(runner: Path) -> None:
    assert act(runner, source="build", version="1.0.1", repo="repo", **{"dry-run": "true"})["dry_run"]
    assert channels() == {"stable": "", "canary": ""}
    assert act(runner, source="build", version="1.0.1", repo="repo", channel="canary")["seq"] == 1
    assert channels() == {"stable": "", "canary": "1.0.1"}
    assert act(runner, source="build", version="1.0.1", repo="repo")["file"] == "", "it is built already"
    assert channels() == {"stable": "1.0.1", "canary": "1.0.1"}


def test_a_name_is_no_command(runner: Path) -> None:
    """As of a branch or tag that somebody else has named."""
    with pytest.raises(AssertionError, match="version"):
        act(runner, source="build", version="$(touch pwned); touch pwned", repo="repo")
    assert not (runner / "pwned").exists()


def gitlab(job: str, inputs: Mapping[str, str], variables: Mapping[str, str], place: Path) -> str:
    """Runs a job of the template, and returns what it printed."""
    text = (REPOSITORY / "examples" / "ci" / "gitlab.yml").read_text(encoding="utf-8")
    head, body = text.split("\n---\n")
    spec = yaml.safe_load(head)["spec"]["inputs"]
    values = {name: given.get("default", "") for name, given in spec.items()} | {**inputs}
    jobs = yaml.safe_load(re.sub(r"\$\[\[ inputs\.(\w+) \]\]", lambda found: values[found[1]], body))
    whole = jobs[jobs[job]["extends"]] | jobs[job]
    printed = ""
    for line in (*whole["before_script"], *whole["script"]):
        done = perform(line, {**whole["variables"], **variables}, place)
        assert done.returncode == 0, done.stderr
        printed += done.stdout
    return printed


def test_the_template_for_gitlab_releases(runner: Path) -> None:
    inputs = {"source": "build", "repo": "repo"}
    assert "none, in full" in gitlab("unrep-cost", inputs, {"CI_MERGE_REQUEST_IID": "7"}, runner)
    assert channels()["stable"] == ""
    gitlab("unrep-release", inputs, {"CI_COMMIT_TAG": "1.0.1"}, runner)
    assert channels()["stable"] == "1.0.1"
