"""The first bytes of a file: a bundle's header, a channel file, a ticket. A damaged copy is asked for again [T-3]."""

from collections.abc import Callable
from typing import TypeVar

from bundle.errors import Refused, named
from bundle.format.layout import PREAMBLE_BYTES, read_preamble

T = TypeVar("T")


def receive_header(receive_range: Callable[[int, int], bytes], first_bytes: int) -> bytes:
    """The header of a bundle and what came with it: at least `first_bytes`, if the file has them [T-2].

    `receive_range(start, end)` brings bytes of the file, and raises TransferError.
    """
    prefix = receive_range(0, first_bytes)
    try:
        header_bytes = read_preamble(prefix[:PREAMBLE_BYTES]).header_bytes
    except Refused:
        return prefix  # for the caller to verify, and to refuse
    return prefix + receive_range(len(prefix), header_bytes)


def receive_verified(
    receive: Callable[[], bytes], verify: Callable[[bytes], T], source: str, max_copies: int
) -> tuple[bytes, T]:
    """The first copy that verifies, and what `verify` makes of it.

    Raises what `verify` raises, with the name of the source before it. It does so for the same bytes a second time, and
    for the last of `max_copies` different ones. Raises what `receive` raises.
    """
    copies: set[bytes] = set()
    while True:
        data = receive()
        try:
            return data, verify(data)
        except Refused as error:
            # A link flips bits at random. The same bytes twice are what the source has.
            if data in copies or len(copies) + 1 >= max_copies:
                raise named(error, source) from None
            copies.add(data)
