"""Many files hashed in their order, in few threads and little memory: bundle.read.hashing."""

import threading
from collections.abc import Iterator

import pytest

from bundle.read.hashing import LARGE_BYTES, WAITING, hash_in_order

MAIN = threading.main_thread()


def here(item: int) -> tuple[int, bool]:
    assert threading.current_thread() is MAIN
    return item, False


def apart(item: int) -> tuple[int, bool]:
    assert threading.current_thread() is not MAIN
    return item, True


@pytest.mark.parametrize("every", [1, 3, 100, 1000])
def test_results_come_in_order_and_large_ones_from_threads(every: int) -> None:
    items = [(at, LARGE_BYTES if at % every == 0 else LARGE_BYTES - 1) for at in range(300)]
    assert list(hash_in_order(items, here, apart)) == [(at, at % every == 0) for at in range(300)]


def test_few_results_wait_for_a_slow_one() -> None:
    """However many files there are: what waits is in memory."""
    taken, go_on = 0, threading.Event()

    def items() -> Iterator[tuple[int, int]]:
        nonlocal taken
        for at in range(10 * WAITING):
            taken = at
            if at > WAITING // 2:
                go_on.set()
            yield at, 0 if at else LARGE_BYTES

    def slow(item: int) -> tuple[int, bool]:
        assert go_on.wait(60)
        return apart(item)

    results = hash_in_order(items(), here, slow)
    assert next(results) == (0, True)
    assert WAITING // 2 < taken <= WAITING + 1
    assert len(list(results)) == 10 * WAITING - 1


def test_an_error_ends_it() -> None:
    def fails(item: int) -> tuple[int, bool]:
        raise OSError(item)

    for sizes in ([0, 0], [LARGE_BYTES, 0], [0, LARGE_BYTES]):
        with pytest.raises(OSError, match="7"):
            list(hash_in_order([(7, sizes[0]), (8, sizes[1])], fails if not sizes[0] else here, fails))
