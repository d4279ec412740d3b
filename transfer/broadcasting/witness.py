"""Whom to believe about a block: anybody at first, then one sender at a time once the block was wrong.

Datagrams are not signed. So a block that turned out wrong is collected again from a single sender, the one that was
found wrong least often. A sender that only adds noise to the group cannot hold a block up for long [T-130].
"""

from collections import Counter
from dataclasses import dataclass

from transfer.broadcasting.headers import Sender

MAX_REMEMBERED = 1024


@dataclass(frozen=True)
class Judged:
    """`is_heard`: whether the symbol counts. `begins_anew`: what came of the block before it does not any more."""

    is_heard: bool
    begins_anew: bool = False


class Witness:
    """Who is heard about which block."""

    def __init__(self) -> None:
        self._only: dict[int, Sender | None] = {}  # blocks that were wrong once; None until somebody speaks
        self._wrong: Counter[Sender] = Counter()

    def hear(self, block: int, sender: Sender) -> Judged:
        """Judges a symbol of a block by who sent it."""
        if block not in self._only:
            return Judged(True)
        believed = self._only[block]
        if believed is None:
            self._only[block] = sender
        elif believed != sender:
            if self._wrong[sender] >= self._wrong[believed]:
                return Judged(False)
            self._only[block] = sender
            return Judged(True, begins_anew=True)
        return Judged(True)

    def refute(self, block: int) -> None:
        """What was said about the block was wrong."""
        believed = self._only.get(block)
        if believed is not None:
            if len(self._wrong) >= MAX_REMEMBERED:
                self._wrong.clear()
            self._wrong[believed] += 1
        self._only[block] = None

    def close(self, block: int) -> None:
        """The block is there."""
        self._only.pop(block, None)
