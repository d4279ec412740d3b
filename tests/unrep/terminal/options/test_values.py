"""Values of options: quantities, nonces, groups and interfaces."""

from collections.abc import Callable
from typing import Any

import click
import pytest

from unrep.terminal.options.broadcast import group_option, interface_option
from unrep.terminal.options.nonce import parse_nonce
from unrep.terminal.options.quantities import parse_rate, parse_size

CONTEXT = click.Context(click.Command("x"))
PARAMETER = click.Option(["--x"])


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (parse_rate, "8000", 8000),
        (parse_rate, "64k", 64_000),
        (parse_rate, "1.5M", 1_500_000),
        (parse_rate, "1.5 MB/s", 1_500_000),
        (parse_rate, "16kbit", 2_000),
        (parse_rate, "2 Mbit/s", 250_000),
        (parse_size, "4G", 4_000_000_000),
        (parse_size, "4GB", 4_000_000_000),
        (parse_size, "700m", 700_000_000),
        (parse_size, "2 GiB", 2 << 30),
        (parse_nonce, "00" * 7 + "ff", bytes(7) + b"\xff"),
        (parse_rate, None, None),
        (parse_size, None, None),
        (parse_nonce, None, None),
    ],
)
def test_what_is_taken(parse: Callable[..., Any], text: str | None, value: object) -> None:
    assert parse(CONTEXT, PARAMETER, text) == value


@pytest.mark.parametrize(
    ("parse", "text"),
    [(parse_rate, text) for text in ("", "0", "-1", "4GX", "1e3", "64kb", "0.0001", "k", "1.2345", "7bit")]
    + [(parse_size, text) for text in ("", "0", "700  M", "4T", "8kbit", "0.5")]
    + [(parse_nonce, text) for text in ("", "00", "zz" * 8, "00" * 9)],
)
def test_what_is_refused(parse: Callable[..., Any], text: str) -> None:
    with pytest.raises(click.BadParameter):
        parse(CONTEXT, PARAMETER, text)


@pytest.mark.parametrize("words", [["--group", "10.0.0.1:4000"], ["--group", "239.1.2.3:4000", "--interface", "eth0"]])
def test_groups_and_interfaces_that_are_none(words: list[str]) -> None:
    @click.command()
    @group_option
    @interface_option
    def command(group: object, interface: str | None) -> None:
        pass

    with pytest.raises(click.BadParameter):
        command.main(words, standalone_mode=False)
    command.main(["--group", "239.1.2.3:4000", "--interface", "10.0.0.5"], standalone_mode=False)
