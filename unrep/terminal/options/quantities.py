"""Quantities as a person writes them on the command line: 8000, 64k, 1.5M, 4G."""

import re
from decimal import Decimal

import click

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_UNITS = {"": 1, "k": 1_000, "M": 1_000_000, "G": 1_000_000_000}


def parse_rate(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """Bytes per second. Raises BadParameter."""
    return _parse(value, "kM", "rate in bytes per second, such as 8000, 64k or 1.5M", ctx, param)


def parse_size(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """Bytes. Raises BadParameter."""
    return _parse(value, "kMG", "size in bytes, such as 700M or 4G", ctx, param)


def parse_duration(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """Seconds. Raises BadParameter."""
    if value is None:
        return None
    found = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)([smhd]?)", value)
    seconds = float(found[1]) * _SECONDS[found[2]] if found else 0.0
    if seconds <= 0:
        raise click.BadParameter(f"{value!r} is no time, such as 90s, 45m, 6h or 2d", ctx, param)
    return seconds


def _parse(value: str | None, units: str, kind: str, ctx: click.Context, param: click.Parameter) -> int | None:
    if value is None:
        return None
    found = re.fullmatch(rf"([0-9]{{1,12}}(?:\.[0-9]{{1,3}})?)([{units}]?)", value)
    number = int(Decimal(found[1]) * _UNITS[found[2]]) if found else 0
    if number < 1:
        raise click.BadParameter(f"{value!r} is no {kind}", ctx, param)
    return number
