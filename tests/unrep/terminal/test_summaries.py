"""Summaries of commands that were not loaded: those of the commands themselves."""

import subprocess
import sys

import click
import pytest

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
    """Nor what takes a tenth of a second: numpy, tqdm, urllib3."""
    code = (
        "import sys; from unrep.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "print(*(name for name in sys.modules if name.startswith('unrep.commands.')))\n"
        "print(*({'numpy', 'tqdm', 'urllib3', 'fsspec', 'sqlalchemy'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *_, commands, slow = done.stdout.split("\n")[:-1]
    assert all(name.count(".") == 2 for name in commands.split()), "rooms alone"
    assert slow == ""
