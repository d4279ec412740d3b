"""The numbers of a transfer, each with its unit; research behind them: spec/transfer.md."""

from dataclasses import dataclass

KIB = 1024


@dataclass(frozen=True)
class TransferConfig:
    """How a session asks, waits and gives up. Raises ValueError for a value out of its bounds.

    limit_bytes_per_s      bytes received per second at most, averaged over a second; None: no limit [T-27]
    patience_s             without `progress_bytes` of new bytes for so long, the session stops [T-22]
    first_request_bytes    the first request asks for so much: the header, and often all that is needed [T-2]
    read_bytes             the longest single read
    first_answer_s         idle time before the round trip is known [T-20]
    idle_floor_s           idle time at least; or, if that is more,
    idle_round_trips       so many smoothed round trips,
    idle_share             or such a share of the time since the last progress,
    idle_ceiling_s         but no more than this, unless the round trips take longer
    retry_floor_s          pause after the first failure in a row; doubled with each more [T-21]
    retry_ceiling_s        ... up to this,
    retry_share            or to such a share of the time since the last progress, if that is more
    max_bad_answers        so many in a row end the session [T-16]
    max_bad_copies         so many wrong copies of one piece, each different, end the session [T-25]
    max_redirects          followed for one request [T-17]
    sync_share             the share of the time that making pieces durable may take [T-12]
    """

    limit_bytes_per_s: int | None = None
    patience_s: float = 300.0
    progress_bytes: int = KIB
    first_request_bytes: int = 4 * KIB
    read_bytes: int = 64 * KIB
    first_answer_s: float = 10.0
    idle_floor_s: float = 2.5
    idle_round_trips: float = 4.0
    idle_share: float = 0.25
    idle_ceiling_s: float = 30.0
    retry_floor_s: float = 0.1
    retry_ceiling_s: float = 0.5
    retry_share: float = 0.0625
    max_bad_answers: int = 3
    max_bad_copies: int = 5
    max_redirects: int = 5
    sync_share: float = 0.1

    def __post_init__(self) -> None:
        if self.limit_bytes_per_s is not None and self.limit_bytes_per_s < 1:
            raise ValueError(f"limit_bytes_per_s is {self.limit_bytes_per_s}, but must be at least 1")
        if not 0 < self.sync_share <= 1:
            raise ValueError(f"sync_share is {self.sync_share}, but must be within 0 to 1")
        for name, value in vars(self).items():
            if value is not None and value <= 0:
                raise ValueError(f"{name} is {value}, but must be more than 0")
