"""Options that are added as one, and whose values arrive as one."""

from dataclasses import dataclass
from typing import Any

import click
from click.testing import CliRunner

from unrep.terminal.options.grouping import gathered, group

FIRST, SECOND = click.option("--first"), click.option("--second", type=int)


@dataclass(frozen=True)
class Pair:
    """Both values."""

    first: str | None
    second: int | None


def test_a_group_keeps_its_order() -> None:
    @click.command()
    @group(FIRST, SECOND)
    @click.option("--third")
    def command(**values: Any) -> None:
        click.echo(sorted(values))

    assert [parameter.name for parameter in command.params] == ["first", "second", "third"]
    assert CliRunner().invoke(command).output == "['first', 'second', 'third']\n"


def test_gathered_values_arrive_as_one() -> None:
    @click.command()
    @gathered("pair", Pair, FIRST, SECOND)
    @click.option("--third")
    @click.pass_context
    def command(ctx: click.Context, pair: Pair, third: str | None) -> None:
        click.echo((ctx.info_name, pair, third))

    assert [parameter.name for parameter in command.params] == ["first", "second", "third"]
    out = CliRunner().invoke(command, ["--first", "a", "--second", "2", "--third", "c"]).output
    assert out == f"{('command', Pair('a', 2), 'c')}\n"
