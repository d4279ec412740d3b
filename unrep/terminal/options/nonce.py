"""--nonce of a heartbeat: the bytes that a ship asks shore to sign."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from bundle.trust.heartbeat import NONCE_BYTES

F = TypeVar("F", bound=Callable[..., Any])


def nonce_option(text: str) -> Callable[[F], F]:
    """The option, with a help of its own: ashore it is what is signed, aboard what is expected."""
    return click.option("--nonce", metavar="HEX", callback=parse_nonce, help=text)


def parse_nonce(ctx: click.Context, param: click.Parameter, value: str | None) -> bytes | None:
    """8 bytes in hex. Raises BadParameter."""
    try:
        nonce = bytes.fromhex(value) if value is not None else None
    except ValueError:
        nonce = b""
    if nonce is not None and len(nonce) != NONCE_BYTES:
        raise click.BadParameter(f"{value!r} is not {NONCE_BYTES * 2} hexadecimal digits", ctx, param)
    return nonce
