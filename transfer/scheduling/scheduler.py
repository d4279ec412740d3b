"""Bytes from one or several sources, whatever becomes of their connections: who is asked for what, and who is given up.

One thread, one clock, one event after the other. All sources share what is wanted: whichever connection has nothing to
do takes the next range, or a part of what another is silent or slow with. A connection that ends leaves its range from
the very next byte on to another [T-23]; one that goes silent is kept until another delivers [T-20]. A source that
cannot serve, or sends what was not signed, is lost, and the session goes on with the others [T-90].
"""

from collections.abc import Callable, Generator
from collections.abc import Set as AbstractSet
from random import Random
from weakref import WeakKeyDictionary

from bundle.host.clock import Clock
from bundle.read.reader import VerifiedRoot
from transfer.config import TransferConfig
from transfer.errors import CutShort, Incomplete, SourceCorrupt, TransferError
from transfer.hours import Always, Hours
from transfer.links.budget import Budget
from transfer.links.contract import Arrived, Connection, Event, Sources
from transfer.plan import Slot
from transfer.scheduling.active_request import Lane
from transfer.scheduling.connection_counts import request_bytes
from transfer.scheduling.range_queue import Offer, Wanted
from transfer.scheduling.rate_limiter import Pace
from transfer.scheduling.source import Supplier

NAP_S = 30.0  # a clock may be set meanwhile
MARGIN_S = 0.001  # behind a moment to wait for, so that it has come whatever the clock rounds


class Reception:
    """What one session takes in.

    `bundle_bytes` is the length that the file at each source must have, once the verified root has told it. Until then
    a range ends where the file does; after that, a file that ends early is a fault.
    """

    def __init__(
        self,
        sources: Sources,
        config: TransferConfig,
        clock: Clock,
        say: Callable[[str], None],
        jitter: Random,
        budget: Budget | None = None,
        hours: Hours | None = None,
    ) -> None:
        self.suppliers = [Supplier(link, config, clock, say, jitter) for link in sources.links]
        self._sources = sources
        self._config = config
        self._clock = clock
        self._say = say
        self._pace = Pace(config.limit_bytes_per_s, clock)
        self._budget = budget or Budget()
        self._paced_bytes = 0
        self._hours = hours or Always()
        self._owners: WeakKeyDictionary[Connection, Supplier] = WeakKeyDictionary()
        self._wanted = Wanted()
        self._asked = self.suppliers  # those that this call may ask
        self._bundle_bytes: int | None = None
        for supplier in self.suppliers:
            supplier.meter.budget = None if supplier.is_free else self._budget

    @property
    def received_bytes(self) -> int:
        """Every byte that came over the links, of use or not."""
        return sum(supplier.received_bytes for supplier in self.suppliers)

    @property
    def bundle_bytes(self) -> int | None:
        """The length of the bundle; None until it is known."""
        return self._bundle_bytes

    @bundle_bytes.setter
    def bundle_bytes(self, total: int | None) -> None:
        self._bundle_bytes = total
        for supplier in self.suppliers:
            supplier.patience.bundle_bytes = total

    def begin_bundle(self, verified: VerifiedRoot | None) -> None:
        """From now on ranges are of the output that begins with that header; None: of whatever file is there."""
        self.bundle_bytes = verified.total_bytes if verified else None
        for supplier in self.suppliers:
            supplier.begin_bundle(verified)

    @property
    def alive(self) -> list[Supplier]:
        """The sources that are still asked."""
        return [supplier for supplier in self._asked if supplier.lost is None and supplier.is_asked]

    def receive(self, wanted: Wanted) -> Generator[tuple[int, bytes, Supplier]]:
        """Yields (offset, bytes, sender) until all that is wanted has come, none twice; the caller may add to it.

        What belongs to one range comes in order. Raises Incomplete when waiting does not help any more, BudgetSpent
        when what is left may not be paid for, SourceRefused or SourceCorrupt when no source ever will serve.
        """
        self._wanted = wanted
        for supplier in self.alive:
            supplier.begin(wanted)
        while True:
            self.await_hours()
            self._assign()
            is_busy = any(supplier.is_busy for supplier in self.alive)
            if not is_busy:
                if not wanted.left_bytes:
                    return
                self._check_hope()
            self._dial()
            event = self._sources.wait(self._idle_s())
            self._budget.collect()
            if event is not None:
                yield from self._take(event)
            self._keep_pace()
            self._check_patience()

    def receive_range(self, start: int, end: int, supplier: Supplier | None = None, patience_s: float = 0.0) -> bytes:
        """The bytes from `start` to `end`; fewer if the length of the file is not known yet and it ends before.

        From one source only, if it is named, and given up after `patience_s`, if that is not 0. Raises as `receive`.
        """
        wanted = Wanted()
        wanted.add(start, end)
        asked, self._asked = self._asked, [supplier] if supplier else self._asked
        for one in self._asked:
            one.patience.limit_s = patience_s or self._config.patience_s
        try:
            parts = {offset: data for offset, data, _ in self.receive(wanted)}
        except BaseException:
            self.close()
            raise
        finally:
            for one in self._asked:
                one.patience.limit_s = self._config.patience_s
            self._asked = asked
        return b"".join(parts[offset] for offset in sorted(parts))

    def await_hours(self) -> None:
        """Waits, without any connection, while those sources that cost something may not be asked [T-95]."""
        if all(supplier.is_free for supplier in self.alive) or not self._hours.shut_s():
            return
        for supplier in self.alive:
            supplier.close()
        while shut_s := self._hours.shut_s():
            self._clock.sleep(min(shut_s, NAP_S))
        for supplier in self.alive:
            supplier.patience.begin()
            supplier.patience.deadline = float("inf")  # a turn is not over while nothing may be asked

    def give_up(self, position: int) -> None:
        """Ends the connection that has come to `position`; the rest of its range is wanted again [T-24]."""
        for supplier in self.suppliers:
            for lane in supplier.lanes:
                if lane.is_busy and lane.position == position:
                    supplier.part_with(lane)

    def spoiled(self, slot: Slot, data: bytes, senders: AbstractSet[Supplier | None]) -> None:
        """A piece did not match its hash [T-24], [T-25], [T-91]. Raises what `receive` raises if nobody is left to ask.

        Where several sent a part of it, nobody knows whose fault it is.
        """
        supplier = next(iter(senders))
        if len(senders) != 1 or supplier is None:
            return
        supplier.spoiled.add(slot.offset)
        try:
            supplier.suspects.add(slot.offset, data)
            if supplier.suspects.is_distrusted and len(self.alive) > 1:
                raise SourceCorrupt(f"{supplier.name}: sent several pieces that do not verify")
        except TransferError as error:
            self.lose(supplier, error)

    def lose(self, supplier: Supplier, error: Exception) -> None:
        """Asks a source no more. Raises the error if no other is left, or a kinder one that another was lost for."""
        if isinstance(error, CutShort) and len(self._asked) > 1:
            supplier.cut_short = error
        else:
            supplier.lost = error
            supplier.close()
        if not self.alive:
            raise self._verdict(error)
        if len(self._asked) > 1:
            then = "it is asked no more" if supplier.lost else "the others are asked for what is behind that"
            self._say(f"{error}; {then}")

    def retire(self, names: set[str]) -> bool:
        """Asks those no more, which gave what they have; unless there are no others, which is told by False."""
        others = [supplier for supplier in self.alive if supplier.name not in names]
        for supplier in self.alive if others else []:
            if supplier.name in names:
                supplier.is_asked = False
                supplier.close()
        return bool(others)

    def ask_again(self, supplier: Supplier) -> None:
        """Asks a source that was lost once more."""
        supplier.lost = None

    def close(self) -> None:
        """Ends all connections; nothing is wanted any more."""
        for supplier in self.suppliers:
            supplier.begin(Wanted())
            supplier.close()
        self._budget.collect()

    # -- one step

    def _take(self, event: Event) -> Generator[tuple[int, bytes, Supplier]]:
        supplier = self._owners.get(event.connection)
        if supplier is None:
            return
        if isinstance(event, Arrived):
            self._end_race(supplier, event.connection)
        try:
            chunk = supplier.take(event)
        except TransferError as error:
            self.lose(supplier, error)
            return
        if chunk:
            yield (*chunk, supplier)

    def _keep_pace(self) -> None:
        """Pauses for all that came since the last time, heads too [T-27]."""
        came, self._paced_bytes = self.received_bytes - self._paced_bytes, self.received_bytes
        if came:
            self._pace.spend(came)

    def _end_race(self, supplier: Supplier, connection: Connection) -> None:
        """The first to deliver has won."""
        lane = supplier.lane_of(connection)
        if lane is None or lane.rival is None:
            return
        loser = lane.rival
        lane.leave_rival()
        loser.rest()
        self._owners[loser.connection].part_with(loser)

    def _assign(self) -> None:
        """Gives every idle connection something to do.

        Of those that cost, the one first that has waited longest: who ends each answer early has the rest no sooner.
        """
        chunk_bytes = self._pace.step_bytes(self._config.read_bytes)
        idle = [(supplier, lane) for supplier in self.alive for lane in supplier.lanes if lane.is_idle]
        for supplier, lane in sorted(idle, key=lambda one: (not one[0].is_free, one[1].alive_at)):
            if supplier.target() == 1 < supplier.crew().sound:
                supplier.part_with(lane)
            elif supplier.layout.is_in_doubt:
                supplier.look(lane, chunk_bytes)
            elif work := self._next_range(supplier) or self._rescue(supplier, lane) or self._share(supplier):
                supplier.ask(lane, *work, chunk_bytes)

    def _next_range(self, supplier: Supplier) -> tuple[int, int] | None:
        alive = self.alive
        busy = sum(lane.is_busy for one in alive for lane in one.lanes)
        most = request_bytes(self._config, sum(one.target() for one in alive), busy, self._wanted.left_bytes)
        may_wait = any(one.is_hopeful for one in alive if one is not supplier)
        doubt = supplier.spoiled if may_wait else frozenset[int]()
        is_last = self._is_last
        may_be_held = supplier.suspects.is_proven or not may_wait
        offer = Offer(supplier.reach_bytes, self._allowance(supplier), is_last, doubt, may_be_held)
        return self._wanted.take(most, offer)

    def _rescue(self, supplier: Supplier, lane: Lane) -> tuple[int, int] | None:
        """What a silent connection was asked for, to be asked for once more: the first to deliver wins [T-20].

        Of another source, if that has nothing to do: who is silent on purpose would be so again.
        """
        silent_lanes = [(one, silent) for one in self.alive for silent in one.silent_lanes() if silent.look is None]
        for owner, silent in silent_lanes:
            if owner is supplier and self._is_for_others(supplier, silent):
                continue
            if any(silent.rival is other for _, other in silent_lanes) and silent.rival is not None:
                self._owners[silent.rival.connection].part_with(silent.rival)
            if silent.rival is None and owner.lane_of(silent.connection) and self._may_rescue(supplier, silent):
                silent.rival, lane.rival = lane, silent
                return silent.position, silent.end
        return None

    def _is_for_others(self, owner: Supplier, silent: Lane) -> bool:
        others = [one for one in self.alive if one is not owner and (one.is_free or not owner.is_free)]
        return any(one.idle_lanes() and self._may_rescue(one, silent) for one in others)

    def _may_rescue(self, supplier: Supplier, silent: Lane) -> bool:
        allowance = self._allowance(supplier)
        is_affordable = allowance is None or silent.end - silent.position <= allowance
        return is_affordable and supplier.may_have(silent.end - 1)

    def _share(self, supplier: Supplier) -> tuple[int, int] | None:
        """The untouched second half of what a slow connection would not have delivered for long [T-32].

        What is too little to be halved is taken from another source as a whole.
        """
        for owner in self.alive:
            for slow in owner.slow_lanes(supplier):
                middle = self._wanted.align(slow.position + (slow.end - slow.position) // 2)
                if not supplier.may_have(slow.end - 1):
                    continue
                if middle < slow.end:
                    end, slow.end, slow.is_cut = slow.end, middle, True
                    return middle, end
                if owner is not supplier:
                    owner.part_with(slow)
                    return self._next_range(supplier)
        return None

    def _dial(self) -> None:
        """Dials as many connections as are due: the first named sources first, as far as there is work for them."""
        worth = self._wanted.worth_lanes(self._config.request_floor_bytes)
        for supplier in self.alive:
            others = [one for one in self.alive if one is not supplier]
            at_risk = sum(len(one.silent_lanes()) + len(one.slow_lanes(supplier)) for one in others)
            able = [one for one in others if not one.spoiled and self._wanted.is_within(one.reach_bytes)]
            needed = max(0, worth - sum(one.spare_lanes() for one in able)) + at_risk
            if not supplier.is_busy and not at_risk and worth <= sum(one.idle_lanes() for one in able):
                supplier.patience.begin()  # nobody waits for it
            for connection in supplier.dial(needed):
                self._owners[connection] = supplier

    # -- when to stop

    @property
    def _is_last(self) -> bool:
        """Whether nothing that costs is on its way."""
        return not any(one.is_busy for one in self.alive if not one.is_free)

    def _allowance(self, supplier: Supplier) -> int | None:
        """How many bytes may be asked of it beyond what is on its way; None: any number.

        Beside others, the longest head may come before each that has not begun; alone, one as long as the last.
        """
        left = self._budget.left_bytes
        if supplier.is_free or left is None:
            return None
        if self._is_last:
            return max(0, left - supplier.meter.head_bytes * 9 // 8)  # the next may be a few digits longer
        paid = [one for one in self.alive if not one.is_free]
        return max(0, left - sum(one.pending_bytes + one.most_head_bytes for one in paid))

    def _check_hope(self) -> None:
        """Raises what keeps the rest from coming, if no source can be asked for it."""
        able = [one for one in self.alive if self._wanted.is_within(one.reach_bytes)]
        if not able:
            raise self._verdict(None)
        if all(self._allowance(one) == 0 for one in able):
            raise self._budget.spent(self._wanted.left_bytes)

    def _check_patience(self) -> None:
        """Raises Incomplete once nothing has come from any source for too long [T-22]."""
        alive = self.alive
        if alive and all(self._clock.now() >= one.patience.ends_at for one in alive):
            alive[0].patience.check()

    def _verdict(self, last: Exception | None) -> Exception:
        """Of all that sources were lost for, what says best what to do: to wait, if that can help with one of them."""
        errors = [one.lost for one in self._asked if one.lost] + ([last] if last else [])
        errors += [one.cut_short for one in self._asked if one.cut_short]
        return next((error for error in errors if isinstance(error, Incomplete)), errors[-1])

    def _idle_s(self) -> float:
        """How long nothing will be due unless something happens."""
        now = self._clock.now()
        moments = [moment for supplier in self.alive for moment in supplier.moments()]
        return min((moment - now for moment in moments if moment > now), default=0.0) + MARGIN_S
