"""The seeds of every fuzzer, and what fuzzers found once, through the functions that are fuzzed. `make fuzz` goes on.

[F-3] [F-4] [F-25] [F-46] [F-50] [F-60] [R-2]
"""

import pytest

from tests.fuzz.targets import CORPUS, TARGETS, seeds


@pytest.mark.parametrize("name", TARGETS)
def test_every_seed_is_read_or_refused(name: str) -> None:
    count = 0
    for seed in seeds(name):
        TARGETS[name](seed)
        TARGETS[name](seed[: len(seed) // 2])
        count += 1
    assert count > 2


def test_no_corpus_without_a_target() -> None:
    assert {path.name for path in CORPUS.iterdir() if path.is_dir()} <= TARGETS.keys()
