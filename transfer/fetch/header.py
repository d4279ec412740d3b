"""The header of the bundle, from the first source that has one that verifies [T-1], [T-92]."""

from dataclasses import dataclass, replace
from itertools import count, groupby

from bundle.errors import Refused
from bundle.host.clock import Clock
from bundle.read.reader import VerifiedRoot, verify_header
from bundle.trust.trust import Trust
from transfer.config import TransferConfig
from transfer.disk.output import OutputState
from transfer.errors import BudgetSpent, Incomplete, TransferError
from transfer.scheduling.scheduler import Scheduler
from transfer.scheduling.source import Source
from transfer.scheduling.verified_prefix import receive_header, receive_verified


@dataclass(frozen=True)
class BundlePrefix:
    """The first bytes of a bundle: a header whose root is verified, and what came behind it in the same answer.

    header       preamble, root and signatures
    following    the next bytes of the bundle, not verified
    source       who sent what follows; and the header, unless `for_output` has put that of the output in its place
    """

    header: bytes
    following: bytes
    verified: VerifiedRoot
    source: Source

    @property
    def data(self) -> bytes:
        """All of these bytes."""
        return self.header + self.following

    def for_output(self, output: OutputState) -> "BundlePrefix":
        """The same, with the header that the output has, if that is of the same bundle [T-133].

        Signatures may differ in length. Offsets are those of the file that begins with this header.
        """
        header, verified = output.header_of(self.header, self.verified)
        return replace(self, header=header, verified=verified)


class HeaderReceiver:
    """Asks the sources for the header: those over UDP before those that must be dialed, else in the order named."""

    def __init__(self, scheduler: Scheduler, trust: Trust, config: TransferConfig, clock: Clock) -> None:
        self._scheduler = scheduler
        self._sources = scheduler.sources
        self._trust = trust
        self._config = config
        self._clock = clock

    def receive(self, first_request_bytes: int | None = None) -> BundlePrefix:
        """The header, and what came with it. `first_request_bytes`: how much to ask for first; None: as configured.

        While no source has sent it, each has its turn, and one of twice the length in each round [T-92]. Raises
        TransferError or Refused if none has one that verifies.
        """
        first_bytes = first_request_bytes or self._config.first_request_bytes
        self._scheduler.await_hours()
        began = self._clock.now()
        for round_number in count():
            alive = self._sources.alive
            # Two limits end a turn. A source that brings nothing is left after the same time in every round. One that
            # brings something is left at a deadline, which comes later in each round: a slow link may need that long.
            is_alone = len(alive) == 1
            turns = _in_turn(alive)
            for at, source in enumerate(turns):
                own_turn_s = self._config.udp_turn_s if source.fills_path else self._config.turn_s
                stall_limit_s = self._config.patience_s if is_alone else own_turn_s
                turn_s = stall_limit_s * 2.0**round_number
                is_last = len(self._sources.alive) == 1
                source.retry.deadline = float("inf") if is_last else self._clock.now() + turn_s
                try:
                    # An answer over UDP takes as long as a connection takes to stand: meanwhile the next is dialed.
                    dialed = (one for one in turns[at + 1 :] if _is_dialed(one))
                    standby = next(dialed, None) if source.fills_path and not round_number else None
                    return self._receive_from(source, first_bytes, stall_limit_s, standby)
                except BudgetSpent:
                    raise
                except (TransferError, Refused) as error:
                    # A source that was only slow keeps its place in the next round, until patience is over.
                    is_over = self._clock.now() - began >= self._config.patience_s or len(alive) == 1
                    if is_over or not isinstance(error, Incomplete):
                        self._sources.lose(source, error)
                finally:
                    source.retry.deadline = float("inf")
        raise AssertionError("rounds have no end")

    def _receive_from(
        self, source: Source, first_bytes: int, stall_limit_s: float, standby: Source | None
    ) -> BundlePrefix:
        def receive_range(start: int, end: int) -> bytes:
            return self._scheduler.receive_range(start, end, source, stall_limit_s, standby)

        data, verified = receive_verified(
            lambda: receive_header(receive_range, first_bytes),
            lambda received: verify_header(received, self._trust),
            source.name,
            self._config.max_bad_copies,
        )
        return BundlePrefix(data[: verified.header_bytes], data[verified.header_bytes :], verified, source)


def _is_dialed(source: Source) -> bool:
    """Whether a connection must stand before it can be asked."""
    return not (source.is_free or source.fills_path)


def _in_turn(sources: list[Source]) -> list[Source]:
    """In the order named, but of neighbours that cost something those over UDP first."""
    groups = (group for _, group in groupby(sources, key=lambda one: one.is_free))
    return [source for group in groups for source in sorted(group, key=_is_dialed)]
