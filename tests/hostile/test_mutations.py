"""20,000 mutants, and every bit and length of one bundle: nothing is accepted, nothing fails, nothing changes.

`make mutations` does a million. [F-3] [F-4] [F-21] [F-25]
"""

import random
import struct
from pathlib import Path

import pytest

from bundle.errors import BundleError
from tests.hostile.mutations import second_opinion
from tests.support.contents.in_memory import in_memory
from tests.support.contents.mutants import damaged, mutant, original
from tests.support.faults.mutant_trial import Trial
from tests.support.observers.memory import peak_of
from tests.support.sites.attacked_site import Besieged

SHARE = 10_000
MIB = 1 << 20


@pytest.fixture
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Beside the site, where every change counts."""
    return tmp_path_factory.mktemp("mutants")


@pytest.mark.parametrize("first", [0, SHARE])
def test_20000_mutants(site: Besieged, scratch: Path, first: int) -> None:
    print(f"mutants {first} to {first + SHARE}: python -m tests.hostile.mutations {SHARE} {first}")
    with peak_of(256 * MIB):
        tally = Trial(site, scratch).run(range(first, first + SHARE))
    assert tally.count == SHARE
    assert tally.is_good, "\n".join(tally.wrong + tally.failures + tally.changed_outside_staging)
    assert tally.identical < SHARE / 10 and 0 < tally.sound < SHARE / 10, "the mutator changes too little"
    assert tally.at_the_site > 20
    assert not second_opinion(tally.accepted)


@pytest.mark.parametrize("name", ["delta", "encrypted"])
def test_every_bit_of_a_small_bundle(site: Besieged, scratch: Path, name: str) -> None:
    """Root, signatures, index and all the rest."""
    data, trial = original(name), Trial(site, scratch)
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BundleError):
            trial.read_through(in_memory(bytes(changed), "mutant.unrep"))
    assert trial.run(range(0)).is_good


def test_every_length_of_small_bundles(site: Besieged, scratch: Path) -> None:
    trial = Trial(site, scratch)
    for name in ("delta", "archive-gzip", "shape", "reaimed", "encrypted"):
        data = original(name)
        for length in (*range(len(data)), *range(len(data) + 1, len(data) + 20)):
            with pytest.raises(BundleError):
                trial.read_through(in_memory(data[:length].ljust(length, b"\0"), "mutant.unrep"))


def test_the_trial_notices() -> None:
    """A mutant that is the original, and what is wrong with what comes of one, are told from the rest."""
    made = [mutant(seed) for seed in range(300)]
    assert {m.resigned for m in made} == {True, False} and len({m.original for m in made}) > 8
    assert made == [mutant(seed) for seed in range(300)], "one number, one mutant"
    chance = random.Random(1)
    data = original("delta")
    lengths = {struct.unpack_from("<I", damaged(data, chance).ljust(14, b"\0"), 6)[0] for _ in range(300)}
    assert len(lengths) > 5
