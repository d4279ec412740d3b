"""A command with examples: `--help` shows them, and the reference is generated from them.

@click.command("keygen", cls=Command, examples=[("unrep keygen --out shore", "Make shore.key and shore.pub.")])

A group lists its commands under headings, and names those that somebody may have meant.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import click
from click.shell_completion import CompletionItem

from bundle.names.nearness import did_you_mean
from unrep.terminal.summaries import WHOLE_SENTENCE

Example = tuple[str, str]  # a command line as a person types it, and what it does
_CONTINUED = " \\"


class _WithExamples(click.Command):
    """`examples`: at least one for a command that does something by itself."""

    def __init__(self, *args: Any, examples: Sequence[Example] = (), **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.examples = list(examples)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Reads the arguments. Raises UsageError, for an option that there is not with the names that are near."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            known = [name for parameter in self.get_params(ctx) for name in parameter.opts if name.startswith("--")]
            message = f"No such option {error.option_name!r}{did_you_mean(error.option_name, known)}"
            raise click.UsageError(message, ctx) from error

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the examples below the options."""
        if self.examples:
            with formatter.section("Examples"):
                for line, meaning in self.examples:
                    indent = " " * formatter.current_indent
                    formatter.write(click.wrap_text(meaning, formatter.width, indent, indent) + "\n")
                    formatter.write(_pasteable(line, indent + "  ", formatter.width))
        super().format_epilog(ctx, formatter)


class Command(_WithExamples):
    """A command with examples."""


class CommandGroup(_WithExamples, click.Group):
    """A group of commands with examples of its own. A subclass may give `headings`."""

    def headings(self, ctx: click.Context) -> Mapping[str, Sequence[str]]:
        """The names of the commands under each heading of the help."""
        return {"Commands": self.list_commands(ctx)}

    def summary(self, ctx: click.Context, name: str) -> str:
        """The first sentence of a command's help. A subclass may know it without loading the command."""
        command = self.get_command(ctx, name)
        return command.get_short_help_str(WHOLE_SENTENCE) if command else ""

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """The commands that begin so, each with its summary, and the options of the group."""
        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        commands = [CompletionItem(name, help=self.summary(ctx, name)) for name in names]
        return [*commands, *click.Command.shell_complete(self, ctx, incomplete)]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that was named. Raises UsageError, with the names that are near."""
        names = self.list_commands(ctx)
        if args[0] not in names and not args[0].startswith("-"):
            ctx.fail(f"No such command {args[0]!r}{did_you_mean(args[0], names)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes each heading with its commands, and of each command its whole first sentence."""
        for heading, names in self.headings(ctx).items():
            if names:
                with formatter.section(heading):
                    formatter.write_dl([(name, self.summary(ctx, name)) for name in names])


def _pasteable(line: str, indent: str, width: int) -> str:
    """The command line as a shell takes it: one that is too long goes on before an option, after a backslash."""
    first, *options = re.split(r" (?=--\w)", line)
    lines = [indent + first]
    for option in options:
        if len(lines[-1]) + len(option) + len(_CONTINUED) < width:
            lines[-1] += f" {option}"
        else:
            lines[-1] += _CONTINUED
            lines.append(f"{indent}  {option}")
    return "\n".join(lines) + "\n"
