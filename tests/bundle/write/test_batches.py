"""Batches of small tasks: bundle.write.batches."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bundle.write.batches import BATCH_BYTES, BATCH_TASKS, map_in_batches


class Counting(ThreadPoolExecutor):
    """An executor that notes how many tasks each call of a worker has."""

    def __init__(self) -> None:
        super().__init__(1)
        self.batches: list[int] = []

    def map(self, fn: Callable[..., Any], *iterables: Iterable[Any], **options: Any) -> Iterator[Any]:
        assert not options  # Dask would ignore them
        (batches,) = map(list, iterables)
        self.batches += map(len, batches)
        return super().map(fn, batches)


@pytest.mark.parametrize(
    ("sizes", "batches"),
    [
        ([], []),
        ([0], [1]),
        ([1] * (2 * BATCH_TASKS + 3), [BATCH_TASKS, BATCH_TASKS, 3]),
        ([BATCH_BYTES + 1, BATCH_BYTES, 1, 1, BATCH_BYTES], [1, 1, 2, 1]),
        ([BATCH_BYTES // 2] * 4, [2, 2]),
    ],
)
def test_small_tasks_go_together_and_large_ones_alone(sizes: list[int], batches: list[int]) -> None:
    with Counting() as pool:
        tasks = list(range(len(sizes)))
        assert list(map_in_batches(pool, str, tasks, sizes)) == list(map(str, tasks))
        assert pool.batches == batches
