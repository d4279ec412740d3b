"""The group of commands: every one can be found, explained and tried out from its help alone."""

import shlex
from pathlib import Path

import click
import pytest

from tests.support.observers.command import run
from tests.support.observers.modules import loaded
from tests.support.sites.site import Ship
from unrep.cli import cli, every_command
from unrep.terminal.command import Command, CommandGroup, Example
from unrep.terminal.exit_codes import ExitCode

COMMANDS = dict(every_command(cli))


def examples_of(name: str) -> list[Example]:
    command = COMMANDS[name]
    assert isinstance(command, Command | CommandGroup)
    return command.examples


def test_groups_are_walked_through() -> None:
    assert {"unrep fetch", "unrep trust show", "unrep agent", "unrep agent install"} <= COMMANDS.keys()
    assert not {"unrep trust", "unrep ship-key"} & COMMANDS.keys(), "they do nothing by themselves"


@pytest.mark.parametrize("name", COMMANDS)
def test_help_begins_with_a_sentence_and_ends_with_examples(name: str) -> None:
    code, out, _ = run(f"{name.removeprefix('unrep ')} --help")
    sentence = (COMMANDS[name].help or "").split("\n\n")[0].strip()
    assert code == 0 and sentence.endswith((".", ":")) and sentence[0].isupper()
    examples = out[out.index("\nExamples:\n") :]
    assert all(len(line) < 80 for line in examples.splitlines())
    pasted = [words for line in examples.replace("\\\n", "").splitlines() if (words := line.split())[:1] == ["unrep"]]
    assert pasted == [line.split() for line, _ in examples_of(name)]


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_are_commands_that_can_be_typed(name: str) -> None:
    assert 1 <= len(examples_of(name)) <= 3
    for line, meaning in examples_of(name):
        assert line.startswith(name) and meaning[0].isupper() and meaning.endswith(":")
        words = shlex.split(line.removeprefix(name))
        typed = words[: words.index(">")] if ">" in words else words
        COMMANDS[name].make_context(
            name, typed
        )  # raises UsageError for an option that there is not, or a value it refuses


def test_the_check_of_examples_finds_a_wrong_one() -> None:
    with pytest.raises(click.UsageError):
        COMMANDS["unrep keygen"].make_context("keygen", ["--out", "x", "--elsewhere"])


def test_exit_codes_stand_in_the_help() -> None:
    _, out, _ = run("--help")
    listed = out[out.index("Exit codes:") :].splitlines()[1:]
    assert [line.split(maxsplit=1) for line in listed if line.strip()] == [[str(int(c)), c.meaning] for c in ExitCode]


def test_the_help_cuts_no_sentence_and_names_every_command() -> None:
    _, out, _ = run("--help")
    assert "..." not in out.replace("[ARGS]...", "")
    assert all(f"\n{heading}:\n" in out for heading in ("Ashore", "The link", "Aboard", "Trust"))
    listed = {line.split()[0] for line in out.splitlines() if line.startswith("  ") and not line.startswith("   ")}
    assert {name.split()[1] for name in COMMANDS} <= listed


@pytest.mark.parametrize(
    ("line", "meant"),
    [("aply", "'apply'"), ("trust sing", "'sign'"), ("stats", "'status'"), ("repair-requst", "'repair-request'")],
)
def test_a_command_that_was_nearly_named(line: str, meant: str) -> None:
    code, out, err = run(line)
    assert code == 2 and not out and "did you mean" in err and meant in err and err.count("\n") == 1


@pytest.mark.parametrize(
    ("line", "meant"),
    [("build --worker 2", "'--workers'"), ("status --jsno", "'--json'"), ("apply --dry", "'--dry-run'")],
)
def test_an_option_that_was_nearly_named(line: str, meant: str) -> None:
    code, out, err = run(line)
    assert code == 2 and not out and f"; did you mean {meant}? See 'unrep " in err and err.count("\n") == 1


@pytest.mark.parametrize("option", ["--force", "--verbose", "--quiet", "--target", "--delta", "-x"])
def test_an_option_that_is_like_none(option: str) -> None:
    assert run(f"build {option}") == (2, "", f"unrep: No such option {option!r}; see 'unrep build --help'\n")


def test_a_command_that_is_like_none() -> None:
    code, _, err = run("xyzzy")
    assert code == 2 and err == "unrep: No such command 'xyzzy'; see 'unrep --help'\n"


@pytest.mark.parametrize("command", ["status --json", "history", "agent --once"])
def test_the_site_of_the_environment(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UNREP_SITE", raising=False)
    assert "Missing option '--site'" in run(command)[2]
    monkeypatch.setenv("UNREP_SITE", str(tmp_path / "none"))
    named = run(f"{command} --site {tmp_path / 'other'}")
    assert str(tmp_path / "none") not in named[2] and "Missing" not in named[2]
    assert run(command)[2] == named[2].replace(str(tmp_path / "other"), str(tmp_path / "none"))


# Each of them costs between 3 and 60 ms in every start.
SLOW = {"concurrent.futures", "difflib", "fsspec", "http.client", "importlib.resources", "logging", "numpy"}
SLOW |= {"sqlalchemy", "ssl", "tqdm", "urllib3", "zoneinfo"}


@pytest.mark.parametrize("words", ["--version", "--help", "status"])
def test_what_is_not_needed_is_not_loaded(words: str, tmp_path: Path) -> None:
    """[A-214]: also where a release is installed, and was written to."""
    at_site: tuple[object, ...] = ()
    if words == "status":
        ship = Ship.sailing(tmp_path, "1.0.0", "1.0.1")
        (ship.root / "unrep.toml").write_text('product = "vms"\n')
        (ship.root / "current" / "health.txt").write_text("ok")
        at_site = ("--site", ship.root)
    assert SLOW & loaded(words, *at_site) == set()
