"""How many bytes may be paid for, over all runs of one download [T-94]."""

from collections.abc import Callable

from transfer.errors import BudgetSpent


class Budget:
    """`max_bytes` None: any number. `spent_bytes`: what was received so far. `note` is told of each amount."""

    def __init__(self, max_bytes: int | None = None, note: Callable[[int], None] = lambda amount: None) -> None:
        self.spent_bytes = 0
        self._max_bytes = max_bytes
        self._note = note

    @property
    def left_bytes(self) -> int | None:
        """What may still be received; None: any number."""
        return None if self._max_bytes is None else max(0, self._max_bytes - self.spent_bytes)

    def received(self, amount: int) -> None:
        """So many bytes more came over a link that costs."""
        self.spent_bytes += amount
        self._note(amount)

    def spent(self, missing_bytes: int) -> BudgetSpent:
        """What to raise where nothing is left and so much is missing."""
        return BudgetSpent(
            f"--max-bytes {self._max_bytes:,}: {self.spent_bytes:,} bytes were received so far and {missing_bytes:,} "
            "are still missing; what came is kept, run again with a higher --max-bytes to go on"
        )
