"""Every missing piece from the cheapest place that has it, and what is asked before it is paid for."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from bundle.archives.engines import present_features
from tests.support.contents.tiny_bundle import TRUST, Shape, TinyBundle, tiny_bundle
from tests.support.links.simulated_link import SimulatedLink, SimulatedSources
from transfer.disk.partial import Partial
from transfer.disk.state_file import StateFile
from transfer.errors import ConsentNeeded, Incomplete
from transfer.fetch.cost_record import CostRecord
from transfer.fetch.header import HeaderReceiver
from transfer.fetch.output_filler import OutputFiller
from transfer.fetch.request import FetchRequest
from transfer.links.budget import Budget
from transfer.plan import FetchPlan
from transfer.scheduling.scheduler import Scheduler

BUNDLE = tiny_bundle(Shape(full_bytes=200_000, delta_bytes={"old": 30_000}))
SIZE = len(BUNDLE.data)
HEADER_BYTES = len(BUNDLE.header)


@contextmanager
def output_filler(
    directory: Path, *disks: Path, bundle: TinyBundle = BUNDLE, free_name: str = "", **options: object
) -> Iterator[tuple[OutputFiller, SimulatedLink]]:
    """A filler with a received header, and the link to its one source."""
    world = SimulatedSources(paths=disks)
    link = world.add(bundle.data)
    link.name, link.is_free = free_name or link.name, bool(free_name)
    request = FetchRequest(
        links=world,
        trust=TRUST,
        output=directory / "out",
        clock=world.clock,
        jitter=Random(1),
        **options,  # type: ignore[arg-type]
    )
    budget = Budget()
    scheduler = Scheduler(world, request.config, world.clock, request.say, request.jitter, budget)
    prefix = HeaderReceiver(scheduler, TRUST, request.config, world.clock).receive()
    scheduler.begin_bundle(prefix.verified)
    plan = FetchPlan.of(prefix.verified, bundle.root.sections[:1], fresh=True)
    path = directory / "out.part"
    with (
        StateFile(request.output) as state,
        Partial(path, prefix.header, prefix.verified.total_bytes, world.clock, 0.1) as partial,
    ):
        costs = CostRecord(state, budget, world.clock, 0.0)
        yield OutputFiller(request, scheduler, prefix, plan, partial, state, costs), link


def held(directory: Path) -> bytes:
    return (directory / "out.part").read_bytes()


def test_what_came_with_the_header_and_what_lies_on_disks_is_not_asked_for(tmp_path: Path) -> None:
    """[T-93], [T-2]"""
    stick = tmp_path / "stick"
    stick.write_bytes(BUNDLE.data[:20_000])
    with output_filler(tmp_path, stick) as (filler, link):
        before = link.delivered
        filler.fill()
    assert held(tmp_path) == BUNDLE.holding(BUNDLE.root.sections[0]) and filler.found_bytes == 0
    paid = link.delivered - before
    assert paid == filler.plan.wanted_bytes - sum(filler.stores.bytes_by_path.values()) - written_from_prefix(filler)
    assert 0 < paid < filler.plan.wanted_bytes - 14_000


def written_from_prefix(filler: OutputFiller) -> int:
    """Bytes of the pieces that came whole with the header."""
    return sum(slot.length for slot in filler.plan.slots if slot.offset + slot.length <= 4096)


def test_more_than_was_agreed_to_needs_consent(tmp_path: Path) -> None:
    """[T-41]: and what is there already is for nothing."""
    full = BUNDLE.root.full_section(present_features())
    assert full is not None
    with output_filler(tmp_path) as (filler, link):
        filler.fill()
        before = link.delivered
        filler.fill("two files are damaged")
        assert link.delivered == before, "nothing was missing"
        filler.plan.add(full, [(0, 4096)])
        with pytest.raises(ConsentNeeded, match=r"^two files are damaged: the full release has them, in [0-9,]+ bytes"):
            filler.fill("two files are damaged")
        assert link.delivered == before
    (tmp_path / "out.part").unlink()
    with output_filler(tmp_path, allow_full=True) as (filler, link):
        filler.plan.add(full, [(0, 4096)], fresh=True)
        filler.fill("two files are damaged")
    assert held(tmp_path)[-4096 * 40 :].strip(b"\0") == b"" and not filler.plan.missing()


def test_a_file_that_was_read_to_its_end_is_not_asked_for_the_rest(tmp_path: Path) -> None:
    """[T-93]: it is the only source, and says what is missing."""
    stick = tmp_path / "stick"
    stick.write_bytes(BUNDLE.data[:20_000])
    with output_filler(tmp_path, stick, free_name=str(stick)) as (filler, _), pytest.raises(Incomplete) as stopped:
        filler.fill()
    missing = sum(slot.length for slot in filler.plan.missing())
    assert f"has only a part of the bundle, {missing:,} bytes are missing" in str(stopped.value)


def test_a_disk_with_a_wrong_piece_is_named(tmp_path: Path) -> None:
    """[T-137]"""
    data = bytearray(BUNDLE.data)
    data[15_000] ^= 1
    stick, said = tmp_path / "stick", list[str]()
    stick.write_bytes(data)
    with output_filler(tmp_path, stick, say=said.append) as (filler, _):
        filler.fill()
    assert held(tmp_path) == BUNDLE.holding(BUNDLE.root.sections[0])
    assert said == [f"{stick}: holds pieces that are not the ones that were signed; they were left out"]
    assert filler.stores.damaged == {stick}


def test_a_request_says_what_it_is_for_and_defaults_to_nothing_special(tmp_path: Path) -> None:
    request = FetchRequest(links=SimulatedSources(), trust=TRUST, output=tmp_path / "out")
    assert not request.allow_full and request.holdings is None and request.hours.shut_s() == 0.0
    assert replace(request, allow_full=True).output == request.output
    with pytest.raises(TypeError):
        FetchRequest(SimulatedSources(), TRUST, tmp_path / "out")  # type: ignore[call-arg]
