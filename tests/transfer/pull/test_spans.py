"""Sets of bytes, held against sets of numbers."""

from itertools import pairwise
from random import Random

from transfer.pull.spans import Spans
from transfer.pull.stash import Stash


def test_spans_are_sets() -> None:
    for seed in range(200):
        random = Random(seed)
        spans, numbers = Spans(), set[int]()
        for _ in range(30):
            start = random.randrange(60)
            end = start + random.randrange(12)
            if random.random() < 0.5:
                spans.add(start, end)
                numbers |= set(range(start, end))
            elif random.random() < 0.8:
                spans.remove(start, end)
                numbers -= set(range(start, end))
            elif found := spans.take_first(5):
                assert found[0] == min(numbers) and 0 < found[1] - found[0] <= 5
                numbers -= set(range(*found))
            listed = list(spans)
            assert {number for span in listed for number in range(*span)} == numbers, f"seed {seed}"
            assert all(left[1] < right[0] for left, right in pairwise(listed)), f"seed {seed}"
            missing = {number for span in spans.missing_of(10, 40) for number in range(*span)}
            assert missing == set(range(10, 40)) - numbers, f"seed {seed}"
            assert bool(spans) == bool(numbers)


def test_a_stash_gives_what_is_there_without_a_gap() -> None:
    stash = Stash()
    stash.put(10, b"cdef")
    stash.put(4, b"xy")
    stash.put(6, b"abzz")
    assert stash.read(5, 100) == b"yabzzcdef" and stash.read(5, 7) == b"ya" and stash.read(0, 9) == b""
    assert stash.discard(5, 12) == [(6, 10)]
    assert stash.held_bytes == 6 and stash.read(4, 100) == b"xy"
    stash.clear()
    assert stash.held_bytes == 0 and stash.read(4, 100) == b""
