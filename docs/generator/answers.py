"""The pages of exit codes and of JSON answers, read from `unrep.terminal`."""

import importlib
import re
from collections.abc import Mapping
from typing import Any

import click

from docs.generator.commands import all_commands, anchor
from docs.generator.markdown import code, page, table
from unrep.terminal.console import EXIT_CODES_HELP, ExitCode

_CODE_LINE = re.compile(r"^(\d+) +(.+)$", re.MULTILINE)
_EXIT_CODES_INTRODUCTION = (
    "Every command ends with one of these codes. The same list stands at the end of `unrep --help`. "
    "A program should go by the code, and show the sentence on standard error to a person."
)
_JSON_INTRODUCTION = (
    "With `--json` a command prints exactly one JSON object on standard output, in one line of ASCII. "
    "Commands that report many things print one object a line. Messages stay on standard error. "
    "An error is an object too: its keys `error` and `exit_code` stand beside the figures so far."
)


class Unlisted(Exception):
    """The list of exit codes in the help is not the one in the code."""


def exit_codes_page() -> str:
    """The page of exit codes. Raises Unlisted."""
    rows = _CODE_LINE.findall(EXIT_CODES_HELP)
    if [int(number) for number, _ in rows] != [int(code) for code in ExitCode]:
        raise Unlisted("unrep/terminal/console.py: ExitCode and the list in the docstring differ")
    return page("Exit codes", _EXIT_CODES_INTRODUCTION, table(["code", "meaning"], rows))


def json_page() -> str:
    """The page of JSON answers: each command that has `--json`, with the schema of what it prints."""
    known = _schemas()
    sections = [
        f"## {code(name)} {{ #{anchor(name)} }}\n\n{_described(known[name])}" for name in answering() if name in known
    ]
    rows = [(f"[{code(name)}](commands.md#{anchor(name)})",) for name in answering()]
    return page("JSON answers", _JSON_INTRODUCTION, *(sections or [table(["commands with `--json`"], rows)]))


def answering() -> list[str]:
    """The commands that have `--json`."""
    return [name for name, command in all_commands() if _has_json(command)]


def _has_json(command: click.Command) -> bool:
    return any("--json" in parameter.opts for parameter in command.params)


def _schemas() -> Mapping[str, Any]:
    """The schema of each answer by its command, as the program has them."""
    try:
        return importlib.import_module("unrep.terminal.answers").SCHEMAS
    except (ImportError, AttributeError):  # until the program has them
        return {}


def _described(schema: Any) -> str:
    fields = schema.get("properties", {}) if isinstance(schema, Mapping) else {}
    return table(["key", "type"], [(code(key), code(str(value.get("type", "any")))) for key, value in fields.items()])
