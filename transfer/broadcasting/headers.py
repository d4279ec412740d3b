"""Headers on the air: each bundle's is collected until it is whole, in memory that is bounded whatever is sent.

Nothing is known of a bundle before its header is, so this is all that anybody on the group can make a listener keep.
"""

from dataclasses import dataclass, field

from bundle.format.layout import MAX_ROOT_BYTES, MAX_SIGNATURES_BYTES, PREAMBLE_BYTES
from transfer.broadcasting.block import HEADER_BLOCK, Block, header_block
from transfer.broadcasting.datagram import Datagram, bundle_id
from transfer.broadcasting.fountain import restore

MAX_HEADER_BYTES = PREAMBLE_BYTES + MAX_ROOT_BYTES + MAX_SIGNATURES_BYTES
MAX_CANDIDATES = 16
SPARE_SYMBOLS = 8

Sender = tuple[str, int]


@dataclass
class _Candidate:
    block: Block
    symbols: dict[int, bytes] = field(default_factory=dict)


class Headers:
    """Up to MAX_CANDIDATES headers on their way [T-127]; the one that has come least far makes room for another.

    What one sender says is never mixed with another's: a header comes often enough.
    """

    def __init__(self) -> None:
        self._candidates: dict[tuple[Sender, bytes, int], _Candidate] = {}

    def take(self, datagram: Datagram, sender: Sender) -> bytes | None:
        """Takes a symbol in; the header, once it is whole and the one that its id names. Nobody's signature is seen."""
        if datagram.block != HEADER_BLOCK or datagram.block_bytes > MAX_HEADER_BYTES:
            return None
        key = sender, datagram.bundle, datagram.block_bytes
        candidate = self._candidates.pop(key, None) or _Candidate(header_block(datagram.block_bytes))
        block = candidate.block
        if len(datagram.data) != block.symbol_bytes:
            return None
        candidate.symbols[datagram.symbol] = datagram.data
        if len(candidate.symbols) >= block.symbols:
            header = restore(block.length, block.symbol_bytes, candidate.symbols.items())
            if header is not None and bundle_id(header) == datagram.bundle:
                return header
            if header is not None or len(candidate.symbols) >= block.symbols + SPARE_SYMBOLS:
                return None  # damaged, or a lie: collected anew
        self._keep(key, candidate)
        return None

    def _keep(self, key: tuple[Sender, bytes, int], candidate: _Candidate) -> None:
        if len(self._candidates) >= MAX_CANDIDATES:
            least = min(self._candidates, key=lambda other: len(self._candidates[other].symbols))
            del self._candidates[least]
        self._candidates[key] = candidate
