"""A command with examples: `--help` shows them, and the reference is generated from them.

@click.command("keygen", cls=Command, examples=[("unrep keygen --out shore", "Make shore.key and shore.pub.")])
"""

import re
from collections.abc import Sequence
from typing import Any

import click

Example = tuple[str, str]  # a command line as a person types it, and what it does
_CONTINUED = " \\"


class _WithExamples(click.Command):
    """`examples`: at least one for a command that does something by itself."""

    def __init__(self, *args: Any, examples: Sequence[Example] = (), **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.examples = list(examples)

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
    """A group of commands with examples of its own."""


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
