"""Which connection is asked for what, over all sources.

All sources share one queue. A connection that has nothing to do takes what comes next in the file. If nothing is left,
it takes what another connection is silent with, or half of what another is slow with [T-90].
"""

from transfer.config import TransferConfig
from transfer.links.budget import Budget
from transfer.scheduling.active_request import ActiveRequest, PooledConnection
from transfer.scheduling.connection_counts import request_bytes
from transfer.scheduling.range_queue import A_PIECE, RangeQueue, RequestLimits
from transfer.scheduling.source import Source
from transfer.scheduling.source_group import SourceGroup


class Dispatcher:
    """Gives the connections of the sources work from a queue, within a budget."""

    def __init__(self, sources: SourceGroup, queue: RangeQueue, budget: Budget, config: TransferConfig) -> None:
        self._sources = sources
        self._queue = queue
        self._budget = budget
        self._config = config

    def assign(self, chunk_bytes: int) -> None:
        """Gives every idle connection something to do."""
        idle = [(source, pooled) for source in self._sources.alive for pooled in source.pool if pooled.is_idle]
        # Free sources first, and of the others those that fill the way. Then the connection that has waited longest:
        # otherwise a source that ends each answer early would be free again first, and get all the work.
        for source, pooled in sorted(idle, key=lambda one: (self._turn(one[0]), one[1].alive_at)):
            if source.pool.target() < source.pool.counts().sound:
                source.pool.close(pooled)
            elif source.layout.needs_probe:
                source.probe(pooled, chunk_bytes)
            elif work := self._fresh_work(source) or self._rescue(source, pooled) or self._share(source):
                source.ask(pooled, *work, chunk_bytes)

    def dial(self) -> None:
        """Dials as many connections as are due: the first named sources first, as far as there is work for them."""
        employable = self._queue.employable_connections(self._config.request_floor_bytes)
        for source in self._sources.alive:
            others = [one for one in self._sources.alive if one is not source]
            at_risk = sum(len(one.pool.silent()) + len(one.pool.slow(for_itself=False)) for one in others)
            able = [
                one
                for one in others
                if not one.corruption.bad_offsets and self._has_work_for(one) and not one.leaves_room_for(source)
            ]
            needed = max(0, employable - sum(one.pool.spare_count() for one in able)) + at_risk
            # A source that nobody waits for makes no progress either: that must not count against it.
            if not source.pool.is_busy and not at_risk and employable <= sum(one.pool.idle_count() for one in able):
                source.retry.begin()
            if not self._rests(source):
                source.dial(needed)

    def check_possible(self) -> None:
        """Raises what keeps the rest from coming, if no source can be asked for it."""
        able = [one for one in self._sources.alive if self._has_work_for(one)]
        if not able:
            raise self._sources.verdict()
        if all(self._allowance(one) == 0 for one in able):
            raise self._budget.spent(self._queue.left_bytes)

    # -- where work comes from

    def _turn(self, source: Source) -> int:
        """When a source is asked, where several could be: the lowest first [T-174]."""
        is_slow = any(source.is_slower_than(other) for other in self._sources.alive)
        return 0 if source.is_free else 1 if source.fills_path and not is_slow else 2

    def _rests(self, source: Source) -> bool:
        """Whether another one brings more over the same way, and would bring less beside this one [T-174]."""
        return any(source.is_outdone_by(other) for other in self._sources.alive)

    def _fresh_work(self, source: Source) -> tuple[int, int] | None:
        fillers = self._fillers(source)
        is_enough = source.pool.is_busy or any(self._is_soon_done(one) for one in fillers)
        return None if (fillers and is_enough) or self._rests(source) else self._next_range(source)

    def _is_soon_done(self, filler: Source) -> bool:
        """Whether it brings the rest before another's rate could be told, or answers, and has told no rate yet."""
        rate = filler.bytes_per_s
        soon = (rate or 0.0) * self._config.slow_rest_s
        return filler.has_answered and (rate is None or self._queue.left_bytes < soon)

    def _fillers(self, source: Source) -> list[Source]:
        """Those that may fill the way of a source whose rate is not known, and which it leaves room for [T-174]."""
        return [other for other in self._sources.alive if source.leaves_room_for(other)]

    def _next_range(self, source: Source) -> tuple[int, int] | None:
        alive = self._sources.alive
        # A source that has not proven itself gets no piece that it sent damaged, and none that cannot be verified yet:
        # its lies would be held in memory, paid for, and found out last. Alone, it has to do.
        others_may_deliver = any(one.may_deliver for one in alive if one is not source)
        limits = RequestLimits(
            end_offset=source.layout.end_offset,
            allowance_bytes=self._allowance(source),
            is_last=self._is_last,
            avoid=source.corruption.bad_offsets if others_may_deliver else (),
            may_be_held=source.corruption.is_proven or not others_may_deliver,
        )
        return self._queue.take(self._request_bytes(source), limits)

    def _request_bytes(self, source: Source) -> int:
        """How much to ask for at once. What fills its path by itself is not made to wait for its next request."""
        if source.fills_path:
            return self._config.request_ceiling_bytes
        if any(one.bytes_per_s is None for one in self._fillers(source)):
            return A_PIECE
        alive = self._sources.alive
        busy = sum(pooled.is_busy for one in alive for pooled in one.pool)
        connections = sum(one.pool.target() for one in alive)
        return request_bytes(self._config, connections, busy, self._queue.left_bytes, source.flight_bytes)

    def _rescue(self, source: Source, pooled: PooledConnection) -> tuple[int, int] | None:
        """What a silent connection was asked for, to be asked for once more: the first to deliver wins [T-20]."""
        silent_ones = [
            (owner, silent, silent.request)
            for owner in self._sources.alive
            for silent in owner.pool.silent()
            if silent.request and not silent.request.is_probe
        ]
        for owner, silent, request in silent_ones:
            # A source that is silent on purpose would be so again, so another one goes first.
            if owner is source and self._is_for_others(source, request.left_bytes, request.end):
                continue
            # If both of a race are silent, one of them makes room for a third.
            if silent.rival is not None and any(silent.rival is other for _, other, _ in silent_ones):
                self._close(silent.rival)
            is_open = owner.pool.find(silent.connection) is not None
            if silent.rival is None and is_open and self._may_have(source, request.left_bytes, request.end):
                silent.rival, pooled.rival = pooled, silent
                return request.position, request.end
        return None

    def _is_for_others(self, owner: Source, left_bytes: int, end: int) -> bool:
        others = [one for one in self._sources.alive if one is not owner and (one.is_free or not owner.is_free)]
        return any(one.pool.idle_count() and self._may_have(one, left_bytes, end) for one in others)

    def _may_have(self, source: Source, left_bytes: int, end: int) -> bool:
        """Whether a source can be asked for the rest of a range, as a whole."""
        allowance = self._allowance(source)
        return (allowance is None or left_bytes <= allowance) and source.layout.reaches(end - 1)

    def _share(self, source: Source) -> tuple[int, int] | None:
        """The untouched second half of what a slow connection would not have delivered for long [T-32]."""
        for owner in () if self._rests(source) else self._sources.alive:
            if owner.fills_path and not self._rests(owner):
                continue  # its lanes share one flow: one waits for the other
            if outpaced := self._outpaced(source, owner):
                owner.pool.close(outpaced)
                return self._next_range(source)
            for slow in owner.pool.slow(owner is source):
                request = slow.request
                if request is None or self._is_barred(source, owner, request):
                    continue
                middle = self._queue.piece_end_from(request.position + request.left_bytes // 2)
                if middle < request.end:
                    end, request.end, request.is_shortened = request.end, middle, True
                    return middle, end
                # Less than two pieces cannot be halved. Another source takes it whole; for the same one, which is slow
                # on all its connections, nothing would be gained.
                if owner is not source:
                    owner.pool.close(slow)
                    return self._next_range(source)
        return None

    def _outpaced(self, source: Source, owner: Source) -> PooledConnection | None:
        """A connection whose rest this source takes over, for it fills the way that both share [T-174]."""
        takeover_s = source.takeover_s(owner)
        for slow in owner.pool.slow(False, takeover_s) if takeover_s is not None else ():
            if slow.request and source.outpaces(slow.request) and not self._is_barred(source, owner, slow.request):
                return slow
        return None

    def _is_barred(self, source: Source, owner: Source, request: ActiveRequest) -> bool:
        """Whether a source may not have what another one still brings [T-91]: what was closed would be for nothing.

        Where two send parts of a piece, nobody could tell whose fault it is.
        """
        if not self._may_have(source, request.left_bytes, request.end):
            return True
        if owner is source:
            return False
        first = self._queue.piece_start_of(request.position)
        if any(first <= bad < request.end for bad in source.corruption.bad_offsets):
            return True
        return not (source.corruption.is_proven or self._queue.is_named_before(request.end))

    def _close(self, pooled: PooledConnection) -> None:
        if found := self._sources.find(pooled.connection):
            found[0].pool.close(pooled)

    def _has_work_for(self, source: Source) -> bool:
        return self._queue.has_piece_before(source.layout.end_offset)

    # -- what it may cost

    @property
    def _is_last(self) -> bool:
        """Whether nothing that costs is on its way."""
        return not any(one.pool.is_busy for one in self._sources.alive if not one.is_free)

    def _allowance(self, source: Source) -> int | None:
        """How many bytes may be asked of it beyond what is on its way [T-94]. None: any number."""
        left = self._budget.left_bytes
        if source.is_free or left is None:
            return None
        # Heads of answers count too. While several are awaited, the longest head is set aside for each: a budget
        # must hold whatever servers say. At the end that would leave much of it unused, so the last head is the guide.
        if self._is_last:
            return max(0, left - source.meter.head_bytes * 9 // 8)  # the next may be a few digits longer
        paid = [one for one in self._sources.alive if not one.is_free]
        return max(0, left - sum(one.pool.pending_bytes + one.max_head_bytes for one in paid))
