"""Pieces from a link into the partial file: held for their table, written when they verify, asked for again if not."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from bundle.host.progress import Quiet
from tests.support.contents.tiny_bundle import Shape, TinyBundle, tiny_bundle
from tests.support.links.simulated_link import Behaviour, SimulatedLink, then_honest
from transfer.config import TransferConfig
from transfer.disk.partial import Partial
from transfer.disk.state_file import StateFile
from transfer.fetch.piece_receiver import PieceReceiver
from transfer.plan import FetchPlan
from transfer.scheduling.scheduler import Scheduler

BUNDLE = tiny_bundle(Shape(full_bytes=4096 * 300))
HEADER_BYTES = len(BUNDLE.header)
CONFIG = TransferConfig(max_connections=1)


class Stage:
    """A partial file, a link, and the receiver between them."""

    def __init__(self, directory: Path, link: SimulatedLink, partial: Partial, bundle: TinyBundle) -> None:
        self.path = directory / "out.part"
        self.state = StateFile(directory / "out")
        self.plan = FetchPlan.of(bundle.verified, bundle.root.sections, fresh=partial.is_new)
        self.scheduler = Scheduler(link, CONFIG, link.clock, lambda line: None, Random(1))
        self.scheduler.begin_bundle(bundle.verified)
        self.receiver = PieceReceiver(partial, self.state, self.plan, self.scheduler, Quiet())

    def run(self, prefix: bytes = b"", unfinished: list[tuple[int, bytes]] | None = None) -> None:
        self.receiver.examine()
        self.receiver.run(prefix, self.scheduler.sources.first, CONFIG.hold_bytes, unfinished or [])


@contextmanager
def stage(directory: Path, link: SimulatedLink) -> Iterator[Stage]:
    with Partial(directory / "out.part", BUNDLE.header, len(BUNDLE.data), link.clock, 0.1) as partial:
        yield Stage(directory, link, partial, BUNDLE)


def test_what_came_with_the_header_is_not_asked_for(tmp_path: Path) -> None:
    """[T-2]"""
    link = SimulatedLink(BUNDLE.data)
    with stage(tmp_path, link) as setting:
        setting.run(BUNDLE.data[:9000])
    assert setting.path.read_bytes() == BUNDLE.data
    assert link.requests[0].offset == 9000 and link.delivered == len(BUNDLE.data) - 9000
    assert setting.scheduler.sources.first.corruption.is_proven


def test_unfinished_pieces_are_finished_and_not_begun_again(tmp_path: Path) -> None:
    """[T-12]: of two for one piece the longer counts; one that is wrong is asked for again by itself."""
    link = SimulatedLink(BUNDLE.data)
    with stage(tmp_path, link) as setting:
        first, second = setting.plan.slots[-3].offset, setting.plan.slots[-1].offset
        fine, short = BUNDLE.data[first : first + 3000], BUNDLE.data[first : first + 10]
        setting.run(BUNDLE.header, [(first, fine), (first, short), (second, bytes(2000))])
    assert setting.path.read_bytes() == BUNDLE.data
    assert link.delivered == len(BUNDLE.data) - HEADER_BYTES - 3000 - 2000 + setting.plan.slots[-1].length


def test_pieces_are_held_until_their_table_is_there(tmp_path: Path) -> None:
    """[T-33]: the damaged table comes last, and not one piece of its own a second time."""
    table = 50  # bytes behind the header, in the first table
    link = SimulatedLink(BUNDLE.data, script=then_honest(Behaviour(flips=(table,))))
    with stage(tmp_path, link) as setting:
        setting.run(BUNDLE.header)
    assert setting.path.read_bytes() == BUNDLE.data and not setting.plan.missing()
    assert link.delivered == len(BUNDLE.data) - HEADER_BYTES + setting.plan.slots[0].length


def test_pieces_that_stand_there_are_found_with_their_tables(tmp_path: Path) -> None:
    """[T-9]: top-down, as the tables come."""
    body = len(BUNDLE.data) - 4096 * 300
    standing = BUNDLE.header + bytes(body - HEADER_BYTES) + BUNDLE.data[body : body + 4096 * 200]
    (tmp_path / "out.part").write_bytes(standing.ljust(len(BUNDLE.data), b"\0"))
    link = SimulatedLink(BUNDLE.data)
    with stage(tmp_path, link) as setting:
        setting.run(BUNDLE.header)
    assert setting.path.read_bytes() == BUNDLE.data
    assert setting.receiver.found_bytes == 4096 * 200
    assert link.delivered == len(BUNDLE.data) - HEADER_BYTES - 4096 * 200


def test_good_pieces_prove_their_source_and_damaged_ones_count_against_it(tmp_path: Path) -> None:
    """[T-91]"""
    link = SimulatedLink(BUNDLE.data, script=then_honest(Behaviour(flips=(600_000,))))
    with stage(tmp_path, link) as setting:
        setting.run(BUNDLE.header)
    assert len(setting.scheduler.sources.first.corruption.bad_offsets) == 1
    with stage(tmp_path, SimulatedLink(BUNDLE.data)) as again:
        again.run(BUNDLE.header)
        assert not again.scheduler.sources.first.corruption.is_proven, "nothing was missing"
