"""The first bytes of a file at a source, and no others: a bundle's header, a pointer, a ticket.

A link damages bytes: what does not verify is asked for again; the same bytes twice are the source's [T-3].
"""

from collections.abc import Callable
from random import Random
from typing import TypeVar

from bundle.errors import Refused
from bundle.format.layout import PREAMBLE_BYTES, read_preamble
from bundle.host.clock import SystemClock
from bundle.read.reader import VerifiedRoot, verify_header
from bundle.recipients.ticket import MAX_TICKET_BYTES
from bundle.trust.trust import Trust
from transfer.config import TransferConfig
from transfer.links.budget import Budget
from transfer.links.contract import Sources
from transfer.publishing.latest import MAX_POINTER_BYTES, Pointer, verify_pointer
from transfer.scheduling.scheduler import Reception

T = TypeVar("T")


class Beginning:
    """What the file at the first of some sources begins with.

    `say` is told about waiting, `budget` of what comes over links that cost.
    Every method raises TransferError or Refused.
    """

    def __init__(
        self,
        sources: Sources,
        trust: Trust,
        config: TransferConfig,
        say: Callable[[str], None],
        budget: Budget | None = None,
    ) -> None:
        self._name = sources.links[0].name
        self._trust = trust
        self._max_copies = config.max_bad_copies
        jitter = Random()  # noqa: S311 - spreads retries, hides nothing
        self._reception = Reception(sources, config, SystemClock(), say, jitter, budget)

    @property
    def received_bytes(self) -> int:
        """Every byte that came so far."""
        return self._reception.received_bytes

    def header(self) -> VerifiedRoot:
        """The verified root of a bundle; not a byte behind its header is asked for [T-80]."""
        return self._verified(self._header, lambda data: verify_header(data, self._trust))

    def pointer(self) -> Pointer:
        """What a pointer names [T-54]."""
        read = lambda: self._range(0, MAX_POINTER_BYTES + 1)  # noqa: E731
        return self._verified(read, lambda data: verify_pointer(data, self._trust).pointer)

    def ticket(self, checked: Callable[[bytes], bytes]) -> bytes:
        """A ticket; `checked` hands it on, or raises Refused [T-58]."""
        return self._verified(lambda: self._range(0, MAX_TICKET_BYTES + 1), checked)

    def _header(self) -> bytes:
        head = self._range(0, PREAMBLE_BYTES)
        try:
            return head + self._range(PREAMBLE_BYTES, read_preamble(head).header_bytes)
        except Refused:
            return head  # for `verify_header` to refuse

    def _range(self, start: int, end: int) -> bytes:
        return self._reception.receive_range(start, end)

    def _verified(self, read: Callable[[], bytes], verify: Callable[[bytes], T]) -> T:
        copies: set[bytes] = set()
        try:
            while True:
                data = read()
                try:
                    return verify(data)
                except Refused as error:
                    if data in copies or len(copies) + 1 >= self._max_copies:
                        raise type(error)(f"{self._name}: {error}") from error
                    copies.add(data)
        finally:
            self._reception.close()
