"""How fast to ask, and how much to have under way: by what was delivered and by the shortest round trip, as BBR does.

Loss is no signal: a radio loses packets without being full. What is seen is the rate at which answers come, and the
round trip, which grows when a queue does. Bytes are those on the wire. The phases:

STARTING   the rate doubles each round trip, from a remembered rate or from the spacing of answers on, until it grows
           no more or the round trip does
DRAINING   what was asked for too early leaves the queue
CRUISING   at the highest rate of the last ten rounds; a round at a quarter more, to see whether there is more, and
           one at a quarter less, to let the queue drain
SOUNDING   where the shortest round trip was not seen again for half a minute: little is under way, to measure it
"""

from collections import deque
from dataclasses import dataclass
from enum import Enum, auto

STARTING_GAIN = 2.885  # 2 / ln 2: doubles in a round trip
PILOT_GAIN = 1.5  # for the steps beyond a rate to begin with, until there is more
PILOT_ROUNDS = 3  # until the answers to what was asked for at that rate have told whether it holds
PILOT_PLATEAU = 1.4
PILOT_HOLDS = 0.9
DRAINING_GAIN = 0.4
CRUISING_GAINS = (1.25, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
CRUISING_WINDOW = 1.3
PROBING_WINDOW = 1.7
SOUNDING_WINDOW = 0.5
ROUNDS_KEPT = 10
FIRST_PACKETS = 10  # as TCP begins with
SPARE_PACKETS = 4
MOST_FIRST_BYTES = 800_000  # under way at once on the word of the first answers alone
MOST_TRAIN_BYTES_PER_S = 3e6  # first answers that come closer together were held up and tell nothing
MIN_TRAIN = 3
TRAIN_SHARE = 0.8
TRAINS = 3  # of later answers, of which the middle one counts
MARGIN = 0.99  # of the rate, so that a queue drains
PLATEAU = 1.25
PLATEAU_ROUNDS = 3
LATE = 1.25  # times the shortest round trip,
LATE_S = 0.03  # and so much beside it,
LATE_IN_A_ROW = 4  # so often in a row: a queue is growing
MOST_PATIENCE = 8.0
MOST_LATE = 2.0  # time-outs, as which a late answer counts
SOUNDING_AFTER_S = 30.0
SEEN_AGAIN = 1.1
LEAST_RTT_S = 1e-4  # a clock may be coarse
MOST_LOSS = 0.15  # of packets, made up for by asking faster
LOSS_SMOOTHING = 1 / 256
LIMIT_SHARE = 0.95  # of a limit; requests and their heads take the rest


class Phase(Enum):
    """What the pacer is about."""

    STARTING = auto()
    DRAINING = auto()
    CRUISING = auto()
    SOUNDING = auto()


@dataclass(frozen=True, slots=True)
class Stamp:
    """How things stood when a request was sent, to tell a rate by when its answer comes."""

    sent_at: float
    delivered: int
    delivered_at: float
    first_sent_at: float
    is_starved: bool
    is_steady: bool


class Pacer:
    """`packet`: bytes of a full answer. `remembered`: bytes a second of an earlier session. `limit`: of this one."""

    def __init__(self, packet: int, remembered: float | None = None, limit: float | None = None) -> None:
        self.packet = packet
        self.phase = Phase.STARTING
        self.bytes_per_s: float | None = None
        self.min_rtt: float | None = None
        self.srtt: float | None = None
        self.rttvar = 0.0
        self.loss = 0.0
        self._remembered = remembered
        self._limit = limit
        self._delivered = 0
        self._delivered_at = self._first_sent_at = 0.0
        self._samples: deque[tuple[int, float]] = deque()
        self._round = self._round_end = 0
        self._best, self._plateau, self._late = 0.0, 0, 0
        self._train: list[tuple[float, int]] = []
        self._train_stamp: Stamp | None = None
        self._train_rates: list[float] = []
        self._train_bytes_per_s: float | None = None
        self._pilot_round = 0  # when the rate to begin with was told
        self._cycle, self._cycle_at = 2, 0.0
        self._seen_at = 0.0  # when the shortest round trip was seen last
        self._sounded: float | None = None
        self._patience, self._patient_until = 1.0, float("-inf")

    # -- what to do

    def bytes_per_s_now(self, now: float) -> float:
        """How fast to ask."""
        self._step(now)
        rate = MARGIN * self._base() * self._gain() / (1 - min(self.loss, MOST_LOSS))
        if self.phase is Phase.STARTING:
            rate = max(rate, FIRST_PACKETS * self.packet / (self.srtt or 1.0))
        return rate if self._limit is None else min(rate, self._limit * LIMIT_SHARE)

    def window(self) -> float:
        """How many bytes may be under way."""
        if self.min_rtt is None:
            return float(FIRST_PACKETS * self.packet)
        flight = self._base() * self.min_rtt / (1 - min(self.loss, MOST_LOSS))
        spare = SPARE_PACKETS * self.packet
        match self.phase:
            case Phase.STARTING:
                return max(flight * max(1.0, self._gain()) + spare, 2.0 * FIRST_PACKETS * self.packet)
            case Phase.SOUNDING:
                return max(SOUNDING_WINDOW * flight, spare)
            case Phase.DRAINING:
                return flight + spare
            case Phase.CRUISING:
                return flight * (PROBING_WINDOW if self._gain() > 1 else CRUISING_WINDOW) + spare

    def flight(self) -> float:
        """What is under way when the link is full and no queue is."""
        return self._base() * (self.min_rtt or 0.0)

    def timeout_s(self, waiting_bytes: float) -> float:
        """After how long without an answer a request is lost, behind so many bytes that are under way."""
        if self.srtt is None:
            return 1.0
        return self.silence_s(waiting_bytes) + (self._patience - 1) * self._usual_s()

    def silence_s(self, waiting_bytes: float) -> float:
        """After how long without any answer the link is silent."""
        if self.srtt is None:
            return 1.0
        queued_s = max(0.0, waiting_bytes - self.flight()) / self._base() if self._base() else 0.0
        return self._usual_s() + 0.25 * min(queued_s, 4.0)

    def pause_s(self) -> float:
        """After how long without any answer the flow of them has stopped."""
        if self.min_rtt is None or not self.bytes_per_s:
            return 0.0
        return 0.25 * self.min_rtt + 2 * self.packet / self.bytes_per_s

    @property
    def wants_train(self) -> bool:
        """Whether nothing has told a rate to begin with."""
        return self.phase is Phase.STARTING and self._train_bytes_per_s is None and self._remembered is None

    # -- what happens

    def sent(self, now: float, in_flight: int, is_starved: bool) -> Stamp:
        """A request is sent. `in_flight`: before it. `is_starved`: lately there was nothing to ask for."""
        if not in_flight:
            self._delivered_at = self._first_sent_at = now
        return Stamp(
            now, self._delivered, self._delivered_at, self._first_sent_at, is_starved, self.phase is Phase.CRUISING
        )

    def timed_out(self, now: float) -> None:
        """Requests were given up because nothing came: the next may wait for longer, until an answer tells more."""
        if now >= self._patient_until:
            self._patience = min(self._patience * 2, MOST_PATIENCE)
            self._patient_until = now + self.timeout_s(0.0)

    def round_trip(self, now: float, rtt: float) -> None:
        """A first answer to a request came after so long."""
        self._patience = 1.0
        rtt = max(rtt, LEAST_RTT_S)
        if self.min_rtt is None or rtt < self.min_rtt:
            self.min_rtt = rtt
        if rtt < self.min_rtt * SEEN_AGAIN:
            self._seen_at = now
        if self._sounded is not None:
            self._sounded = min(self._sounded, rtt)
        if self.srtt is None:
            self.srtt, self.rttvar = rtt, rtt / 2
        else:
            self.rttvar += (abs(rtt - self.srtt) - self.rttvar) / 4
            self.srtt += (rtt - self.srtt) / 8
        if self.phase is Phase.STARTING and self.bytes_per_s:
            self._late = self._late + 1 if rtt > LATE * self.min_rtt + LATE_S else 0
            if self._late >= LATE_IN_A_ROW:
                self.phase = Phase.DRAINING

    def late_round_trip(self, now: float, rtt: float) -> None:
        """A first answer came after its request was given up. One that was held up for long may be an exception."""
        self.round_trip(now, min(rtt, MOST_LATE * self.timeout_s(0.0)))

    def arrived(self, now: float, amount: int, stamp: Stamp) -> None:
        """An answer came, of so many bytes."""
        if stamp.is_steady:
            self.loss -= self.loss * LOSS_SMOOTHING
        if self.phase is Phase.STARTING:
            self._watch_train(now, amount, stamp)
        self._delivered += amount
        self._delivered_at, self._first_sent_at = now, stamp.sent_at
        interval = max(now - stamp.delivered_at, stamp.sent_at - stamp.first_sent_at)
        if self.min_rtt is None or interval < 0.9 * self.min_rtt or interval <= 0:
            return
        rate = (self._delivered - stamp.delivered) / interval
        if stamp.is_starved and rate <= (self.bytes_per_s or 0.0):
            return
        if stamp.delivered >= self._round_end:
            self._round += 1
            self._round_end = self._delivered
            self._begin_round(stamp.is_starved)
        # Only what may become the highest is kept: later samples that are higher make those before them useless.
        while self._samples and self._samples[-1][1] <= rate:
            self._samples.pop()
        self._samples.append((self._round, rate))
        while self._samples[0][0] < self._round - ROUNDS_KEPT:
            self._samples.popleft()
        self.bytes_per_s = self._samples[0][1]

    def lost(self, stamp: Stamp) -> None:
        """An answer did not come. What is lost while the rate is looked for is lost to a queue, not to the air."""
        if stamp.is_steady:
            self.loss += (1 - self.loss) * LOSS_SMOOTHING

    # -- inside

    def _usual_s(self) -> float:
        """How long nearly every answer takes at most."""
        return (self.srtt or 0.0) + max(4 * self.rttvar, 0.15)

    def _pilot(self) -> float | None:
        """A rate to begin with that nothing has confirmed yet."""
        if self._train_bytes_per_s is None or self.min_rtt is None:
            return self._remembered
        told = min(self._train_bytes_per_s * TRAIN_SHARE, MOST_FIRST_BYTES / self.min_rtt)
        if self._remembered is not None:
            return max(self._remembered, told)
        return told if told * self.min_rtt > 2 * FIRST_PACKETS * self.packet else None

    @property
    def _is_pilot_open(self) -> bool:
        """Whether the answers have not told yet if the rate to begin with holds."""
        return self._round < self._pilot_round + PILOT_ROUNDS

    def _base(self) -> float:
        measured = self.bytes_per_s or 0.0
        return max(measured, self._pilot() or 0.0) if self._is_pilot_open else measured

    def _gain(self) -> float:
        match self.phase:
            case Phase.STARTING:
                pilot = self._pilot()
                if pilot is not None and self._is_pilot_open and (self.bytes_per_s or 0.0) < PILOT_HOLDS * pilot:
                    return 1.0
                if pilot is not None and (self.bytes_per_s or 0.0) < PILOT_PLATEAU * pilot:
                    return PILOT_GAIN
                return STARTING_GAIN
            case Phase.DRAINING:
                return DRAINING_GAIN
            case Phase.SOUNDING:
                return 1.0
            case Phase.CRUISING:
                return CRUISING_GAINS[self._cycle]

    def _begin_round(self, is_starved: bool) -> None:
        if is_starved or self.phase is not Phase.STARTING or self._is_pilot_open:
            return
        rate = self.bytes_per_s or 0.0
        if rate > self._best * PLATEAU:
            self._best, self._plateau = rate, 0
        else:
            self._plateau += 1
            if self._plateau >= PLATEAU_ROUNDS:
                self.phase = Phase.DRAINING

    def drained(self, now: float, in_flight: int) -> None:
        """Tells how much is under way, which ends the draining."""
        if self.phase is Phase.DRAINING and in_flight <= self.flight() + SPARE_PACKETS * self.packet:
            self.phase, self._cycle, self._cycle_at = Phase.CRUISING, 2, now

    def _step(self, now: float) -> None:
        """Goes on to the next gain of the cycle, or to SOUNDING and back."""
        if self.min_rtt is None or self.srtt is None:
            return
        if self.phase is Phase.CRUISING:
            if now - self._cycle_at > self.min_rtt:
                self._cycle, self._cycle_at = (self._cycle + 1) % len(CRUISING_GAINS), now
            if now - self._seen_at > SOUNDING_AFTER_S:
                self.phase, self._cycle_at, self._sounded = Phase.SOUNDING, now, float("inf")
        elif self.phase is Phase.SOUNDING and now - self._cycle_at > 2 * self.srtt:
            if self._sounded is not None and self._sounded < float("inf"):
                self.min_rtt = self._sounded
            self.phase, self._cycle, self._cycle_at = Phase.CRUISING, 2, now
            self._seen_at, self._sounded = now, None

    def _watch_train(self, now: float, amount: int, stamp: Stamp) -> None:
        """Answers to one request come back to back: how far apart they are tells what the link carries."""
        if stamp is not self._train_stamp:
            self._end_train()
            self._train_stamp = stamp
        self._train.append((now, amount))
        if self._train_bytes_per_s is None and self._remembered is None and len(self._train) >= MIN_TRAIN:
            pairs = zip(self._train, self._train[1:], strict=False)
            # The widest gap: answers that were held up, and then read at once, have gaps that tell nothing.
            rate = min((size / max(later - earlier, 1e-9) for (earlier, _), (later, size) in pairs))
            if rate <= MOST_TRAIN_BYTES_PER_S:
                self._train_bytes_per_s, self._pilot_round = rate, self._round

    def _end_train(self) -> None:
        """One gap may be wide by chance. The middle one of several whole trains is not."""
        train, self._train = self._train, []
        if len(train) < MIN_TRAIN:
            return
        took_s = max(train[-1][0] - train[0][0], 1e-9)
        self._train_rates.append(sum(amount for _, amount in train[1:]) / took_s)
        if len(self._train_rates) < TRAINS:
            return
        middle = sorted(self._train_rates)[TRAINS // 2]
        self._train_rates.clear()
        known = max(self._base(), (self._train_bytes_per_s or 0.0) * TRAIN_SHARE)
        if known * PLATEAU < middle * TRAIN_SHARE and middle <= MOST_TRAIN_BYTES_PER_S:
            self._train_bytes_per_s, self._pilot_round = middle, self._round
