"""Quantities as a person writes them on the command line: 8000, 64k, 1.5MB, 4GB, and rates in bits, 16kbit."""

import re
from decimal import Decimal

import click

_PREFIXES = {"": 1, "k": 1_000, "m": 1_000_000, "g": 1_000_000_000, "ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30}
_NUMBER = r"([0-9]{1,12}(?:\.[0-9]{1,3})?) ?"
_SIZE = re.compile(_NUMBER + "((?:[kKmMgG]i?)?)B?")
_RATE = re.compile(_NUMBER + "((?:[kKmMgG]i?)?)(B|B/s|bit|bit/s)?")
_BITS = 8


def parse_rate(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """Bytes per second, of 64k, 1.5MB or 16kbit. Raises BadParameter."""
    if value is None:
        return None
    found = _RATE.fullmatch(value)
    unit = (found[3] or "B") if found else ""
    rate = _scaled(found) // (_BITS if unit.startswith("bit") else 1)
    if rate < 1:
        raise click.BadParameter(
            f"{value!r} is no rate, such as 8000, 64k or 1.5MB in bytes per second, or 16kbit", ctx, param
        )
    return rate


def parse_size(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """Bytes, of 700M or 4GB. Raises BadParameter."""
    if value is None:
        return None
    size = _scaled(_SIZE.fullmatch(value))
    if size < 1:
        raise click.BadParameter(f"{value!r} is no size in bytes, such as 700M or 4GB", ctx, param)
    return size


def _scaled(found: re.Match[str] | None) -> int:
    """The number with its prefix; 0 for none."""
    return int(Decimal(found[1]) * _PREFIXES[found[2].lower()]) if found else 0
