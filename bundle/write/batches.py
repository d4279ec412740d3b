"""Small tasks for worker processes in batches: to hand a task over costs more than most of them take.

Executors differ in what `map` does with `chunksize`: that of Dask ignores it. So the batches are made here.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from typing import Any, Generic, TypeVar

from bundle.host.progress import Progress

BATCH_TASKS = 64
LOOK_EVERY_S = 1.0
BATCH_BYTES = 512 * 1024  # so that a large task stands alone

Task = TypeVar("Task")
Made = TypeVar("Made")


@dataclass
class _UnderWay(Generic[Task]):
    """A batch that a worker has or will have, its bytes, and how many of them the progress was told of."""

    batch: list[Task]
    size: int
    told: int = 0


def map_in_batches(
    pool: Executor, function: Callable[[Task], Made], tasks: Sequence[Task], sizes: Iterable[int]
) -> Iterator[Made]:
    """What `function` makes of each task, in their order. `sizes`: how many bytes each task has to do with."""
    batches = list(_batches(tasks, sizes))  # Dask maps over no iterator
    return chain.from_iterable(pool.map(partial(_run, function), batches))


def made_in_batches(
    pool: Executor,
    function: Callable[[Task], Made],
    tasks: Sequence[Task],
    sizes: Sequence[int],
    progress: Progress,
    so_far: Callable[[Task], int] | None = None,
) -> list[Made]:
    """The same at once. Whenever a batch is ready, in whatever order, `progress` advances by its bytes.

    `so_far`: how many bytes of a task that is under way are done, for tasks that take minutes.
    """
    batches = list(_batches(tasks, sizes))
    lengths = iter(sizes)
    futures = [pool.submit(partial(_run, function), batch) for batch in batches]
    left = {
        future: _UnderWay(batch, sum(islice(lengths, len(batch))))
        for future, batch in zip(futures, batches, strict=True)
    }
    try:
        while left:
            with suppress(TimeoutError):
                for future in as_completed(left, LOOK_EVERY_S if so_far else None):
                    future.result()  # the first that fails ends it
                    one = left.pop(future)
                    progress.advance(one.size - one.told)
            for future, one in left.items():
                if so_far and future.running() and (done := min(one.size, sum(map(so_far, one.batch)))) > one.told:
                    progress.advance(done - one.told)
                    one.told = done
        return list(chain.from_iterable(future.result() for future in futures))
    finally:
        for future in futures:
            future.cancel()


def call_with(function: Callable[..., Made], arguments: tuple[Any, ...]) -> Made:
    """Calls a function of several arguments with those of one task."""
    return function(*arguments)


def _run(function: Callable[[Task], Made], batch: list[Task]) -> list[Made]:
    return [function(task) for task in batch]


def _batches(tasks: Sequence[Task], sizes: Iterable[int]) -> Iterator[list[Task]]:
    batch: list[Task] = []
    filled = 0
    for task, size in zip(tasks, sizes, strict=True):
        if batch and (len(batch) == BATCH_TASKS or filled + size > BATCH_BYTES):
            yield batch
            batch, filled = [], 0
        batch.append(task)
        filled += size
    if batch:
        yield batch
