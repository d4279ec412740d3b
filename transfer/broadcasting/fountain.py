"""RaptorQ (RFC 6330): any so many symbols of a block, or few more, make it again. The only module that knows the codec.

One source block, one sub-block and an alignment of 8 bytes for each block of a bundle [T-122]. The codec panics on a
symbol of another length than the block's, so that is for the caller to see to.
"""

from collections.abc import Iterable
from typing import Any

from transfer.errors import ExtraMissing

_ID_BYTES = 4  # in front of each symbol: number of the source block, always 0, and the symbol id in 3 bytes


def require_codec() -> Any:
    """The codec. Raises ExtraMissing if it is not installed."""
    try:
        import raptorq
    except ImportError as error:
        raise ExtraMissing("a broadcast needs RaptorQ; install it with: pip install 'unrep[broadcast]'") from error
    return raptorq


class Fountain:
    """The symbols of one block: first those that are its own bytes, then as many more as anybody asks for."""

    def __init__(self, data: bytes, symbol_bytes: int) -> None:
        self._symbols = -(-len(data) // symbol_bytes)
        self._encoder = require_codec().Encoder.with_defaults(data, symbol_bytes)

    def symbols(self, first: int, count: int) -> list[bytes]:
        """`count` symbols from id `first` on. Takes longer the further on they are."""
        packets = self._encoder.get_encoded_packets(max(0, first + count - self._symbols))
        return [packet[_ID_BYTES:] for packet in packets[first : first + count]]


def restore(length: int, symbol_bytes: int, symbols: Iterable[tuple[int, bytes]]) -> bytes | None:
    """A block of that many bytes from (id, symbol), in any order. None if there are too few. Nothing is verified."""
    decoder = require_codec().Decoder.with_defaults(length, symbol_bytes)
    for number, symbol in symbols:
        data: bytes | None = decoder.decode(number.to_bytes(_ID_BYTES, "big") + symbol)
        if data is not None:
            return data
    return None
