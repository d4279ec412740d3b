"""Who does the work of a build: processes of this machine, or a Dask cluster. The bytes are the same."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

from unrep.errors import UsageRefused
from unrep.terminal.console import say

CONNECT_TIMEOUT_S = 10
MOST_WORKERS: Final = 61 if sys.platform == "win32" else 512  # Windows waits for 63 handles at most, two of them ours
# Python takes no module from the working directory with this set, whatever it is set to; this value says that we did.
SAFE_PATH: Final = ("PYTHONSAFEPATH", "unrep")


@contextmanager
def local_processes(workers: int | None) -> Iterator[Executor]:
    """Processes of this machine, one a core unless told otherwise; what has not begun is dropped on an error.

    Where the system gives them no semaphores, one thread of this process does the work, and a line says so.
    """
    with _safe_path():
        pool = _pool(min(workers or os.cpu_count() or 1, MOST_WORKERS))
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _safe_path() -> Iterator[None]:
    """For the processes that are started meanwhile: a `multiprocessing.py` of where somebody stands is not meant
    [A-102]."""
    name, value = SAFE_PATH
    if os.environ.get(name):
        yield
        return
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]


@contextmanager
def dask_cluster(address: str) -> Iterator[Executor]:
    """The workers of a Dask scheduler such as tcp://10.0.0.5:8786.

    They need unrep, and must see the releases and the directory for temporary files (TMPDIR) under the same paths.
    Raises UsageRefused if Dask is not installed or the scheduler does not answer.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise UsageRefused("--dask needs the package 'distributed': install unrep[dask]") from error
    try:
        client = Client(address, timeout=CONNECT_TIMEOUT_S, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise UsageRefused(f"--dask {address}: no scheduler answers there ({error})") from error
    with client, client.get_executor() as executor:  # type: ignore[no-untyped-call]
        yield executor


def _pool(workers: int) -> Executor:
    try:
        return ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_ignore_interrupts)
    except (OSError, NotImplementedError) as error:  # the second where Python was built without them
        reason = getattr(error, "strerror", None) or error
        say(f"no semaphores for worker processes ({reason}), which on Linux need a writable /dev/shm: one thread works")
        return ThreadPoolExecutor(1)


def _ignore_interrupts() -> None:
    """Ctrl-C reaches the whole group; the parent alone decides what it means."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
