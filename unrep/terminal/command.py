"""A command with examples: `--help` shows them, and the reference is generated from them.

@click.command("keygen", cls=Command, examples=[("unrep keygen --out shore", "Make shore.key and shore.pub.")])
"""

import textwrap
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
                    formatter.write_text(meaning)
                    formatter.write(_shown(line, formatter))
        super().format_epilog(ctx, formatter)


class Command(_WithExamples):
    """A command with examples."""


class CommandGroup(_WithExamples, click.Group):
    """A group of commands with examples of its own."""


def _shown(line: str, formatter: click.HelpFormatter) -> str:
    """The command line as it can be pasted into a shell: one that is too long goes on after a backslash."""
    indent = " " * (formatter.current_indent + 2)
    width = formatter.width - len(indent) - len(_CONTINUED)
    lines = textwrap.wrap(line, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return indent + f"{_CONTINUED}\n{indent}".join(lines) + "\n"
