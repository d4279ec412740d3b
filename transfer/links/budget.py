"""How many bytes may be paid for, over all runs of one download [T-94], and how many came, counted where they come in.

Bytes are counted on the threads of connections, at the socket: heads, redirects and answers that are of no use among
them [T-134]. What is to be noted of them is noted on the thread of the session.
"""

from collections.abc import Callable
from threading import Lock

from transfer.errors import BudgetSpent


class Budget:
    """What one command may receive over links that cost something, and has received.

    earlier_bytes   received by earlier runs of the same download
    carried_bytes   ... of the bundles before this one, of which each has a record of its own
    run_bytes       received by this run
    on_received     is told of each amount, by `collect`
    """

    def __init__(self, max_bytes: int | None = None) -> None:
        self.earlier_bytes = 0
        self.carried_bytes = 0
        self.run_bytes = 0
        self.on_received: Callable[[int], None] = lambda amount: None
        self._max_bytes = max_bytes
        self._fresh_bytes = 0
        self._counting = Lock()

    @property
    def left_bytes(self) -> int | None:
        """What may still be received; None: any number."""
        return None if self._max_bytes is None else max(0, self._max_bytes - self.spent_bytes)

    @property
    def max_bytes(self) -> int | None:
        """What may be received in all; None: any number."""
        return self._max_bytes

    @property
    def spent_bytes(self) -> int:
        """What was received in all runs."""
        return self.earlier_bytes + self.carried_bytes + self.run_bytes

    def begin_next(self) -> None:
        """Another bundle of the same download follows: what earlier runs received for this one goes on to count."""
        self.carried_bytes += self.earlier_bytes
        self.earlier_bytes = 0

    def received(self, amount: int) -> None:
        """So many bytes more came. For any thread."""
        with self._counting:
            self.run_bytes += amount
            self._fresh_bytes += amount

    def collect(self) -> None:
        """Has noted what came since the last time. Raises what `on_received` raises."""
        with self._counting:
            fresh, self._fresh_bytes = self._fresh_bytes, 0
        if fresh:
            self.on_received(fresh)

    def spent(self, missing_bytes: int) -> BudgetSpent:
        """What to raise where too little is left and so much is missing."""
        return BudgetSpent(
            f"--max-bytes {self._max_bytes:,}: {self.spent_bytes:,} bytes were received so far and "
            f"{missing_bytes:,} are still missing; what came is kept, run again with a higher --max-bytes to go on"
        )


class Meter:
    """What came over the connections of one link, from any of their threads.

    received_bytes   every byte, whatever it was
    head_bytes       how many the last answer had before its body
    budget           that it counts for; None: they cost nothing
    """

    def __init__(self) -> None:
        self.received_bytes = 0
        self.head_bytes = 0
        self.budget: Budget | None = None
        self._counting = Lock()

    def may_take(self, amount: int) -> int:
        """How many of so many bytes may be received now."""
        left = self.budget.left_bytes if self.budget else None
        return amount if left is None else min(amount, left)

    def count(self, amount: int) -> None:
        """So many bytes came."""
        with self._counting:
            self.received_bytes += amount
        if self.budget:
            self.budget.received(amount)
