"""Manual pages, in the language of groff_man(7), made from the commands as --help is."""

import re
from collections.abc import Iterator, Sequence

import click

from transfer.errors import ExtraMissing
from unrep.terminal.command import CommandGroup, Example
from unrep.terminal.exit_codes import ExitCode

_ESCAPES = {"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "~": r"\(ti", "^": r"\(ha"}


def man_pages(root: click.Context, version: str) -> tuple[dict[str, str], list[str]]:
    """The text of each page by its name, such as "unrep-trust-show", and a sentence for each that cannot be made."""
    left_out: list[str] = []
    contexts = list(_walk(root, left_out))
    return {_name(context): "\n".join(_page(context, version)) + "\n" for context in contexts}, left_out


def _walk(context: click.Context, left_out: list[str]) -> Iterator[click.Context]:
    yield context
    group = context.command
    if isinstance(group, click.Group):
        for name in group.list_commands(context):
            try:
                command = group.get_command(context, name)
            except ExtraMissing as error:
                left_out.append(f"no page for '{context.command_path} {name}': {error}")
                continue
            if command:
                yield from _walk(click.Context(command, parent=context, info_name=name), left_out)


def _page(context: click.Context, version: str) -> Iterator[str]:
    command = context.command
    summary = command.get_short_help_str(1_000).rstrip(".")
    yield f'.TH {_quoted(_name(context).upper())} 1 "" {_quoted(f"unrep {version}")} "unrep"'
    yield from (".SH NAME", rf"{_text(_name(context))} \- {_text(summary)}", ".SH SYNOPSIS")
    yield rf"\fB{_text(context.command_path)}\fR {_text(' '.join(command.collect_usage_pieces(context)))}"
    yield ".SH DESCRIPTION"
    for number, paragraph in enumerate(re.split(r"\n\s*\n", (command.help or "").replace("\b\n", "").strip())):
        yield from ([".PP"] if number else []) + [_text(" ".join(paragraph.split()))]
    if isinstance(command, CommandGroup):
        yield from _commands(command, context)
    yield ".SH OPTIONS"
    for parameter in command.get_params(context):
        if isinstance(parameter, click.Option) and (record := parameter.get_help_record(context)):
            yield from (".TP", rf"\fB{_text(record[0])}\fR", _text(" ".join(record[1].split())))
    yield from _examples(getattr(command, "examples", ()))
    yield ".SH EXIT STATUS"
    for code in ExitCode:
        yield from (".TP", str(int(code)), _text(code.meaning))
    if context.parent:
        yield from (".SH SEE ALSO", rf"\fB{_text(_name(context.parent))}\fR(1)")


def _commands(group: CommandGroup, context: click.Context) -> Iterator[str]:
    for heading, names in group.headings(context).items():
        yield f".SH {_quoted(heading.upper())}"
        for name in names:
            page = f"{_name(context)}-{name}"
            yield from (".TP", rf"\fB{_text(page)}\fR(1)", _text(group.summary(context, name)))


def _examples(examples: Sequence[Example]) -> Iterator[str]:
    if examples:
        yield ".SH EXAMPLES"
    for line, meaning in examples:
        yield from (".PP", _text(meaning), ".PP", ".RS 4", ".nf", _text(line), ".fi", ".RE")


def _name(context: click.Context) -> str:
    return context.command_path.replace(" ", "-")


def _text(text: str) -> str:
    """So that it is printed as it stands: no escape, no line that begins a request, and dashes that can be copied."""
    text = "".join(_ESCAPES.get(character, character) for character in text)
    return rf"\&{text}" if text.startswith((".", r"\(aq")) else text


def _quoted(text: str) -> str:
    return '"' + _text(text).replace('"', r"\(dq") + '"'
