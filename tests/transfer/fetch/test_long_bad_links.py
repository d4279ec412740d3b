"""Whole fetches through weather that a seed makes up: drops, silence, damage, nonsense, slow links, and kills.

Each seed is a world of its own; a failing one is in the test's name. Hours of it pass in milliseconds.
"""

from itertools import islice
from pathlib import Path
from random import Random

import pytest

from bundle.archives.engines import present_features
from tests.support.contents.tiny_bundle import PIECE_BYTES, Shape, TinyBundle, tiny_bundle, tree_hash
from tests.support.links.simulated_link import (
    Behaviour,
    Killed,
    SimulatedLink,
    VirtualClock,
    fetch_over,
    random_weather,
)
from transfer.errors import Incomplete
from transfer.fetch.figures import Figures
from transfer.plan import SiteHoldings

MOST_RUNS = 60
LONG = {1, 6, 14, 29, 43, 44, 47}  # seeds whose worlds take over ten seconds


def made_up_bundle(random: Random) -> TinyBundle:
    """Of any shape, from one piece to a table of tables."""
    deltas = {f"base {n}": int(random.expovariate(1 / 60_000)) + 10 for n in range(random.randrange(3))}
    full = random.choice((None, 5, 4096, 50_000, 4096 * 128 + 1)) if deltas else random.randrange(1, 300_000)
    return tiny_bundle(Shape(full_bytes=full, delta_bytes=deltas), seed=random.randrange(1000))


def made_up_site(random: Random) -> SiteHoldings | None:
    """A site that the bundle has a delta for, an empty one, or none."""
    return random.choice((None, SiteHoldings((tree_hash("base 0"),), is_empty=False), SiteHoldings((), is_empty=True)))


def check_standing(output: Path, bundle: TinyBundle) -> int:
    """Whatever happened, only verified pieces and holes stand at the output; returns the bytes of the pieces [T-8]."""
    path = output if output.exists() else output.with_name(output.name + ".part")
    if not path.exists():
        return 0
    data = path.read_bytes()
    assert len(data) == len(bundle.data) and data.startswith(bundle.header)
    present = len(bundle.header)
    for section in bundle.root.sections:
        for offset, piece in bundle.verified.pieces(section):
            place = slice(offset, offset + piece.length)
            if data[place] == bundle.data[place]:
                present += piece.length
            else:
                assert not any(data[place]), f"neither a piece nor a hole at {offset}"
    return present


def fetch_until_done(link: SimulatedLink, output: Path, bundle: TinyBundle, site: SiteHoldings | None) -> Figures:
    """Run after run, as a ship would; after each that did not finish, what stands there is looked at."""
    kept = 0
    for number in range(MOST_RUNS):
        fetch = fetch_over(link, output, site, allow_full=True, seed=number)
        try:
            return fetch.run()
        except (Killed, Incomplete):
            figures = fetch.figures()
            before, kept = kept, check_standing(output, bundle)
            assert kept >= before, "a run may not lose what an earlier one kept"
            assert not before or figures.root is None or figures.bytes_resumed in (0, before)
            link.clock.sleep(3600)
    raise AssertionError(f"not done in {MOST_RUNS} runs")


@pytest.mark.parametrize(
    "seed", [pytest.param(seed, marks=pytest.mark.slow) if seed in LONG else seed for seed in range(60)]
)
def test_every_world_ends_with_the_right_file(seed: int, tmp_path: Path) -> None:
    """[T-8], [T-9], [T-10], [T-16], [T-20], [T-21], [T-23], [T-24]"""
    random = Random(seed)
    bundle = made_up_bundle(random)
    site = made_up_site(random)
    if site and not site.is_empty and bundle.root.delta_section(tree_hash("base 0"), present_features()) is None:
        site = None
    if site and site.is_empty and bundle.root.full_section(present_features()) is None:
        site = None
    clock = VirtualClock()
    link = SimulatedLink(bundle.data, clock, random_weather(random, kills=random.randrange(8)))
    output = tmp_path / "out"
    figures = fetch_until_done(link, output, bundle, site)
    assert figures.complete
    assert output.read_bytes() == bundle.holding(*figures.sections)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("seed", range(30))
def test_drops_alone_cost_not_one_byte_twice(seed: int, tmp_path: Path) -> None:
    """[T-23], [T-7]: with nothing damaged and nobody killed, every byte is handed over once."""
    random = Random(seed)
    bundle = made_up_bundle(random)

    def drops() -> Behaviour:
        return Behaviour(drop_after=int(random.expovariate(1 / 15_000)), chunk_bytes=random.randrange(1, 3000))

    link = SimulatedLink(bundle.data, VirtualClock(), iter(drops, None))
    figures = fetch_over(link, tmp_path / "out").run()
    assert (tmp_path / "out").read_bytes() == bundle.data
    assert figures.bytes_received == link.delivered == len(bundle.data) == figures.bytes_needed


@pytest.mark.parametrize("seed", range(30))
def test_a_kill_costs_a_piece_and_what_was_under_way(seed: int, tmp_path: Path) -> None:
    """[T-12]: kills at random bytes, one after the other; what a kill costs is what came and does not stand there."""
    random = Random(seed)
    bundle = tiny_bundle(Shape(full_bytes=random.randrange(50_000, 300_000)), seed)
    output, kept = tmp_path / "out", 0
    while not output.exists():
        kill = Behaviour(drop_after=random.randrange(60_000), drop=Killed(), chunk_bytes=1400)
        link = SimulatedLink(bundle.data, VirtualClock(), iter([Behaviour(), kill, kill]))
        fetch = fetch_over(link, output)
        try:
            fetch.run()
        except Killed:
            before, kept = kept, check_standing(output, bundle)
            asked_again = len(bundle.header) if before else 0
            lost = link.delivered - asked_again - (kept - before)
            assert lost < PIECE_BYTES + 1400, f"{lost} bytes for the kill after {link.delivered}"
    assert output.read_bytes() == bundle.data


def test_the_worlds_are_bad_enough() -> None:
    """The weather of these tests has everything in it."""
    weather = list(islice(random_weather(Random(1), kills=3), 400))
    assert sum(isinstance(one.drop, Killed) for one in weather) == 3
    assert len({type(one.fault) for one in weather}) == 4
    assert sum(bool(one.flips) for one in weather) > 30
