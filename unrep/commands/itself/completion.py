"""`unrep completion`: a shell completes commands, options and files."""

from typing import Annotated, TypedDict

import click
from click.shell_completion import ShellComplete, get_completion_class
from msgspec import Meta

from unrep.errors import UsageRefused
from unrep.terminal.answers import json_option
from unrep.terminal.command import Command
from unrep.terminal.console import COMPLETION_VARIABLE, tell

SHELLS = ("bash", "zsh", "fish", "powershell")


class CompletionAnswer(TypedDict):
    """A script for a shell."""

    shell: Annotated[str, Meta(description="The shell.")]
    script: Annotated[str, Meta(description="What it is to load.")]


@click.command(
    "completion",
    cls=Command,
    examples=[
        ("unrep completion bash > ~/.local/share/bash-completion/completions/unrep", "For every bash from now on:"),
        ("unrep completion powershell > unrep.ps1", "A script that $PROFILE can load:"),
    ],
)
@click.argument("shell", metavar="SHELL", type=click.Choice(SHELLS))
@json_option(CompletionAnswer)
@click.pass_context
def completion_command(ctx: click.Context, shell: str, as_json: bool) -> None:
    """Print the script by which SHELL completes what is typed after unrep: bash, zsh, fish or powershell.

    In zsh the script goes into a file named _unrep in a directory of $fpath, in fish into completions/unrep.fish. bash
    must be of version 4.4 or newer.
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise UsageRefused(f"{shell}: click is too old to complete there; install a newer one")
    completion = kind(ctx.find_root().command, {}, "unrep", COMPLETION_VARIABLE)
    script = ShellComplete.source(completion).strip()  # that of bash alone would start a bash
    document: CompletionAnswer = {"shell": shell, "script": f"{script}\n"}
    tell(as_json, document, *script.splitlines())
