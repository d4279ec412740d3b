"""What a download has cost over all its runs: kept in the state file, and counted by the budget [T-94]."""

from bundle.host.clock import Clock
from bundle.read.reader import VerifiedRoot
from transfer.disk.state_file import StateFile
from transfer.links.budget import Budget

MIN_RATE_SAMPLE_BYTES = 64 * 1024  # fewer say nothing of a rate


class CostRecord:
    """Writes down what is received over links that cost something, by a run that began at `began`."""

    def __init__(self, state: StateFile, budget: Budget, clock: Clock, began: float) -> None:
        self._state = state
        self._budget = budget
        self._clock = clock
        self._began = began
        budget.earlier_bytes = state.paid_bytes
        state.add_paid(self._before_bytes, None)  # for a channel file, and for the steps before this one
        budget.on_received = self._add

    def open_state(self, verified: VerifiedRoot) -> None:
        """Opens the state file for a bundle. What was paid for another one does not count. May be repeated.

        Raises DiskFull or OutputRefused.
        """
        if not self._state.is_open:
            self._budget.collect()
            received = self._before_bytes
            self._state.open(verified, received)
            self._budget.earlier_bytes = self._state.paid_bytes - received

    @property
    def _before_bytes(self) -> int:
        """What counts for this bundle though its own state file did not see it come."""
        return self._budget.run_bytes + self._budget.carried_bytes

    def _add(self, amount: int) -> None:
        seconds, paid = self._clock.now() - self._began, self._budget.run_bytes
        self._state.add_paid(amount, paid / seconds if seconds > 0 and paid >= MIN_RATE_SAMPLE_BYTES else None)
