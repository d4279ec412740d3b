"""The group of commands: every one can be found, explained and tried out from its help alone."""

import shlex

import click
import pytest

from tests.support.observers.command import run
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
    assert 1 <= len(examples_of(name)) <= 2
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
