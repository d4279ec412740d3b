"""Batches of small tasks: bundle.write.batches."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest

from bundle.host.progress import Quiet
from bundle.write import batches
from bundle.write.batches import BATCH_BYTES, BATCH_TASKS, made_in_batches, map_in_batches


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


class Steps(Quiet):
    """Each step of the progress."""

    def __init__(self) -> None:
        self.amounts: list[int] = []

    def advance(self, amount: int) -> None:
        self.amounts.append(amount)


def test_progress_follows_what_is_ready() -> None:
    """The largest begins first and ends last: the others are told of before it. The results keep their order."""
    large_may_end, steps = Event(), Steps()

    def make(task: int) -> int:
        if task == 0:
            assert large_may_end.wait(10)
        elif task == 2:
            large_may_end.set()
        return task * 10

    sizes = [3 * BATCH_BYTES, 2 * BATCH_BYTES, BATCH_BYTES]
    with ThreadPoolExecutor(2) as pool:
        assert made_in_batches(pool, make, [0, 1, 2], sizes, steps) == [0, 10, 20]
    assert steps.amounts[0] == 2 * BATCH_BYTES and sorted(steps.amounts) == sorted(sizes)


def test_progress_follows_a_task_that_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """[A-219]: a build of one large stream does not stand at 0 %."""
    monkeypatch.setattr(batches, "LOOK_EVERY_S", 0.01)
    may_end, steps = Event(), Steps()

    def so_far(task: int) -> int:
        if sum(steps.amounts) >= 200:
            may_end.set()
        return sum(steps.amounts) + 100

    with ThreadPoolExecutor(1) as pool:
        made_in_batches(pool, lambda _: may_end.wait(10), [0], [1000], steps, so_far)
    assert steps.amounts[:2] == [100, 100] and sum(steps.amounts) == 1000


def test_only_what_is_under_way_is_asked_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A build with thousands of batches would spend its time on asking."""
    monkeypatch.setattr(batches, "LOOK_EVERY_S", 0.01)
    may_end, asked = Event(), set[int]()

    def so_far(task: int) -> int:
        asked.add(task)
        may_end.set()
        return 0

    with ThreadPoolExecutor(1) as pool:
        made_in_batches(pool, lambda _: may_end.wait(10), [0, 1, 2], [BATCH_BYTES] * 3, Steps(), so_far)
    assert 0 in asked and 2 not in asked


def test_the_first_that_fails_ends_it() -> None:
    def make(task: int) -> int:
        if task == 1:
            raise ValueError(task)
        return task

    with ThreadPoolExecutor(1) as pool, pytest.raises(ValueError, match="1"):
        made_in_batches(pool, make, list(range(50)), [BATCH_BYTES] * 50, Steps())
