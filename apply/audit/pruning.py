"""Records of runs that are no longer kept: their figures go on counting, and the chain stays provable [A-155]."""

from collections.abc import Iterator

from apply.audit.metrics import Tally
from apply.record.chain import Link
from apply.record.database import Record

_SLACK: int = 10  # a tenth more may gather, so that not every run prunes


def prune_runs(record: Record, keep: int) -> None:
    """Removes records beyond the last `keep`, once there are a tenth more. Raises StorageFailed or DiskFull."""
    if record.count_runs() > keep + keep // _SLACK:
        record.prune(keep, _with_figures)


def _with_figures(before: str, links: Iterator[Link]) -> str:
    tally = Tally.of(before)
    for link in links:
        if run := link.run():
            tally.add(run)
    return tally.text()
