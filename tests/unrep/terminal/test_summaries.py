"""Summaries of commands that were not loaded: those of the commands themselves."""

import click
import pytest

from tests.support.observers.modules import loaded
from unrep.cli import COMMANDS, cli
from unrep.terminal.summaries import WHOLE_SENTENCE, summary_in_source


@pytest.mark.parametrize("name", COMMANDS)
def test_the_summary_of_a_command(name: str) -> None:
    context = click.Context(cli)
    command = cli.get_command(context, name)
    assert isinstance(cli, click.Group) and command
    found = summary_in_source(f"unrep.commands.{COMMANDS[name]}", f"{name.replace('-', '_')}_command")
    assert found == command.get_short_help_str(WHOLE_SENTENCE) != ""


def test_what_has_none() -> None:
    assert summary_in_source("unrep.nowhere", "x") is summary_in_source("unrep.cli", "none_such") is None
    assert summary_in_source("sys", "x") is None, "no source"


def test_the_help_loads_no_command() -> None:
    found = loaded("--help")
    commands = {name for name in found if name.startswith("unrep.commands.")}
    assert all(name.count(".") == 2 for name in commands), "rooms alone"
