"""Small tasks for worker processes in batches: to hand a task over costs more than most of them take.

Executors differ in what `map` does with `chunksize`: that of Dask ignores it. So the batches are made here.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, wait
from functools import partial
from itertools import chain, islice
from typing import Any, TypeVar

from bundle.host.progress import Progress

BATCH_TASKS = 64
LOOK_EVERY_S = 1.0
BATCH_BYTES = 512 * 1024  # so that a large task stands alone

Task = TypeVar("Task")
Made = TypeVar("Made")


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
    so_far: Callable[[Task], int] = lambda _: 0,
) -> list[Made]:
    """The same at once. Whenever a batch is ready, in whatever order, `progress` advances by its bytes.

    `so_far`: how many bytes of a task that is under way are done, for tasks that take minutes.
    """
    batches = list(_batches(tasks, sizes))
    lengths = iter(sizes)
    amounts = [sum(islice(lengths, len(batch))) for batch in batches]
    futures = {
        pool.submit(partial(_run, function), batch): (bytes_, batch)
        for batch, bytes_ in zip(batches, amounts, strict=True)
    }
    under_way, told = set(futures), dict.fromkeys(futures, 0)
    try:
        while under_way:
            done, under_way = wait(under_way, LOOK_EVERY_S, FIRST_COMPLETED)
            for future, (bytes_, batch) in futures.items():
                if future in done:
                    future.result()  # the first that fails ends it
                elif future not in under_way or not (bytes_ := min(bytes_, sum(map(so_far, batch)))) > told[future]:
                    continue
                progress.advance(bytes_ - told[future])
                told[future] = bytes_
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
