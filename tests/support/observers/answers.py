"""Holds what a command prints for `--json` against the type that the command declares."""

import json
from typing import Any

import click
import msgspec

from unrep.cli import cli
from unrep.terminal.answers import Failure, JsonOption, json_options, with_known_keys


def check_answer(arguments: list[str], out: str) -> JsonOption | None:
    """The option that asked for JSON, None if none did.

    Raises AssertionError for a key that is not declared, and for one that is missing or has a value of another type.
    """
    option = next((option for option in json_options(_command(arguments)) if option.opts[0] in arguments), None)
    if option is None:
        return None
    documents = [json.loads(line) for line in out.splitlines()]
    assert option.is_lines or len(documents) <= 1
    for document in documents:
        _check(document, _type(document, option))
    return option


def _command(arguments: list[str]) -> click.Command:
    command: click.Command = cli
    for word in arguments:
        known = isinstance(command, click.Group) and command.get_command(click.Context(command), word)
        if not known:
            break
        command = known
    return command


def _type(document: dict[str, Any], option: JsonOption) -> Any:
    answer = option.answers.get(document.get("event", ""))
    if Failure.__required_keys__ <= document.keys():
        return with_known_keys("Failed", "", Failure, *([answer] if answer else []))
    return answer


def _check(document: dict[str, Any], answer: Any) -> None:
    assert answer, f"no answer is declared for {document}"
    try:
        read = msgspec.convert(document, answer)
    except msgspec.ValidationError as error:
        raise AssertionError(f"{error}: {document}") from error
    known = msgspec.json.decode(msgspec.json.encode(read))  # without the keys that are not declared
    assert known == document
