"""Hashing many files: large ones by threads, small ones by the caller, in bounded memory whatever their number.

A hash of many bytes releases the interpreter's lock, and threads gain. For a small file to hand it over costs more than
to hash it.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

THREADS = 4  # more only compete for the disk
LARGE_BYTES = 1024 * 1024
WAITING = 64  # results that wait for one before them, at most

Item = TypeVar("Item")
Made = TypeVar("Made")


def hash_in_order(
    items: Iterable[tuple[Item, int]], here: Callable[[Item], Made], apart: Callable[[Item], Made]
) -> Iterator[Made]:
    """What is made of each item, in their order. `items`: with the bytes that each one has.

    `here` runs in the caller's thread, for small ones. `apart` runs in another thread, for large ones.
    """
    waiting: deque[Future[Made]] = deque()
    with _Pool() as pool:
        try:
            for item, size in items:
                if size >= LARGE_BYTES:
                    waiting.append(pool.submit(apart, item))
                elif waiting:
                    waiting.append(_done(here(item)))
                else:
                    yield here(item)
                if len(waiting) > WAITING:
                    yield waiting.popleft().result()
                while waiting and waiting[0].done():
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.cancel()


class _Pool(ExitStack):
    """Threads that are there once the first large file comes: to load what makes them takes 5 ms."""

    _threads: "ThreadPoolExecutor | None" = None

    def submit(self, apart: Callable[[Item], Made], item: Item) -> "Future[Made]":
        if self._threads is None:
            from concurrent.futures import ThreadPoolExecutor

            self._threads = self.enter_context(ThreadPoolExecutor(THREADS))
        return self._threads.submit(apart, item)

    def cancel(self) -> None:
        """What has not begun does not begin any more."""
        if self._threads:
            self._threads.shutdown(cancel_futures=True)


def _done(made: Made) -> "Future[Made]":
    from concurrent.futures import Future

    future: Future[Made] = Future()
    future.set_result(made)
    return future
