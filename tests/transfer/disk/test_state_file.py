"""What survives a kill beside the verified pieces: what was paid, and the beginnings of several pieces at once."""

from pathlib import Path
from random import Random

import pytest

from tests.support.contents.tiny_bundle import Shape, tiny_bundle
from tests.support.links.simulated_link import (
    HONEST,
    Behaviour,
    Killed,
    SimulatedLink,
    VirtualClock,
    fetch_over,
    then_honest,
)
from transfer.config import TransferConfig
from transfer.disk.partial import state_path
from transfer.disk.state_file import MAX_SLOTS, StateFile
from transfer.errors import BudgetSpent

PIECE = 65_536
BUNDLE = tiny_bundle(Shape(full_bytes=3_000_000, piece_bytes=PIECE))
FINE = tiny_bundle(Shape(full_bytes=9))
BEHIND = len(FINE.header)
SIZE, HEADER_BYTES = len(BUNDLE.data), len(BUNDLE.header)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out"


def killed(output: Path, after_bytes: int) -> SimulatedLink:
    """A fetch over six connections, killed when one of them has brought so much."""
    kill = Behaviour(drop_after=after_bytes, drop=Killed())
    link = SimulatedLink(BUNDLE.data, VirtualClock(), then_honest(HONEST, *[kill] * 6))
    with pytest.raises(Killed):
        fetch_over(link, output).run()
    return link


@pytest.mark.parametrize("seed", range(12))
def test_a_kill_loses_nothing_that_had_come(output: Path, seed: int) -> None:
    """[T-12]: with six unfinished pieces; a chunk may have been on its way from the link to the file."""
    first = killed(output, Random(seed).randrange(20_000, 250_000))
    assert len({request.connection for request in first.requests}) == 6
    second = SimulatedLink(BUNDLE.data)
    fetch_over(second, output).run()
    assert output.read_bytes() == BUNDLE.data
    assert first.delivered + second.delivered <= SIZE + HEADER_BYTES + 2 * 1400
    assert [path.name for path in output.parent.iterdir()] == ["out"]


def test_pieces_that_wait_for_their_table_outlive_a_kill(output: Path) -> None:
    """[T-12], [T-33]: the table came damaged, what it names came whole."""
    bundle = tiny_bundle(Shape(full_bytes=4096 * 600))
    table = next(iter(bundle.verified.pieces(bundle.root.sections[0])))
    damaged, late = Behaviour(flips=(table[0] + 5,)), Behaviour(answer_s=60.0)
    kill = Behaviour(drop_after=150_000, drop=Killed())
    first = SimulatedLink(bundle.data, script=iter([damaged, late, HONEST, HONEST, kill]))
    with pytest.raises(Killed):
        fetch_over(first, output, config=TransferConfig(max_connections=4)).run()
    assert first.requests[1].offset == table[0] and first.delivered > 400_000
    second = SimulatedLink(bundle.data)
    fetch_over(second, output).run()
    assert output.read_bytes() == bundle.data
    again = first.delivered + second.delivered - len(bundle.data)
    assert again <= len(bundle.header) + 4096 + 3 * 1400, "the head of the file, and no piece that was held"


@pytest.mark.parametrize("damage", ["slots", "head", "cut", "empty", "gone"])
def test_a_damaged_state_file_costs_the_unfinished_pieces_only(output: Path, damage: str) -> None:
    """[T-12], [T-9]: nothing in it is trusted."""
    first = killed(output, 100_000)
    path = state_path(output)
    data = bytearray(path.read_bytes())
    if damage == "slots":
        for at in range(64 + 16, len(data), 5_000):
            data[at] ^= 0xFF
    elif damage == "head":
        data[:64] = Random(1).randbytes(64)
    elif damage == "cut":
        del data[len(data) // 2 :]
    path.write_bytes(data if damage != "empty" else b"")
    if damage == "gone":
        path.unlink()
    second = SimulatedLink(BUNDLE.data)
    fetch_over(second, output).run()
    assert output.read_bytes() == BUNDLE.data
    assert first.delivered + second.delivered <= SIZE + HEADER_BYTES + 7 * PIECE


def test_what_was_paid_counts_over_all_runs_of_one_download(output: Path) -> None:
    """[T-94]: to the byte, through kills; and no more once it is another bundle."""
    paid = 0
    for after in (30_000, 200_000, 90_000):
        paid += killed(output, after).delivered
        assert StateFile(output).paid_bytes == paid
    newer = tiny_bundle(Shape(seq=3, full_bytes=900_000, piece_bytes=PIECE), seed=5)
    link = SimulatedLink(newer.data, script=then_honest(HONEST, Behaviour(drop_after=10_000, drop=Killed())))
    with pytest.raises(Killed):
        fetch_over(link, output).run()
    assert StateFile(output).paid_bytes == link.delivered


@pytest.mark.parametrize("max_bytes", [1, 3_000, 100_000, 1_234_567, SIZE - 1])
def test_no_byte_over_the_budget_is_received(output: Path, max_bytes: int) -> None:
    """[T-94]: whatever is lost on the way; and it says how much is missing."""
    drops = [Behaviour(drop_after=n * 10_000) for n in range(1, 12)]
    link = SimulatedLink(BUNDLE.data, script=then_honest(HONEST, *drops))
    with pytest.raises(BudgetSpent, match=f"--max-bytes {max_bytes:,}: .*{max_bytes:,} bytes were received"):
        fetch_over(link, output, config=TransferConfig(max_bytes=max_bytes)).run()
    assert link.delivered == max_bytes


def test_a_budget_is_for_all_runs_and_a_higher_one_goes_on(output: Path) -> None:
    """[T-94]"""
    first = killed(output, 200_000)
    second, third = SimulatedLink(BUNDLE.data), SimulatedLink(BUNDLE.data)
    most = first.delivered + 1_000_000
    with pytest.raises(BudgetSpent):
        fetch_over(second, output, config=TransferConfig(max_bytes=most)).run()
    assert second.delivered == 1_000_000
    figures = fetch_over(third, output, config=TransferConfig(max_bytes=2 * SIZE)).run()
    assert output.read_bytes() == BUNDLE.data and figures.complete
    assert first.delivered + second.delivered + third.delivered < SIZE + 2 * HEADER_BYTES + 2 * 1400 + PIECE


def test_what_is_needed_may_be_all_of_the_budget(output: Path) -> None:
    """[T-94]"""
    fetch_over(SimulatedLink(BUNDLE.data), output, config=TransferConfig(max_bytes=SIZE)).run()
    assert output.read_bytes() == BUNDLE.data


def test_slots_are_used_again_and_bounded(tmp_path: Path) -> None:
    """[T-12]"""
    with StateFile(tmp_path / "x") as state:
        state.open(FINE.verified, 0)
        assert state.unfinished == []
        for number in range(1000):
            state.save(BEHIND + number * 4096, 0, b"a" * 100)
            state.release(BEHIND + number * 4096)
        assert state.path.stat().st_size < 64 + 2 * (16 + 4096)
        for number in range(MAX_SLOTS + 10):
            state.save(BEHIND + number * 4096, 0, b"b" * 100)
        assert state.path.stat().st_size <= 64 + MAX_SLOTS * (16 + 4096)
    with StateFile(tmp_path / "x") as again:
        again.open(FINE.verified, 0)
        begun = again.unfinished
        assert len(begun) == MAX_SLOTS and begun[3] == (BEHIND + 3 * 4096, b"b" * 100) and again.paid_bytes == 0
    with StateFile(tmp_path / "x") as other:
        other.open(tiny_bundle(Shape(seq=9, full_bytes=9)).verified, 0)
        assert other.unfinished == []
