"""The pages of exit codes and of JSON answers, read from `unrep.terminal`."""

from typing import Any

import click

from docs.generator.commands import all_commands, anchor
from docs.generator.markdown import code, escaped, page, table
from unrep.terminal.answers import json_options, keys
from unrep.terminal.exit_codes import ExitCode

_EXIT_CODES_INTRODUCTION = (
    "Every command ends with one of these codes. The same list stands at the end of `unrep --help`. "
    "A program should go by the code, and show the sentence on standard error to a person."
)
_COMMANDS = "commands.md"
_JSON_INTRODUCTION = (
    "With `--json` a command prints exactly one JSON object on standard output, in one line of ASCII. "
    "Commands that report many things print one object a line. Progress, warnings and errors go to standard error. "
    "An error is an object too: its keys `error` and `exit_code` stand beside the figures so far."
)


def exit_codes_page() -> str:
    """The page of exit codes."""
    rows = [(str(int(code)), code.meaning) for code in ExitCode]
    return page("Exit codes", _EXIT_CODES_INTRODUCTION, table(["code", "meaning"], rows))


def json_page() -> str:
    """The page of JSON answers: the keys of what each command prints with `--json` or `--events`."""
    return page("JSON answers", _JSON_INTRODUCTION, *(_section(*named) for named in answering()))


def answering() -> list[tuple[str, click.Command]]:
    """The commands that print JSON, by their names."""
    return [(name, command) for name, command in all_commands() if any(map(_is_json, command.params))]


def _is_json(parameter: click.Parameter) -> bool:
    return "--json" in parameter.opts


def _section(name: str, command: click.Command) -> str:
    blocks = [f"## {code(name)} {{ #{anchor(name)} }}", f"[The command]({_COMMANDS}#{anchor(name)})"]
    for option in _options(command):
        many = ": one object a line" if option.is_lines else ""
        for kind, answer in option.answers.items():
            event = f", event {code(kind)}" if kind else ""
            blocks += [f"{code(option.opts[0])}{event}{many}", _keys(answer)]
    return "\n\n".join(blocks)


def _options(command: click.Command) -> list[Any]:
    """The options of a command that ask for JSON, with the types of its answers."""
    return json_options(command)


def _keys(answer: Any) -> str:
    rows = [
        (code(key.name), key.type, escaped(key.description) + ("" if key.is_required else " *Not always there.*"))
        for key in keys(answer)
    ]
    return table(["key", "type", "meaning"], rows)
