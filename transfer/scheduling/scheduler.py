"""Bytes from one or several sources, whatever becomes of their connections.

One thread, one clock, one event after the other. Each round gives idle connections work, dials those that are due, and
takes in the next event. A connection that ends leaves its range from the very next byte on to another [T-23]. A source
that cannot serve, or sends what was not signed, is lost, and the session goes on with the others [T-90].

A connection that goes silent is kept. Once nothing else is left to ask for, its range is asked for on a second one as
well. The two are rivals in a race: the first to deliver wins, and the other is closed [T-20].
"""

from collections.abc import Callable, Generator
from collections.abc import Set as AbstractSet
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from random import Random

from bundle.format.layout import PREAMBLE_BYTES
from bundle.host.clock import Clock
from bundle.read.reader import VerifiedRoot
from transfer.config import TransferConfig
from transfer.errors import Incomplete, SourceCorrupt, TransferError
from transfer.hours import Always, Hours
from transfer.links.budget import Budget
from transfer.links.contract import Arrived, Connection, Event, LinkSet, Opened
from transfer.plan import Slot
from transfer.scheduling.dispatcher import Dispatcher
from transfer.scheduling.range_queue import RangeQueue
from transfer.scheduling.rate_limiter import RateLimiter
from transfer.scheduling.source import Source
from transfer.scheduling.source_group import SourceGroup
from transfer.source_layout import header_bytes_of

NAP_S = 30.0  # a clock may be set meanwhile
LEAST_TURN_S = 1.0  # for an answer over UDP, while another one could be asked,
GRACE_S = 0.25  # ... or what its connection took to stand, and so much more,
GRACE_SHARE = 0.5  # ... or this share of it
MARGIN_S = 0.001  # behind a moment to wait for, so that it has come whatever the clock rounds


@dataclass
class Standby:
    """A source that is dialed while another one is asked over UDP, which has the first turn [T-92].

    since       when that one was asked
    answer_by   when it must have been heard; not known before a connection stands
    """

    source: Source
    asked: Source
    since: float
    answer_by: float = float("inf")

    def stands(self, took_s: float) -> None:
        """A connection has taken so long. A box aboard may have accepted it, long before the far end could."""
        self.answer_by = self.since + max(LEAST_TURN_S, took_s + max(GRACE_S, GRACE_SHARE * took_s))

    def decide(self) -> None:
        """That moment has come."""
        if not self.asked.is_heard:
            self.asked.retry.deadline = self.answer_by
        self.answer_by = float("inf")


class Scheduler:
    """Receives ranges from the links of a session.

    `links`: what is read. `hours`: when links that cost something may be used. `budget`: what they may cost.
    `say` is told about waiting and about sources that are lost.
    """

    def __init__(
        self,
        links: LinkSet,
        config: TransferConfig,
        clock: Clock,
        say: Callable[[str], None],
        jitter: Random,
        budget: Budget | None = None,
        hours: Hours | None = None,
    ) -> None:
        self._make_source = partial(Source, config=config, clock=clock, say=say, jitter=jitter)
        self.sources = SourceGroup([self._make_source(link) for link in links.links], say)
        self._links = links
        self._config = config
        self._clock = clock
        self._limiter = RateLimiter(config.limit_bytes_per_s, clock)
        self._limited_bytes = 0
        self._budget = budget or Budget()
        self._hours = hours or Always()
        self._bundle: VerifiedRoot | None = None
        self._standby: Standby | None = None
        for source in self.sources:
            source.meter.budget = None if source.is_free else self._budget

    @property
    def received_bytes(self) -> int:
        """Every byte that came over the links, of use or not."""
        return self.sources.received_bytes

    def begin_bundle(
        self, verified: VerifiedRoot, header_source: Source | None = None, header_bytes: int | None = None
    ) -> None:
        """From now on ranges are of the output, which has that header. A file that ends before the bundle is a fault.

        `header_source`: the one whose header was received. In its file that has `header_bytes`. The layouts of the
        others are not known yet.
        """
        self._bundle = verified
        for source in self.sources:
            source.layout.begin(verified, header_bytes if source is header_source else None)

    def check_unchanged(self, verified: VerifiedRoot, error: SourceCorrupt) -> None:
        """Asks the source that was lost to that error for the bundle's root once more [T-25].

        Raises Incomplete if the file there was exchanged for another one since the session began.
        """
        self.disconnect()
        source = next(source for source in self.sources if source.lost is error)
        source.lost = None  # it is asked once more
        shift_bytes = source.layout.shift_bytes  # as it was; the next line forgets it
        self._forget_bundle()
        prefix = self.receive_range(0, PREAMBLE_BYTES + verified.root_bytes, source)
        if header_bytes_of(prefix, verified) != verified.header_bytes + shift_bytes:
            raise Incomplete(
                f"{source.name}: the file there was exchanged for another one during the fetch; "
                "run the same command again to see what it is now"
            )

    def receive(self, queue: RangeQueue) -> Generator[tuple[int, bytes, Source]]:
        """Yields (offset, bytes, sender) until all that is queued has come, none twice. The caller may add to it.

        What belongs to one range comes in order. Raises Incomplete when waiting does not help any more, and BudgetSpent
        when what is left may not be paid for. Raises SourceRefused or SourceCorrupt when no source will ever serve.
        """
        dispatcher = Dispatcher(self.sources, queue, self._budget, self._config)
        for source in self.sources.alive:
            source.begin(queue)
        while True:
            self._add_discovered(queue)
            self.await_hours()
            # What is open gets work before more is dialed, so that only what is left over asks for connections.
            dispatcher.assign(self._limiter.chunk_bytes(self._config.read_bytes))
            if not any(source.pool.is_busy for source in self.sources.alive):
                if not queue.left_bytes:
                    return
                dispatcher.check_possible()
            dispatcher.dial()
            event = self._links.wait(self._idle_s())
            self._budget.collect()  # counted on the threads of connections, written down on this one
            if event is not None:
                yield from self._take(event)
            self._limit_rate()
            self._check_progress()

    def receive_range(
        self,
        start: int,
        end: int,
        source: Source | None = None,
        stall_limit_s: float = 0.0,
        standby: Source | None = None,
    ) -> bytes:
        """The bytes from `start` to `end`, or fewer if the length of the file is not known yet and it ends before.

        From one source only, if it is named, and given up after `stall_limit_s` without progress, if that is not 0.
        `standby` is dialed meanwhile. Once its connection stands, that source must answer soon [T-92]. Raises as
        `receive`.
        """
        queue = RangeQueue()
        queue.add(start, end)
        asked = [source] if source else list(self.sources)
        for one in asked:
            one.retry.stall_limit_s = stall_limit_s or self._config.patience_s
        if source and standby and not source.has_answered:
            self._standby = Standby(standby, source, self._clock.now())
            if standby.pool.counts().sound:
                self._standby.stands(0.0)
            else:
                standby.pool.dial(self._clock.now())
        try:
            with self.sources.only(source) if source else nullcontext():
                parts = {offset: data for offset, data, _ in self.receive(queue)}
        except BaseException:
            self._disconnect(asked)  # what another one has dialed meanwhile stays
            raise
        finally:
            for one in asked:
                one.retry.stall_limit_s = self._config.patience_s
            self._standby = None
        return b"".join(parts[offset] for offset in sorted(parts))

    def await_hours(self) -> None:
        """Waits, without any connection, while those sources that cost something may not be asked [T-95]."""
        alive = self.sources.alive
        if all(source.is_free for source in alive) or not self._hours.shut_s():
            return
        self._standby = None
        for source in self.sources:
            source.disconnect()
        while shut_s := self._hours.shut_s():
            self._clock.sleep(min(shut_s, NAP_S))
        for source in alive:
            source.retry.begin()
            source.retry.deadline = float("inf")  # a turn is not over while nothing may be asked

    def abandon_request_at(self, position: int) -> None:
        """Closes the connection whose next byte is at `position`. The rest of its range is wanted again [T-24]."""
        for source in self.sources:
            for pooled in source.pool:
                if pooled.is_busy and pooled.request and pooled.request.position == position:
                    source.pool.close(pooled)

    def report_damaged(self, slot: Slot, data: bytes, senders: AbstractSet[Source | None]) -> None:
        """Takes in that a piece did not match its hash, and from whom it came [T-24], [T-25], [T-91].

        Where several sent a part of it, nobody knows whose fault it is. Raises what `receive` raises if nobody is left
        to ask.
        """
        source = next(iter(senders))
        # Blamed for what another sent, an honest source would be dropped for the lies of its neighbour.
        if len(senders) != 1 or source is None:
            return
        try:
            source.corruption.add_damaged(slot.offset, data)
            if source.corruption.is_distrusted and len(self.sources.alive) > 1:
                raise SourceCorrupt(f"{source.name}: sent several pieces that do not verify")
        except TransferError as error:
            self.sources.lose(source, error)

    def disconnect(self) -> None:
        """Closes all connections, and forgets what was wanted. It may be repeated, and `receive` may follow."""
        self._disconnect(list(self.sources))

    def _disconnect(self, sources: list[Source]) -> None:
        for source in sources:
            source.begin(RangeQueue())  # what closed connections give back goes nowhere
            source.disconnect()
        self._budget.collect()

    # -- one step

    def _add_discovered(self, queue: RangeQueue) -> None:
        """Takes in sources that answers have told of, once it is known which bundle they must have [T-185]."""
        for link in self._links.discover() if self._bundle else ():
            source = self._make_source(link, is_named=False)
            source.meter.budget = self._budget
            source.layout.begin(self._bundle)
            source.begin(queue)
            self.sources.add(source)

    def _take(self, event: Event) -> Generator[tuple[int, bytes, Source]]:
        found = self.sources.find(event.connection)
        if found is None:
            return
        source = found[0]
        if isinstance(event, Arrived):
            self._end_race(event.connection)  # before the bytes count, or the loser's range would be wanted again
        try:
            chunk = source.take(event)
        except TransferError as error:
            self.sources.lose(source, error)
            return
        if isinstance(event, Opened) and self._standby and self._standby.source is source:
            self._standby.stands(self._clock.now() - found[1].dialed_at)
        if chunk:
            yield (*chunk, source)

    def _end_race(self, connection: Connection) -> None:
        """If this connection is in a race, it has won. Its rival is closed, whose range is not wanted again [T-20]."""
        found = self.sources.find(connection)
        if found is None or found[1].rival is None:
            return
        loser = found[1].rival
        loser.end_race()
        loser.request = None
        if lost := self.sources.find(loser.connection):
            lost[0].pool.close(loser)

    def _limit_rate(self) -> None:
        """Pauses for all that came since the last time, heads too [T-27]."""
        came, self._limited_bytes = self.received_bytes - self._limited_bytes, self.received_bytes
        if came:
            self._limiter.spend(came)

    def _check_progress(self) -> None:
        """Raises Incomplete once nothing has come from any source for too long [T-22]."""
        if self._standby and self._clock.now() >= self._standby.answer_by:
            self._standby.decide()
        # One slow source is no reason to stop while another delivers: all must have stalled.
        alive = self.sources.alive
        if alive and all(self._clock.now() >= source.retry.gives_up_at for source in alive):
            alive[0].retry.check()

    def _idle_s(self) -> float:
        """How long nothing will be due unless something happens."""
        now = self._clock.now()
        moments = [self._standby.answer_by if self._standby else float("inf")]
        moments += [
            moment
            for source in self.sources.alive
            for moment in (source.retry.gives_up_at, source.retry.no_dial_before, *source.pool.moments())
        ]
        return min((moment - now for moment in moments if moment > now), default=0.0) + MARGIN_S

    def _forget_bundle(self) -> None:
        """From now on ranges are of whatever file is at a source, as before `begin_bundle`. They end where it does."""
        self._bundle = None
        for source in self.sources:
            source.layout.begin(None)
