"""What `--json` prints, as data: the type of every answer, and from it a JSON Schema or a flat list of its keys.

    for option in json_options(command):            # --json; of 'unrep fetch' also --events
        for kind, answer in option.answers.items(): # kind: "" for the only one, else the value of "event"
            schema(answer), keys(answer)

A command declares its answer with `@json_option(Answer)`. `Answer` is a TypedDict or a dataclass beside the code that
prints it [A-216]. A command that fails prints what it knows of its answer, with the keys of `Failure` added. Its
`--json-schema` prints the schema of all its answers. A key that is added changes no version. One that goes, or means
something else, makes the next.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, NotRequired, TypedDict, TypeVar, get_origin, get_type_hints

import click
import msgspec
from msgspec import Meta

from unrep.terminal.console import show

F = TypeVar("F", bound=Callable[..., Any])

Product = Annotated[str, Meta(description="What the release is of.")]
Version = Annotated[str, Meta(description="Version of the release.")]
Seq = Annotated[int, Meta(description="Sequence number of the release.")]
Epoch = Annotated[int, Meta(description="Epoch of the release; a new one starts seq again.")]
TreeHash = Annotated[str, Meta(description="Tree hash of the release, in hex.")]
Seconds = Annotated[float, Meta(description="How long the command took.")]
PeakMemory = Annotated[
    int | None, Meta(description="Largest resident memory of the process or a child; null on Windows.")
]


class Failure(TypedDict):
    """What a failed command adds to its answer."""

    error: Annotated[str, Meta(description="What went wrong and what to do, in one sentence.")]
    exit_code: Annotated[int, Meta(description="The exit code of the command.")]


class KeyPairAnswer(TypedDict):
    """A key pair that was made."""

    private: Annotated[str, Meta(description="Path of the private key.")]
    public: Annotated[str, Meta(description="Path of the public key.")]
    key_id: Annotated[str, Meta(description="Id of the key, in hex.")]


class SectionAnswer(TypedDict):
    """A section of a bundle."""

    kind: Annotated[str, Meta(description="'delta' from a base, or 'full'.")]
    base: Annotated[str, Meta(description="Tree hash of the base, in hex; empty for the full section.")]
    bytes: Annotated[int, Meta(description="Stored size of the section, in bytes.")]


class JsonOption(click.Option):
    """An option that asks for JSON on standard output.

    `answers`: the type of the object under the key "", or a type for each kind of event. `is_lines`: any number of
    objects, one a line. `version`: of the schema.
    """

    def __init__(self, *args: Any, answers: Mapping[str, Any], is_lines: bool, version: int, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.answers = dict(answers)
        self.is_lines = is_lines
        self.version = version


def with_known_keys(name: str, meaning: str, required: Any, *others: Any) -> Any:
    """A type with all keys of `required`, a TypedDict, and any of the keys of `others`."""
    known = {key: _not_required(value) for other in others for key, value in _annotations(other).items()}
    made: Any = TypedDict(name, known | _annotations(required))  # type: ignore[misc]  # its keys are computed
    made.__doc__ = meaning
    return made


def _not_required(value: Any) -> Any:
    return value if get_origin(value) is NotRequired else NotRequired[value]


def _annotations(answer: Any) -> dict[str, Any]:
    return get_type_hints(answer, include_extras=True)


def json_option(answer: Any, version: int = 1) -> Callable[[F], F]:
    """`--json` of a command that prints one object of that type, and `--json-schema`."""
    text = "Print one JSON object on standard output."
    return _with_schema(
        click.option(
            "--json",
            "as_json",
            is_flag=True,
            cls=JsonOption,
            answers={"": answer},
            is_lines=False,
            version=version,
            help=text,
        )
    )


def json_lines_option(
    answers: Mapping[str, Any], of_what: str, name: str = "--json", parameter: str = "as_json", version: int = 1
) -> Callable[[F], F]:
    """An option that asks for one object a line; `of_what`: what a line is, such as "an event"."""
    text = f"Print one JSON object a line, one line {of_what}."
    option: Callable[[F], F] = click.option(
        name, parameter, is_flag=True, cls=JsonOption, answers=answers, is_lines=True, version=version, help=text
    )
    return _with_schema(option) if name == "--json" else option


def _with_schema(option: Callable[[F], F]) -> Callable[[F], F]:
    shown = click.option(
        "--json-schema",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_show_schemas,
        help="Print the JSON Schema of what --json prints, and end.",
    )
    return lambda command: option(shown(command))


def _show_schemas(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        show(*json.dumps(command_schema(ctx.command_path, ctx.command), indent=2).splitlines())
        ctx.exit()


def command_schema(path: str, command: click.Command) -> dict[str, Any]:
    """The JSON Schema of whatever a command prints; `path`: the command as a person types it."""
    options = json_options(command)
    types = [answer for option in options for answer in (*option.answers.values(), Failure)]
    schemas, defined = msgspec.json.schema_components(types, ref_template="#/$defs/{name}")
    unique = [made for at, made in enumerate(schemas) if made not in schemas[:at]]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:unrep:{path.removeprefix('unrep ').replace(' ', ':')}:{options[0].version}",
        "title": f"What '{path} --json' prints",
        "anyOf": unique,
        "$defs": defined,
    }


def json_options(command: click.Command) -> list[JsonOption]:
    """The options of a command that ask for JSON; none for a command that has no answer."""
    return [parameter for parameter in command.params if isinstance(parameter, JsonOption)]


def schema(answer: Any) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of an answer, with its nested types under "$defs"."""
    return msgspec.json.schema(answer)


@dataclass(frozen=True)
class Key:
    """A key of an answer. `name`: "bases[].tree" is in each item of a list, "steps.*" stands for keys that vary."""

    name: str
    type: str
    description: str
    is_required: bool


def keys(answer: Any) -> list[Key]:
    """All keys of an answer, those of nested objects behind the key that holds them."""
    whole = schema(answer)
    return list(_keys(whole, whole.get("$defs", {}), ""))


def _keys(node: dict[str, Any], types: dict[str, Any], prefix: str) -> Iterator[Key]:
    node = _resolved(node, types)
    required = node.get("required", [])
    for name, value in node.get("properties", {}).items():
        yield Key(f"{prefix}{name}", _type(value, types), _description(value, types), name in required)
        yield from _nested(value, types, f"{prefix}{name}")


def _nested(value: dict[str, Any], types: dict[str, Any], name: str) -> Iterator[Key]:
    for form in _forms(value, types):
        if isinstance(items := form.get("items"), dict):
            yield from _nested(items, types, f"{name}[]")
        elif isinstance(others := form.get("additionalProperties"), dict):
            yield Key(f"{name}.*", _type(others, types), _description(value, types), False)
        else:
            yield from _keys(form, types, f"{name}.")


def _type(value: dict[str, Any], types: dict[str, Any]) -> str:
    forms = _forms(value, types)
    named = [str(form.get("type") or " or ".join(map(repr, form.get("enum", ["any"])))) for form in forms]
    return " or ".join(named)


def _description(value: dict[str, Any], types: dict[str, Any]) -> str:
    """Its own, else that of the type."""
    return str(value.get("description") or _resolved(value, types).get("description", ""))


def _forms(value: dict[str, Any], types: dict[str, Any]) -> list[dict[str, Any]]:
    """The alternatives of a value, references replaced."""
    return [_resolved(form, types) for form in value.get("anyOf", [value])]


def _resolved(node: dict[str, Any], types: dict[str, Any]) -> dict[str, Any]:
    reference = node.get("$ref")
    return types[reference.rsplit("/", 1)[1]] if reference else node
