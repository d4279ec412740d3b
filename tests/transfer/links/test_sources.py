"""Several sources at once: they share the work, and one that lies, dies or lags is no hindrance to the others."""

from itertools import chain, repeat
from pathlib import Path
from random import Random

import pytest

from bundle.errors import Untrusted
from bundle.trust.trust import Trust
from tests.support.contents.tiny_bundle import PIECE_BYTES, Shape, tiny_bundle
from tests.support.links.simulated_link import (
    HONEST,
    Behaviour,
    Dial,
    SimulatedLink,
    SimulatedSources,
    fetch_over,
    then_honest,
)
from transfer.errors import BadAnswer, Dropped, Incomplete, Silent, SourceCorrupt, SourceRefused
from transfer.fetch.figures import Figures
from transfer.links.contract import Event

BUNDLE = tiny_bundle(Shape(full_bytes=6_000_000, piece_bytes=65_536))
SMALL = tiny_bundle(Shape(full_bytes=300_000))
SIZE = len(BUNDLE.data)
GONE = Behaviour(fault=SourceRefused("404: not found"))
NOBODY = Dial(fault=Silent("nothing"))


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "new.unrep"


def lost(figures: Figures) -> list[str]:
    return [source.name for source in figures.sources if source.lost]


def spoiled(data: bytes, every: int, seed: int = 1) -> bytes:
    """The file with a wrong byte somewhere in each stretch of so many."""
    wrong, random = bytearray(data), Random(seed)
    for start in range(len(BUNDLE.header) + 5000, len(data), every):
        wrong[min(len(data) - 1, start + random.randrange(every))] ^= 0xFF
    return bytes(wrong)


def test_two_mirrors_share_the_work_and_send_each_byte_once(output: Path) -> None:
    """[T-90]: each over its own connections, in less time than either needs alone."""
    slow = Behaviour(bytes_per_s=50_000.0)
    world = SimulatedSources()
    links = [world.add(BUNDLE.data, repeat(slow)) for _ in range(2)]
    figures = fetch_over(world, output).run()
    assert output.read_bytes() == BUNDLE.data
    assert world.delivered == figures.bytes_received == figures.bytes_paid == SIZE
    assert all(link.delivered > SIZE // 3 and link.connections > 1 for link in links)
    assert [source.bytes_received for source in figures.sources] == [link.delivered for link in links]
    alone = SimulatedLink(BUNDLE.data, script=repeat(slow))
    fetch_over(alone, output.with_name("again")).run()
    assert world.clock.seconds < 0.6 * alone.clock.seconds


def test_a_small_rest_is_asked_of_the_first_alone(output: Path) -> None:
    """[T-90]: another would cost a handshake and gain nothing."""
    world = SimulatedSources()
    first, second = (world.add(tiny_bundle(Shape(full_bytes=50_000)).data) for _ in range(2))
    fetch_over(world, output).run()
    assert first.delivered and not second.requests


def test_work_is_taken_from_a_slow_source(output: Path) -> None:
    """[T-90], [T-32]: the fast one does nearly all, whatever the slow one was asked for."""
    world = SimulatedSources()
    slow = world.add(BUNDLE.data, chain([HONEST], repeat(Behaviour(bytes_per_s=2_000.0))))
    fast = world.add(BUNDLE.data, repeat(Behaviour(bytes_per_s=100_000.0)))
    fetch_over(world, output).run()
    assert output.read_bytes() == BUNDLE.data
    assert fast.delivered > 0.9 * SIZE and slow.delivered < 0.1 * SIZE
    assert world.clock.seconds < 25, "the last piece too"
    assert world.delivered < 1.01 * SIZE


@pytest.mark.parametrize("number", [0, 1])
def test_what_a_source_that_falls_silent_was_asked_for_comes_from_the_other(output: Path, number: int) -> None:
    """[T-90], [T-20]: whichever it is, at the cost of a few seconds and of no byte twice."""
    world = SimulatedSources()
    hole = Behaviour(drop_after=100_000, drop=Silent("nothing"))
    scripts = [then_honest(HONEST), then_honest(HONEST)]
    scripts[number] = iter([HONEST, *[hole] * 200])
    dials = [None, None]
    links = [world.add(BUNDLE.data, script, dials=dial) for script, dial in zip(scripts, dials, strict=True)]
    fetch_over(world, output).run()
    assert output.read_bytes() == BUNDLE.data
    assert links[1 - number].delivered > 0.7 * SIZE
    assert world.delivered < SIZE + 16 * 1400 and world.clock.seconds < 60


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize(
    "behaviour", [GONE, Behaviour(fault=BadAnswer("sends nonsense"))], ids=["not found", "nonsense"]
)
def test_a_source_that_cannot_serve_is_named_and_asked_no_more(output: Path, number: int, behaviour: Behaviour) -> None:
    """[T-90]: from the header on, or later."""
    for before in (0, 2):
        said: list[str] = []
        world = SimulatedSources()
        scripts = [then_honest(), then_honest()]
        scripts[number] = iter([HONEST] * before + [behaviour] * 100)
        links = [world.add(BUNDLE.data, script) for script in scripts]
        target = output.with_name(f"{before}")
        figures = fetch_over(world, target, say=said.append).run()
        assert target.read_bytes() == BUNDLE.data
        if links[number].requests:
            assert lost(figures) == [links[number].name]
            assert any(links[number].name in line or "not found" in line for line in said), said
            assert len(links[number].requests) < before + 12


def test_a_source_with_another_bundle_is_dropped_by_its_length(output: Path) -> None:
    """[T-90], [T-14]"""
    world = SimulatedSources()
    world.add(BUNDLE.data)
    world.add(tiny_bundle(Shape(seq=9, full_bytes=9_000_000, piece_bytes=65_536), seed=4).data)
    figures = fetch_over(world, output).run()
    assert output.read_bytes() == BUNDLE.data and lost(figures) == ["sim://ship/2"]


def test_a_lying_source_costs_three_pieces(output: Path) -> None:
    """[T-91]: it is scored down, dropped, and named; its pieces come from the other."""
    said: list[str] = []
    world = SimulatedSources()
    world.add(BUNDLE.data, repeat(Behaviour(bytes_per_s=50_000.0)))
    liar = world.add(BUNDLE.header + bytes(SIZE - len(BUNDLE.header)), repeat(Behaviour(bytes_per_s=50_000.0)))
    figures = fetch_over(world, output, say=said.append).run()
    assert output.read_bytes() == BUNDLE.data
    assert lost(figures) == [liar.name] and sum(liar.name in line and "no more" in line for line in said) == 1
    assert liar.delivered <= (3 + liar.connections) * 65_536


def test_nobody_waits_for_a_source_that_is_in_doubt(output: Path) -> None:
    """[T-91]: its idle connections do not keep another from being dialed; a piece came on each, none held."""
    world = SimulatedSources()
    liar = world.add(BUNDLE.header + Random(1).randbytes(SIZE - len(BUNDLE.header)))
    world.add(BUNDLE.data)
    fetch_over(world, output).run()
    assert output.read_bytes() == BUNDLE.data
    assert world.clock.seconds < 30 and liar.delivered <= 4096 + 6 * 65_536


def test_pieces_are_not_asked_again_of_who_spoiled_them(output: Path) -> None:
    """[T-91]: one wrong piece is no reason to drop a source, but the other has that piece."""
    world = SimulatedSources()
    damaged = bytearray(BUNDLE.data)
    for at in range(1_000_000, SIZE, 2_000_000):
        damaged[at] ^= 1
    first = world.add(bytes(damaged))
    world.add(BUNDLE.data)
    figures = fetch_over(world, output).run()
    assert output.read_bytes() == BUNDLE.data and not lost(figures)
    assert sum(source.bytes_received for source in figures.sources) <= SIZE + 3 * 65_536
    asked = [offset for request in first.requests for offset in range(request.offset, request.end, 65_536)]
    assert len(asked) < SIZE // 65_536 + 10


def test_two_that_never_answer_do_not_keep_each_other_in_hope(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[T-91], [T-22]: a damaged piece is asked for again of the only source that delivers, once they had their time."""
    world = SimulatedSources()
    world.add(BUNDLE.data, then_honest(HONEST, Behaviour(flips=(100_000,))))
    for _ in range(2):
        world.add(BUNDLE.data, dials=repeat(NOBODY))
    wait = world.wait

    def watched(timeout_s: float) -> Event | None:
        assert world.clock.seconds < 60
        return wait(timeout_s)

    monkeypatch.setattr(world, "wait", watched)
    fetch_over(world, output).run()
    assert output.read_bytes() == BUNDLE.data


def test_a_link_that_flips_bits_costs_no_source(output: Path) -> None:
    """[T-91]: one in forty pieces from either."""
    world, random = SimulatedSources(), Random(3)
    for _ in range(2):
        flips = iter(lambda: Behaviour(flips=tuple(random.sample(range(2_000_000), 1))), None)
        world.add(BUNDLE.data, (HONEST if n == 0 else flip for n, flip in enumerate(flips)))
    figures = fetch_over(world, output).run()
    assert output.read_bytes() == BUNDLE.data and not lost(figures)


@pytest.mark.parametrize("count", [2, 3])
def test_if_all_lie_the_last_one_is_told_as_a_single_one_would_be(output: Path, count: int) -> None:
    """[T-91], [T-25]"""
    world = SimulatedSources()
    for number in range(count):
        world.add(spoiled(SMALL.data, 4096, number))
    with pytest.raises((SourceCorrupt, Incomplete)):
        fetch_over(world, output).run()
    assert not output.exists()
    assert world.delivered < 20 * count * PIECE_BYTES


def test_a_source_that_is_cut_short_gives_what_it_has(output: Path) -> None:
    """[T-26], [T-90]: and is named for what it has not."""
    world, said = SimulatedSources(), list[str]()
    slow = Behaviour(bytes_per_s=50_000.0)
    first = world.add(BUNDLE.data[: SIZE // 2], repeat(slow))
    world.add(BUNDLE.data, repeat(slow))
    figures = fetch_over(world, output, say=said.append).run()
    assert output.read_bytes() == BUNDLE.data and first.delivered > SIZE // 5
    assert figures.bytes_received < 1.01 * SIZE


def test_if_all_are_cut_short_it_is_incomplete_and_goes_on_later(output: Path) -> None:
    """[T-26]"""
    world = SimulatedSources()
    for part in (3, 2):
        world.add(BUNDLE.data[: SIZE // part])
    with pytest.raises(Incomplete, match="cut short"):
        fetch_over(world, output).run()
    rest = SimulatedLink(BUNDLE.data)
    fetch_over(rest, output).run()
    assert output.read_bytes() == BUNDLE.data and rest.delivered < 0.53 * SIZE


@pytest.mark.parametrize("seconds", [20.0])
def test_while_the_first_is_dead_the_second_has_its_turn_for_the_header(output: Path, seconds: float) -> None:
    """[T-92]: after 20 s, and the fetch goes on without the first."""
    world = SimulatedSources()
    dead = world.add(BUNDLE.data, dials=repeat(NOBODY))
    world.add(BUNDLE.data)
    fetch_over(world, output).run()
    assert output.read_bytes() == BUNDLE.data
    assert not dead.requests and seconds < world.clock.seconds < seconds + 60


def test_a_source_that_nobody_trusts_is_passed_over(output: Path) -> None:
    """[T-92], [T-1]"""
    said: list[str] = []
    world = SimulatedSources()
    world.add(b"<html>log in to the satellite</html>" * 400)
    world.add(BUNDLE.data)
    figures = fetch_over(world, output, say=said.append).run()
    assert output.read_bytes() == BUNDLE.data and lost(figures) == ["sim://ship/1"]
    assert any("sim://ship/1" in line for line in said)
    world = SimulatedSources()
    for _ in range(2):
        world.add(BUNDLE.data)
    with pytest.raises(Untrusted):
        fetch_over(world, output.with_name("x"), trust=Trust(())).run()


def test_when_none_answers_it_is_incomplete_after_the_patience(output: Path) -> None:
    """[T-92], [T-22]"""
    world = SimulatedSources()
    for _ in range(3):
        world.add(BUNDLE.data, dials=repeat(NOBODY))
    with pytest.raises(Incomplete, match="run the same command again"):
        fetch_over(world, output).run()
    assert 300 <= world.clock.seconds < 400


def test_a_source_that_comes_back_takes_its_share_again(output: Path) -> None:
    """[T-90], [T-21]"""
    bundle = tiny_bundle(Shape(full_bytes=20_000_000, piece_bytes=65_536))
    world = SimulatedSources()
    world.add(bundle.data, repeat(Behaviour(bytes_per_s=40_000.0)))
    drops = [Behaviour(drop_after=0, drop=Dropped("reset"))] * 20
    back = world.add(bundle.data, then_honest(*drops), dials=None)
    fetch_over(world, output).run()
    assert output.read_bytes() == bundle.data and back.delivered > 5_000_000
