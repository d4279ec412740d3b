"""Quantities as a person writes them on the command line: 8000, 64k, 1.5M, 4G."""

import re
from decimal import Decimal

import click

_UNITS = {"": 1, "k": 1_000, "M": 1_000_000, "G": 1_000_000_000}


def parse_rate(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """Bytes per second. Raises BadParameter."""
    if value is None:
        return None
    rate = _parse(value, "kM")
    if rate < 1:
        raise click.BadParameter(f"{value!r} is no rate in bytes per second, such as 8000, 64k or 1.5M", ctx, param)
    return rate


def parse_size(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """Bytes. Raises BadParameter."""
    if value is None:
        return None
    size = _parse(value, "kMG")
    if size < 1:
        raise click.BadParameter(f"{value!r} is no size in bytes, such as 700M or 4G", ctx, param)
    return size


def _parse(value: str, units: str) -> int:
    """The number; 0 for what is none."""
    found = re.fullmatch(rf"([0-9]{{1,12}}(?:\.[0-9]{{1,3}})?)([{units}]?)", value)
    return int(Decimal(found[1]) * _UNITS[found[2]]) if found else 0
