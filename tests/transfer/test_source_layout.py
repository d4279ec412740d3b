"""Mirrors whose signature blocks have other lengths: one bundle, by its root, wherever its pieces stand. [T-133]."""

from itertools import repeat
from pathlib import Path

import pytest

from bundle.host.progress import Quiet
from tests.support.contents.tiny_bundle import TRUST, Shape, TinyBundle, tiny_bundle
from tests.support.links.media import fetch_from_media
from tests.support.links.simulated_link import (
    HONEST,
    Behaviour,
    Killed,
    SimulatedLink,
    SimulatedSources,
    fetch_over,
    then_honest,
)
from transfer.config import TransferConfig
from transfer.disk.state_file import StateFile
from transfer.errors import Incomplete, SourceCorrupt
from transfer.fetch.estimate import estimate
from transfer.fetch.figures import Figures
from transfer.source_layout import SourceLayout
from transfer.volumes.export import export

PIECE = 65_536
BUNDLE = tiny_bundle(Shape(full_bytes=6_000_000, piece_bytes=PIECE))
PADDED = BUNDLE.signed_also(40)
OTHER = tiny_bundle(Shape(seq=9, full_bytes=6_000_000, piece_bytes=PIECE), seed=4)
MOVED = len(PADDED.header) - len(BUNDLE.header)
SLOW = Behaviour(bytes_per_s=50_000.0)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "new.unrep"


def lost(figures: Figures) -> list[str]:
    return [source.name for source in figures.sources if source.lost]


def killed(bundle: TinyBundle, output: Path, after: int) -> SimulatedLink:
    """What a fetch leaves that is killed once a connection has brought so much."""
    kill = Behaviour(drop_after=after // 6, drop=Killed())
    link = SimulatedLink(bundle.data, script=then_honest(HONEST, *[kill] * 6))
    with pytest.raises(Killed):
        fetch_over(link, output).run()
    return link


@pytest.mark.parametrize("order", [(BUNDLE, PADDED), (PADDED, BUNDLE)], ids=["padded second", "padded first"])
def test_a_mirror_with_more_signatures_is_a_mirror(output: Path, order: tuple[TinyBundle, TinyBundle]) -> None:
    """[T-133], [T-90]: both share the work, neither is lost, and hardly a byte comes twice."""
    world, said = SimulatedSources(), list[str]()
    links = [world.add(bundle.data, repeat(SLOW)) for bundle in order]
    figures = fetch_over(world, output, say=said.append).run()
    assert output.read_bytes() == order[0].data, "the header that it began with"
    assert not lost(figures) and not said
    assert all(link.delivered > 2_000_000 for link in links)
    assert figures.bytes_received < len(BUNDLE.data) + 30_000


def test_a_padded_mirror_does_not_starve_the_ship(output: Path) -> None:
    """[T-133]: it gives its header and falls silent; all comes from the honest one, which is no liar for that."""
    world, said = SimulatedSources(), list[str]()
    world.add(PADDED.data, iter([HONEST, *[Behaviour(drop_after=0)] * 10_000]))
    world.add(BUNDLE.data)
    figures = fetch_over(world, output, say=said.append).run()
    assert output.read_bytes() == PADDED.data and "sim://ship/2" not in lost(figures)


def test_three_layouts(output: Path) -> None:
    """[T-133]"""
    world = SimulatedSources()
    links = [world.add(BUNDLE.signed_also(number).data, repeat(SLOW)) for number in (3, 0, 60)]
    assert not lost(fetch_over(world, output).run())
    assert output.read_bytes() == BUNDLE.signed_also(3).data and all(link.delivered > 1_000_000 for link in links)


@pytest.mark.parametrize(("first", "second"), [(BUNDLE, PADDED), (PADDED, BUNDLE)])
def test_a_partial_file_goes_on_from_a_mirror_with_another_block(
    output: Path, first: TinyBundle, second: TinyBundle
) -> None:
    """[T-133], [T-9], [T-12]: pieces, unfinished pieces and what was paid are kept."""
    before = killed(first, output, 900_000)
    paid = StateFile(output).paid_bytes
    link = SimulatedLink(second.data)
    figures = fetch_over(link, output).run()
    assert output.read_bytes() == first.data
    assert paid == before.delivered and figures.bytes_resumed > 500_000
    assert before.delivered + link.delivered <= len(PADDED.data) + len(PADDED.header) + PIECE


def test_a_partial_file_that_is_gone_leaves_unfinished_pieces_for_any_header(output: Path) -> None:
    """[T-133], [T-12]: the state file tells places behind the header."""
    killed(BUNDLE, output, 500_000)
    output.with_name(output.name + ".part").unlink()
    figures = fetch_over(SimulatedLink(PADDED.data), output, config=TransferConfig(max_connections=1)).run()
    assert output.read_bytes() == PADDED.data and not lost(figures)


def test_a_budget_is_for_the_bundle_whoever_signed_it(output: Path) -> None:
    """[T-133], [T-94]: a mirror cannot have it counted anew."""
    before = killed(BUNDLE, output, 900_000)
    with pytest.raises(Incomplete, match="were received so far"):
        config = TransferConfig(max_bytes=before.delivered + 100_000)
        fetch_over(link := SimulatedLink(PADDED.data), output, config=config).run()
    assert link.delivered <= 100_000


def test_a_finished_bundle_stays_as_it_is(output: Path) -> None:
    """[T-133], [T-10]"""
    output.write_bytes(BUNDLE.data)
    figures = fetch_over(SimulatedLink(PADDED.data), output).run()
    assert output.read_bytes() == BUNDLE.data and figures.bytes_resumed == figures.bytes_needed


def test_a_mirror_that_is_cut_short_and_has_another_block_gives_what_it_has(output: Path) -> None:
    """[T-133], [T-26]: it is not taken for a liar."""
    world, said = SimulatedSources(), list[str]()
    world.add(BUNDLE.data, repeat(SLOW))
    short = world.add(PADDED.data[: len(PADDED.data) // 2], repeat(SLOW))
    figures = fetch_over(world, output, say=said.append).run()
    assert output.read_bytes() == BUNDLE.data and short.delivered > 1_000_000 and not lost(figures)


@pytest.mark.parametrize("content", [OTHER.data + b"more", BUNDLE.data + b"more", b"no bundle" * 900_000])
def test_another_file_is_found_out_by_its_header(output: Path, content: bytes) -> None:
    """[T-133], [T-14]: at the price of a root, and not of a piece."""
    world = SimulatedSources()
    world.add(BUNDLE.data, repeat(SLOW))
    liar = world.add(content, repeat(SLOW))
    figures = fetch_over(world, output).run()
    assert output.read_bytes() == BUNDLE.data and lost(figures) == [liar.name]
    assert liar.delivered < 60_000


def test_a_file_whose_length_changes_all_the_time_is_probed_three_times() -> None:
    """[T-133]: more would be a way to spend money."""
    layout = SourceLayout()
    layout.begin(BUNDLE.verified)
    assert [layout.note_length(len(BUNDLE.data) + change) for change in (0, 1, 2, 3, 4, 5)] == [
        False,
        *[True] * 3,
        *[False] * 2,
    ]


def test_a_file_signed_anew_during_the_fetch_goes_on(output: Path) -> None:
    """[T-133], [T-25]: every piece has moved, and none is wrong for that."""
    link = SimulatedLink(BUNDLE.data, script=repeat(SLOW))
    link.exchange_after(3, PADDED.data)
    figures = fetch_over(link, output, config=TransferConfig(max_connections=1, request_ceiling_bytes=500_000)).run()
    assert output.read_bytes() == BUNDLE.data and not lost(figures)


def test_the_same_wrong_bytes_twice_from_a_moved_mirror_are_its_doing(output: Path) -> None:
    """[T-133], [T-25]: it is asked for its root again, and is the same file as before."""
    killed(BUNDLE, output, 900_000)
    wrong = bytearray(PADDED.data)
    wrong[-5] ^= 1
    with pytest.raises(SourceCorrupt, match="the same twice"):
        fetch_over(SimulatedLink(bytes(wrong)), output).run()


def test_sticks_of_any_signing_serve(tmp_path: Path, output: Path) -> None:
    """[T-133], [T-93]: a part with another block, and a volume."""
    stick = tmp_path / "stick"
    stick.mkdir()
    half = len(PADDED.data) // 2
    (stick / "a.part").write_bytes(PADDED.data[:half] + bytes(len(PADDED.data) - half))
    (tmp_path / "b").write_bytes(BUNDLE.signed_also(7).data)
    export(tmp_path / "b", 4_000_000, [stick], Quiet())
    world = SimulatedSources(paths=[stick])
    link = world.add(BUNDLE.data)
    fetch_over(world, output).run()
    assert output.read_bytes() == BUNDLE.data and link.delivered <= 4096


def test_volumes_of_two_signings_are_joined(tmp_path: Path, output: Path) -> None:
    """[T-133], [T-72]"""
    sticks = [tmp_path / "one", tmp_path / "two"]
    for stick, bundle, number in zip(sticks, (BUNDLE, PADDED), (2, 1), strict=True):
        stick.mkdir()
        (tmp_path / "b").write_bytes(bundle.data)
        export(tmp_path / "b", 4_000_000, [stick], Quiet())
        next(stick.glob(f"*-00{number}-of-002.volume")).unlink()
    figures = fetch_from_media(output, sticks)
    assert output.read_bytes() in (BUNDLE.data, PADDED.data) and figures.bytes_received > 5_900_000


def test_a_plan_sees_what_stands_under_another_block(output: Path) -> None:
    """[T-133], [T-80]"""
    killed(BUNDLE, output, 900_000)
    assert estimate(PADDED.verified, None, False, output, TRUST).bytes_present > 500_000
