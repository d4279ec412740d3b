"""The first bytes of a file at a source, and no others: a bundle's header, a channel file, a ticket.

A link may damage bytes, so what does not verify is requested again. The same bytes twice are the source's [T-3].
"""

from collections.abc import Callable
from random import Random
from typing import TypeVar

from bundle.format.layout import PREAMBLE_BYTES
from bundle.host.clock import SystemClock
from bundle.read.reader import VerifiedRoot, verify_header
from bundle.trust.trust import Trust
from transfer.config import TransferConfig
from transfer.links.budget import Budget
from transfer.links.contract import LinkSet
from transfer.scheduling.scheduler import Scheduler
from transfer.scheduling.verified_prefix import receive_header, receive_verified

T = TypeVar("T")


class PrefixReader:
    """Reads and verifies the first bytes of the file at a source.

    `say` is told about waiting, `budget` of what comes over links that cost.
    Every method raises TransferError or Refused.
    """

    def __init__(
        self,
        links: LinkSet,
        trust: Trust,
        config: TransferConfig,
        say: Callable[[str], None],
        budget: Budget | None = None,
    ) -> None:
        self._name = links.links[0].name
        self._trust = trust
        self._max_copies = config.max_bad_copies
        jitter = Random()  # noqa: S311 - spreads retries, hides nothing
        self._scheduler = Scheduler(links, config, SystemClock(), say, jitter, budget)

    @property
    def received_bytes(self) -> int:
        """Every byte that came so far."""
        return self._scheduler.received_bytes

    def header(self) -> VerifiedRoot:
        """The verified root of a bundle. Not a byte behind its header is requested [T-80]."""
        receive = lambda: receive_header(self._scheduler.receive_range, PREAMBLE_BYTES)  # noqa: E731
        return self._verified(receive, lambda data: verify_header(data, self._trust))

    def first(self, max_bytes: int, verify: Callable[[bytes], T]) -> T:
        """What `verify` makes of the first bytes, or of the whole file if it is shorter; it raises Refused."""
        return self._verified(lambda: self._scheduler.receive_range(0, max_bytes), verify)

    def _verified(self, receive: Callable[[], bytes], verify: Callable[[bytes], T]) -> T:
        try:
            return receive_verified(receive, verify, self._name, self._max_copies)[1]
        finally:
            self._scheduler.disconnect()
