"""The page of commands: each with its help, arguments, options and examples, read from `unrep.cli`."""

from collections.abc import Iterator, Sequence
from typing import Any

import click

from docs.generator.markdown import code, escaped, page, paragraphs, table
from unrep.cli import cli

INTRODUCTION = (
    "Every command of `unrep`, as `unrep COMMAND --help` prints it. This page is made from the program at build time. "
    "The [exit codes](exit-codes.md) and the [JSON answers](json.md) have pages of their own."
)

Named = tuple[str, click.Command]


def all_commands() -> list[Named]:
    """Every command by its full name, such as `unrep trust init`; a group before its commands."""
    return list(_walk("unrep", cli))[1:]


def _walk(name: str, command: click.Command) -> Iterator[Named]:
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=name)
        for child in command.list_commands(context):
            if (found := command.get_command(context, child)) and not found.hidden:
                yield from _walk(f"{name} {child}", found)


def anchor(name: str) -> str:
    """The anchor of a command on the page."""
    return name.replace(" ", "-")


def commands_page() -> str:
    """The whole page."""
    named = all_commands()
    rows = [(f"[{code(name)}](#{anchor(name)})", escaped(command.get_short_help_str(200))) for name, command in named]
    return page(
        "Commands", INTRODUCTION, table(["command", "what it does"], rows), *(_section(*entry) for entry in named)
    )


def _section(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=name)
    usage = f"{name} {' '.join(command.collect_usage_pieces(context))}"
    blocks = [
        f"## {code(name)} {{ #{anchor(name)} }}",
        f"```text\n{usage}\n```",
        paragraphs((command.help or "").replace("\b\n", "")),
        _options(command, context),
        _examples(command),
    ]
    return "\n\n".join(filter(None, blocks))


def _options(command: click.Command, context: click.Context) -> str:
    options = [p for p in command.get_params(context) if isinstance(p, click.Option) and "--help" not in p.opts]
    rows = [(code(_spelled(option, context)), _meaning(option, context)) for option in options if not option.hidden]
    return table(["option", "meaning"], rows) if rows else ""


def _spelled(option: click.Option, context: click.Context) -> str:
    names = ", ".join([*option.opts, *option.secondary_opts])
    return names if option.is_flag else f"{names} {option.make_metavar(context)}"


def _meaning(option: click.Option, context: click.Context) -> str:
    facts = ["required"] if option.required else []
    if option.multiple and "repeatable" not in (option.help or "").lower():
        facts.append("repeatable")
    default = option.get_default(context, call=False)
    if option.show_default and default is not None and not option.is_flag:
        facts.append(f"default {code(str(default))}")
    if isinstance(option.type, click.IntRange | click.FloatRange):
        facts += _range(option.type)
    said = escaped(option.help or "")
    return f"{said} ({', '.join(facts)})" if facts else said


def _range(kind: click.IntRange | click.FloatRange) -> list[str]:
    low = [] if kind.min is None else [f"{'above' if kind.min_open else 'at least'} {kind.min:,g}"]
    return low + ([] if kind.max is None else [f"{'below' if kind.max_open else 'at most'} {kind.max:,g}"])


def _examples(command: click.Command) -> str:
    """The examples that a command carries: lines, or lines with a word on each."""
    given: Sequence[Any] = getattr(command, "examples", ())
    if not given:
        return ""
    lines: list[str] = []
    for example in [given] if isinstance(given, str) else given:
        parts = [example] if isinstance(example, str) else list(example)
        lines += [line if line.startswith(("#", "$")) else f"$ {line}" for line in parts[:1]]
        lines[-1:] = [*(f"# {word}" for word in parts[1:]), *lines[-1:]]
    return "Examples:\n\n```text\n" + "\n".join(lines) + "\n```"
