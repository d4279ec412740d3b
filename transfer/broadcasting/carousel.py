"""The order of a broadcast: which symbols of which block come next [T-124]. Pure, and the same every time.

A lap gives each block a sixteenth of its symbols, so that a burst of loss hits each block a little, and all blocks
are complete aboard at about the same time. Ids go on from lap to lap: to a receiver one symbol is as good as another.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from transfer.broadcasting.block import Block

LAPS_PER_ROUND = 16
HEADERS_PER_ROUND = 4
HEADER_INTERVAL = 256
DISTINCT_LAPS = 4 * LAPS_PER_ROUND  # then the ids of a block begin again


@dataclass(frozen=True)
class Turn:
    """`count` symbols of a block, from id `first` on."""

    block: Block
    first: int
    count: int


def carousel(header: Block, blocks: Sequence[Block], rounds: float | None, first_lap: int = 0) -> Iterator[Turn]:
    """The turns of a broadcast; without end if `rounds` is None. A round sends as many symbols as the blocks have.

    `first_lap`: where ids begin, so that a broadcast that is begun again does not repeat what was heard of the last.
    """
    interval = min(HEADER_INTERVAL, max(1, sum(map(round_symbols, blocks)) // HEADERS_PER_ROUND))
    since_header, headers = interval, first_lap
    for lap in count(first_lap) if rounds is None else range(first_lap, first_lap + laps(rounds)):
        for block in blocks or [header]:
            if since_header >= interval:
                yield Turn(header, headers % DISTINCT_LAPS * header.symbols, header.symbols)
                since_header, headers = 0, headers + 1
            share = _lap_symbols(block)
            yield Turn(block, lap % DISTINCT_LAPS * share, share)
            since_header += share


def laps(rounds: float) -> int:
    """How many laps that is, one at least."""
    return max(1, round(rounds * LAPS_PER_ROUND))


def round_symbols(block: Block) -> int:
    """How many symbols of a block a round sends: as many as it has, rounded up to whole laps."""
    return LAPS_PER_ROUND * _lap_symbols(block)


def _lap_symbols(block: Block) -> int:
    return -(-block.symbols // LAPS_PER_ROUND)
