"""The worker processes of a build."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager


@contextmanager
def worker_pool(workers: int | None) -> Iterator[Executor]:
    """Local processes, one a core unless `workers` says otherwise. Work not yet begun is dropped on an error."""
    pool = ProcessPoolExecutor(
        workers or os.cpu_count() or 1, multiprocessing.get_context("spawn"), initializer=_ignore_interrupts
    )
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _ignore_interrupts() -> None:
    """Ctrl-C reaches the whole group; the parent alone decides what it means."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
