"""`unrep completion`: a shell completes commands, options and files."""

import click
from click.shell_completion import ShellComplete, get_completion_class

from unrep.errors import UsageRefused
from unrep.terminal.command import Command
from unrep.terminal.console import COMPLETION_VARIABLE, show

SHELLS = ("bash", "zsh", "fish", "powershell")


@click.command(
    "completion",
    cls=Command,
    examples=[
        ("unrep completion bash > ~/.local/share/bash-completion/completions/unrep", "For every bash from now on:"),
        ("unrep completion powershell > unrep.ps1", "A script that $PROFILE can load:"),
    ],
)
@click.argument("shell", metavar="SHELL", type=click.Choice(SHELLS))
@click.pass_context
def completion_command(ctx: click.Context, shell: str) -> None:
    """Print the script by which SHELL completes what is typed after unrep: bash, zsh, fish or powershell.

    In zsh the script goes into a file named _unrep in a directory of $fpath, in fish into completions/unrep.fish. bash
    must be of version 4.4 or newer.
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise UsageRefused(f"{shell}: click is too old to complete there; install a newer one")
    completion = kind(ctx.find_root().command, {}, "unrep", COMPLETION_VARIABLE)
    show(*ShellComplete.source(completion).strip().splitlines())  # that of bash alone would start a bash
