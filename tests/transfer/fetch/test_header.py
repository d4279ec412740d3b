"""The header of a bundle from the first source that has one, and the one that an output keeps."""

from itertools import repeat
from pathlib import Path
from random import Random

import pytest

from bundle.errors import Refused
from tests.support.contents.tiny_bundle import TRUST, Shape, tiny_bundle
from tests.support.links.simulated_link import Behaviour, SimulatedSources
from tests.support.packets.path import PacketPath
from tests.support.packets.simulated import PullRoute
from transfer.config import TransferConfig
from transfer.disk.output import OutputState
from transfer.errors import Silent, SourceRefused
from transfer.fetch.header import HeaderReceiver
from transfer.scheduling.scheduler import Scheduler

BUNDLE = tiny_bundle(Shape(full_bytes=50_000))
SILENT = Behaviour(fault=Silent("nothing arrives"))
GONE = Behaviour(fault=SourceRefused("404: not found"))


def receiver(world: SimulatedSources) -> tuple[HeaderReceiver, Scheduler]:
    config = TransferConfig()
    scheduler = Scheduler(world, config, world.clock, lambda line: None, Random(1))
    return HeaderReceiver(scheduler, TRUST, config, world.clock), scheduler


def test_what_came_behind_the_header_is_kept() -> None:
    """[T-2]"""
    world = SimulatedSources()
    world.add(BUNDLE.data)
    received = receiver(world)[0].receive()
    assert received.header == BUNDLE.header and received.verified.root == BUNDLE.root
    assert received.data == BUNDLE.data[:4096] and received.following == BUNDLE.data[len(BUNDLE.header) : 4096]


def test_of_a_header_that_is_known_no_more_than_its_length_is_asked_for() -> None:
    """[T-2]"""
    world = SimulatedSources()
    link = world.add(BUNDLE.data)
    assert receiver(world)[0].receive(len(BUNDLE.header)).following == b""
    assert [(request.offset, request.length) for request in link.requests] == [(0, len(BUNDLE.header))]


def test_a_silent_source_has_its_turn_and_stays() -> None:
    """[T-92]: 20 s each; one that cannot serve is lost at once."""
    world = SimulatedSources()
    silent, gone = world.add(BUNDLE.data, repeat(SILENT)), world.add(BUNDLE.data, repeat(GONE))
    good = world.add(BUNDLE.data)
    receiving, scheduler = receiver(world)
    received = receiving.receive()
    assert received.source.name == good.name and 20 <= world.clock.seconds < 25
    assert [source.name for source in scheduler.sources.alive] == [silent.name, good.name]
    assert all(source.retry.deadline == float("inf") for source in scheduler.sources) and gone.delivered == 0


def test_a_turn_is_over_whatever_comes() -> None:
    """[T-92]: a source that trickles makes progress, and keeps nobody else waiting for that."""
    world = SimulatedSources()
    world.add(BUNDLE.data, repeat(Behaviour(bytes_per_s=60.0, chunk_bytes=60)))
    good = world.add(BUNDLE.data)
    received = receiver(world)[0].receive()
    assert received.source.name == good.name and 20 <= world.clock.seconds < 25


@pytest.mark.parametrize("is_blocked", [False, True], ids=["open", "blocked"])
def test_over_udp_the_header_is_asked_for_while_the_other_source_is_dialed(is_blocked: bool) -> None:
    """[T-92]: it comes as soon as a connection stands, or costs a fraction of a round trip, and nothing twice."""
    world = SimulatedSources()
    web = world.add(BUNDLE.data, dial_s=0.6)
    route = PullRoute(PacketPath(2e6, 0.6), BUNDLE.data, calendar=world.calendar)
    if is_blocked:
        route.between = lambda datagram: []
    world.join(route)
    receiving, scheduler = receiver(world)
    received = receiving.receive()
    assert received.verified.root == BUNDLE.root
    assert received.source.name == (web if is_blocked else route).name
    assert len(web.requests) == is_blocked and web.connections == 1
    assert world.clock.seconds < (1.65 if is_blocked else 0.65)
    scheduler.disconnect()


@pytest.mark.parametrize("is_blocked", [False, True], ids=["open", "blocked"])
def test_a_box_aboard_that_accepts_connections_ends_no_turn_over_udp(is_blocked: bool) -> None:
    """[T-92]: it stands at once, and an answer over UDP takes a round trip."""
    world = SimulatedSources()
    world.add(BUNDLE.data, repeat(SILENT), dial_s=0.005)
    routes = [PullRoute(PacketPath(2e6, 0.6), BUNDLE.data, calendar=world.calendar, name=f"udp://{n}") for n in "ab"]
    routes[0].between = lambda datagram: []
    if is_blocked:
        routes[1].between = lambda datagram: []
        world.add(BUNDLE.data, dial_s=0.005)
    for route in routes:
        world.join(route)
    receiving, scheduler = receiver(world)
    assert receiving.receive().verified.root == BUNDLE.root
    assert world.clock.seconds < (22.7 if is_blocked else 1.7)  # a second for each of two, and 20 s for the silent one
    scheduler.disconnect()


def test_without_any_that_verifies_the_last_refusal_is_raised() -> None:
    """[T-92], [T-3]"""
    world = SimulatedSources()
    for _ in range(2):
        world.add(b"no bundle" * 1000)
    with pytest.raises(Refused, match=r"^sim://ship/2: "):
        receiver(world)[0].receive()


def test_an_output_of_the_same_bundle_keeps_its_own_header() -> None:
    """[T-133]: with signatures of another length, what came behind the header is behind the output's."""
    padded = BUNDLE.signed_also(3)
    world = SimulatedSources()
    world.add(padded.data)
    received = receiver(world)[0].receive()
    path = Path("out.part")
    adopted = received.for_output(OutputState(Path("out"), path, BUNDLE.header, BUNDLE.verified))
    assert adopted.header == BUNDLE.header and adopted.verified is BUNDLE.verified
    assert adopted.data == BUNDLE.data[: len(adopted.data)]
    assert received.for_output(OutputState(Path("out"), path)) == received
