"""The numbers of a transfer, each with its unit. The reasons for them: spec/transfer.md and spec/decisions."""

from dataclasses import dataclass

KIB = 1024


@dataclass(frozen=True)
class TransferConfig:
    """How a session asks, waits and gives up. Raises ValueError for a value out of its bounds.

    limit_bytes_per_s      bytes received per second at most, averaged over a second; None: no limit [T-27]
    remembered_bytes_per_s  what the link carried lately, where a link begins with that [T-164]
    max_bytes              received at most, in all runs of a download, over links that cost; None: any number [T-94]
    patience_s             without `progress_bytes` of new bytes for so long, the session stops [T-22]
    turn_s                 while none of several sources answers, each has a turn of so long [T-92]
    udp_turn_s             ... and a source over UDP of so long: it answers in a round trip, or UDP is blocked
    first_request_bytes    the first request asks for so much: the header, and often all that is needed [T-2]
    request_floor_bytes    a later request asks for so much at least, if there is as much;
    request_round_trips    or for what its connection brings in so many round trips, if that is more;
    request_ceiling_bytes  and for no more than this [T-7]
    read_bytes             the longest single read
    hold_bytes             so far behind the first piece that no table names yet is anything asked for [T-33]
    max_connections        connections at once, at most [T-31]
    near_s                 ... and one only, where a round trip takes less than this,
    far_s                  or before the first connection or request has waited for so long,
    slow_bytes_per_s       or where less than this comes in a second;
    first_flight_bytes     else as many as fill bandwidth x delay if each begins with so much in flight
    slow_rest_s            a range that would take longer than this is shared with an idle connection,
    share_floor_bytes      if there is so much of it at least [T-32]
    first_answer_s         a connection may be silent for so long before the round trip is known [T-20],
    idle_floor_s           then for so long at least; or, if that is more,
    idle_round_trips       for so many smoothed round trips
    dial_floor_s           so long after a dial that nothing answers comes the next; or, if that is more,
    dial_round_trips       after so many smoothed round trips [T-20]
    retry_floor_s          pause after the first failure in a row; doubled with each more [T-21]
    retry_ceiling_s        ... up to this,
    retry_share            or to such a share of the time since the last progress, if that is more
    hopeful_s              in an outage, only one connection is dialed at a time after so long [T-21]
    max_bad_answers        so many in a row end the session [T-16]
    max_bad_copies         so many wrong copies of one piece, each different, end the session [T-25]
    max_redirects          followed for one request [T-17]
    sync_share             the share of the time that making pieces durable may take [T-12]
    """

    limit_bytes_per_s: int | None = None
    remembered_bytes_per_s: float | None = None
    max_bytes: int | None = None
    patience_s: float = 300.0
    progress_bytes: int = KIB
    turn_s: float = 20.0
    udp_turn_s: float = 4.0
    first_request_bytes: int = 4 * KIB
    request_floor_bytes: int = 256 * KIB
    request_round_trips: float = 3.0
    request_ceiling_bytes: int = 2048 * KIB
    read_bytes: int = 64 * KIB
    hold_bytes: int = 4096 * KIB
    max_connections: int = 6
    near_s: float = 0.05
    far_s: float = 0.25
    slow_bytes_per_s: int = 32_000
    first_flight_bytes: int = 14_600
    slow_rest_s: float = 20.0
    share_floor_bytes: int = 32 * KIB
    first_answer_s: float = 5.0
    idle_floor_s: float = 2.5
    idle_round_trips: float = 4.0
    dial_floor_s: float = 1.5
    dial_round_trips: float = 2.5
    retry_floor_s: float = 0.05
    retry_ceiling_s: float = 0.3
    retry_share: float = 0.03125
    hopeful_s: float = 30.0
    max_bad_answers: int = 3
    max_bad_copies: int = 5
    max_redirects: int = 5
    sync_share: float = 0.1

    def __post_init__(self) -> None:
        if self.limit_bytes_per_s is not None and self.limit_bytes_per_s < 1:
            raise ValueError(f"limit_bytes_per_s is {self.limit_bytes_per_s}, but must be at least 1")
        if self.max_bytes is not None and self.max_bytes < 1:
            raise ValueError(f"max_bytes is {self.max_bytes}, but must be at least 1")
        if not 0 < self.sync_share <= 1:
            raise ValueError(f"sync_share is {self.sync_share}, but must be within 0 to 1")
        for name, value in vars(self).items():
            if value is not None and value <= 0:
                raise ValueError(f"{name} is {value}, but must be more than 0")
