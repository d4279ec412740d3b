"""What a link shows of itself: how long a round trip takes, and how much comes in a second."""

SMOOTHING = 1 / 8  # as for TCP's own round trip [RFC 6298]
WINDOW_S = 1.0
MIN_FIRST_BYTES = 512  # of a part that came by itself
SETTLED_S = 4.0
SETTLED_ROUND_TRIPS = 8


class LinkEstimator:
    """`round_trip_s` and `bytes_per_s`, smoothed; None until the first measurement.

    shortest_s          the shortest round trip: no queue of ours was in it
    first_bytes_per_s   what the gaps between the parts of the first answer tell, long before there is a rate
    """

    def __init__(self) -> None:
        self.round_trip_s: float | None = None
        self.shortest_s = float("inf")
        self.bytes_per_s: float | None = None
        self.first_bytes_per_s: float | None = None
        self._first_at: float | None = None
        self._is_provisional = True
        self._began_at = self._window_at = self._last_at = float("-inf")
        self._window_bytes = 0

    def answered(self, sample_s: float, is_first: bool) -> None:
        """A request was answered after `sample_s`. `is_first`: it was the first on its connection."""
        known = self.round_trip_s
        self.shortest_s = min(self.shortest_s, sample_s)
        # A box nearby may accept a connection long before the far end does. Then the first answer has waited for that
        # as well. Such a sample serves until there is a better one, and is never averaged in.
        if known is None or (self._is_provisional and not is_first):
            self.round_trip_s, self._is_provisional = sample_s, is_first
        elif not is_first:
            self.round_trip_s = known + (sample_s - known) * SMOOTHING

    def first_answer(self, amount: int, now: float) -> None:
        """The next part of the first answer came. Its segments were sent back to back, so that gaps tell the rate."""
        # The shortest gap counts: a lost segment makes a long one on a fast link too.
        if self._first_at is not None and now > self._first_at and amount >= MIN_FIRST_BYTES:
            self.first_bytes_per_s = max(self.first_bytes_per_s or 0.0, amount / (now - self._first_at))
        self._first_at = now

    def arrived(self, amount: int, now: float) -> None:
        """So many bytes came.

        A rate is taken only where bytes came without a pause for so long that the windows of the senders have grown.
        """
        window_s = max(WINDOW_S, self.round_trip_s or 0.0)
        # A pause is an outage or a lack of requests. Counted in, it would make a fast link look slow.
        if now - self._last_at > window_s:
            self._began_at = self._window_at = now
            self._window_bytes = 0
        self._last_at = now
        self._window_bytes += amount
        if now - self._window_at >= window_s:
            if now - self._began_at >= max(SETTLED_S, SETTLED_ROUND_TRIPS * (self.round_trip_s or 0.0)):
                self._measured(self._window_bytes / (now - self._window_at))
            self._window_at, self._window_bytes = now, 0

    def _measured(self, rate: float) -> None:
        # It rises at once and falls slowly: what the link was seen to carry, it can carry again.
        known = self.bytes_per_s
        self.bytes_per_s = rate if known is None or rate > known else known + (rate - known) * SMOOTHING
