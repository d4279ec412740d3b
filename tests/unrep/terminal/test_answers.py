"""Answers as data: each key of each answer is described, and none goes or changes unseen.

`answers.txt` has the keys of all answers. Whoever changes one writes it anew, and reads the difference: a key that went
or means something else needs the next version of its command's schema.

    python -m tests.unrep.terminal.test_answers
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypedDict

import click
import pytest
from msgspec import Meta

from tests.support.observers.command import run
from unrep.cli import cli, every_command
from unrep.terminal.answers import (
    Failure,
    JsonOption,
    Key,
    command_schema,
    json_lines_option,
    json_option,
    json_options,
    keys,
    schema,
    with_known_keys,
)

COMMANDS = dict(every_command(cli))
HELD = Path(__file__).parent / "answers.txt"
ANSWERS = [
    pytest.param(answer, id=f"{name} {option.opts[0]} {kind}")
    for name, command in every_command(cli)
    for option in json_options(command)
    for kind, answer in option.answers.items()
]


class Inner(TypedDict):
    """Something inside."""

    size: Annotated[int | None, Meta(description="How large.")]


@dataclass
class Outer:
    """Something with parts."""

    parts: Annotated[list[Inner], Meta(description="The parts.")]
    steps: Annotated[dict[str, float], Meta(description="Seconds of each.")]
    word: Annotated[str, Meta(description="A word.")] = ""


@pytest.mark.parametrize("answer", ANSWERS)
def test_every_key_is_described(answer: type) -> None:
    found = keys(answer)
    assert found and [key.name for key in found if not key.description.endswith((".", "]."))] == []
    assert json.loads(json.dumps(schema(answer)))["$defs"]


def test_keys_of_nested_objects() -> None:
    assert keys(Outer) == [
        Key("parts", "array", "The parts.", True),
        Key("parts[].size", "integer or null", "How large.", True),
        Key("steps", "object", "Seconds of each.", True),
        Key("steps.*", "number", "Seconds of each.", False),
        Key("word", "string", "A word.", False),
    ]


def test_keys_that_are_known_at_times() -> None:
    made = with_known_keys("Made", "Something that failed.", Failure, Inner)
    found = {key.name: key.is_required for key in keys(made)}
    assert found == {"error": True, "exit_code": True, "size": False}
    assert schema(made)["$defs"]["Made"]["description"] == "Something that failed."
    again = with_known_keys("Again", "", Failure, made)
    assert {key.name: key.is_required for key in keys(again)} == found


def test_options_that_ask_for_json() -> None:
    @click.command()
    @json_lines_option({"a": Inner, "b": Outer}, "an event", "--events", "as_events")
    @json_option(Inner)
    @click.option("--other")
    def command() -> None:
        pass

    events, one = json_options(command)
    assert isinstance(one, JsonOption)
    assert (events.opts, events.answers, events.is_lines) == (["--events"], {"a": Inner, "b": Outer}, True)
    assert (one.opts, one.answers, one.is_lines) == (["--json"], {"": Inner}, False)


def lines() -> list[str]:
    """A line for each key of each answer of each command."""
    return [
        f"{name} {option.version} {' '.join(filter(None, (option.opts[0], kind)))}: "
        f"{key.name}, {key.type}{'' if key.is_required else ', may lack'}"
        for name, command in every_command(cli)
        for option in json_options(command)
        for kind, answer in option.answers.items()
        for key in keys(answer)
    ]


# They run until they are stopped, or show a person something: what they say is no result.
WITHOUT = {"unrep demo", "unrep serve", "unrep page", "unrep run", "unrep fleet serve"}


def test_every_command_with_a_result_has_it_as_json() -> None:
    """[A-216]"""
    assert {name for name, command in COMMANDS.items() if not json_options(command)} == WITHOUT


def test_no_answer_changes_unseen() -> None:
    assert HELD.read_text().splitlines() == lines()


@pytest.mark.parametrize("name", [name for name, command in every_command(cli) if json_options(command)])
def test_the_schema_of_a_command(name: str) -> None:
    code, out, err = run(f"{name.removeprefix('unrep ')} --json-schema")
    made = json.loads(out)
    assert code == 0 and not err and made == json.loads(json.dumps(command_schema(name, COMMANDS[name])))
    validator = pytest.importorskip("jsonschema").Draft202012Validator
    validator.check_schema(made)
    assert validator(made).is_valid({"error": "It failed.", "exit_code": 2})
    assert not validator(made).is_valid({"error": "It failed."})


if __name__ == "__main__":
    HELD.write_text("".join(f"{line}\n" for line in lines()))
