"""Canonical msgpack: one encoding for one value, every other spelling refused [F-3].

A value is decoded into a strict struct and encoded again. Only identical bytes are accepted. That rules out
wide integers, other key orders, duplicate and unknown keys, floats and trailing bytes in one comparison.
"""

from typing import TypeVar

import msgspec

from bundle.errors import Malformed
from bundle.names.plain_text import excerpt

T = TypeVar("T")

MAX_INTEGER = 2**53 - 1

FAULTS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError)  # what decoding raises

_encoder = msgspec.msgpack.Encoder()


def encode(value: object) -> bytes:
    """The canonical encoding of a struct: keys in the struct's order, defaults left out, smallest widths."""
    return _encoder.encode(value)


def decode(data: bytes, kind: type[T], what: str) -> T:
    """Decodes `data` as `kind`. `what` names it in errors. Raises Malformed."""
    try:
        value = msgspec.msgpack.decode(data, type=kind)
    except FAULTS as error:
        raise Malformed(f"{what}: {decoder_message(error)}") from error
    if encode(value) != data:
        raise Malformed(f"{what}: not in canonical form (key order, integer width, duplicate key or trailing byte)")
    return value


def decoder_message(error: Exception) -> str:
    """A decoder's error as one short line. It quotes names from the bytes, which anybody may have written."""
    return excerpt(str(error))
