"""The `unrep` command: its group, and the one place where errors become a sentence and an exit code."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from importlib import import_module

import click
from click.exceptions import NoArgsIsHelpError

from bundle.names.plain_text import excerpt
from bundle.version import VERSION
from unrep.errors import NobodyReads, OutputLost
from unrep.terminal.answers import Failure
from unrep.terminal.command import CommandGroup
from unrep.terminal.console import (
    COMPLETION_VARIABLE,
    answer,
    discard_unwritten,
    open_streams,
    restart_in_utf8,
    say,
    say_defect,
    show,
)
from unrep.terminal.exit_codes import EXIT_CODES_HELP, ExitCode, exit_code
from unrep.terminal.summaries import summary_in_source

# Each command in its module of unrep.commands, which is loaded when it is called for: aboard, a second is long.
HEADINGS = {
    "Ashore": {
        "keygen": "shore.keygen",
        "collect": "shore.collect",
        "build": "shore.build",
        "ticket": "shore.ticket",
        "resign": "shore.resign",
        "heartbeat": "shore.heartbeat",
        "inspect": "shore.inspect",
        "verify": "shore.verify",
        "receipt": "shore.receipt",
        "repair": "shore.repair",
        "kit": "shore.kit",
        "demo": "shore.demo",
    },
    "The repository": {
        "repo": "repository.repo",
        "release": "repository.release",
        "channel": "repository.channel",
    },
    "The fleet": {
        "fleet": "fleet.fleet",
    },
    "The link": {
        "publish": "link.publish",
        "serve": "link.serve",
        "export": "link.export",
        "broadcast": "link.broadcast",
        "plan": "link.plan",
        "fetch": "link.fetch",
        "listen": "link.listen",
    },
    "Aboard": {
        "init": "mate.init",
        "check": "aboard.check",
        "adopt": "mate.adopt",
        "apply": "aboard.apply",
        "stick": "mate.stick",
        "page": "mate.page",
        "rollback": "aboard.rollback",
        "status": "aboard.status",
        "history": "aboard.history",
        "metrics": "aboard.metrics",
        "hold": "aboard.hold",
        "resume": "aboard.hold",
        "agent": "aboard.agent",
        "run": "aboard.run",
        "recover": "aboard.recover",
        "gc": "aboard.gc",
        "hear": "aboard.hear",
        "repair-request": "aboard.repair_request",
        "ship-key": "aboard.ship_key",
        "selftest": "aboard.selftest",
    },
    "Trust": {
        "trust": "trust",
    },
    "This program": {
        "completion": "itself.completion",
        "man": "itself.man",
    },
}
COMMANDS = {name: module for commands in HEADINGS.values() for name, module in commands.items()}

MAX_ERROR_CHARACTERS = 4_000  # of a message, which may quote what others wrote


class Commands(CommandGroup):
    """The commands under their headings, in the order in which they are mostly needed."""

    def headings(self, ctx: click.Context) -> Mapping[str, Sequence[str]]:
        """Ashore, the repository, the fleet, the link, aboard, trust."""
        return {heading: list(commands) for heading, commands in HEADINGS.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name; None if there is none."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"unrep.commands.{COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, f"{cmd_name.replace('-', '_')}_command")
        return command

    def summary(self, ctx: click.Context, name: str) -> str:
        """Read from the source of the command's module where that is at hand."""
        found = summary_in_source(f"unrep.commands.{COMMANDS[name]}", f"{name.replace('-', '_')}_command")
        return found or super().summary(ctx, name)


def every_command(group: click.Group, path: str = "unrep") -> Iterator[tuple[str, click.Command]]:
    """All commands of a group that do something by themselves, by what a person types, such as "unrep trust show"."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command and (not isinstance(command, click.Group) or command.invoke_without_command):
            yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from every_command(command, f"{path} {name}")


@click.group(cls=Commands, epilog=EXIT_CODES_HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, message="unrep %(version)s")
def cli() -> None:
    """Carry software releases from shore to ships: small signed bundles, applied whole, rolled back by themselves."""


def main(arguments: list[str] | None = None) -> None:
    """Runs the command and exits with its code."""
    if arguments is None:
        restart_in_utf8()
        arguments = sys.argv[1:]
    open_streams()
    try:
        code = cli.main(arguments, "unrep", complete_var=COMPLETION_VARIABLE, standalone_mode=False) or ExitCode.DONE
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the edge: whatever it is, it ends in one sentence
        if COMPLETION_VARIABLE in os.environ:  # a shell asks, between two keys: nothing is to appear there
            sys.exit(ExitCode.INTERNAL)
        code = _report(error, "--json" in arguments)
    discard_unwritten()
    sys.exit(code)


def _report(error: BaseException, as_json: bool) -> ExitCode:
    if isinstance(error, NoArgsIsHelpError):  # a group of commands without one of them
        show(*error.message.splitlines())
        return ExitCode.DONE
    code = exit_code(error)
    if code == ExitCode.DONE:
        return code
    sentence = excerpt(_sentence(error, code), MAX_ERROR_CHARACTERS)
    say(f"unrep: {sentence}")
    if as_json:
        with suppress(NobodyReads, OutputLost):  # the exit code says it, too
            failure: Failure = {"error": sentence, "exit_code": int(code)}
            answer({**(getattr(error, "document", None) or {}), **failure})
    return code


def _sentence(error: BaseException, code: ExitCode) -> str:
    if code == ExitCode.INTERRUPTED:
        return "interrupted; run the same command again, it goes on from there"
    if code == ExitCode.INTERNAL:
        say_defect(error)
        return f"internal error, a defect of unrep: {error!r}; please report it with the lines above"
    if isinstance(error, PermissionError):
        return f"{error.filename}: {error.strerror}; run unrep as an account that may go there"
    if isinstance(error, click.UsageError):
        message = error.format_message().rstrip(".")
        hint = f"see '{error.ctx.command_path} --help'" if error.ctx else ""
        return f"{message} {hint.capitalize()}" if message.endswith("?") else "; ".join(filter(None, (message, hint)))
    return error.format_message() if isinstance(error, click.ClickException) else str(error)
