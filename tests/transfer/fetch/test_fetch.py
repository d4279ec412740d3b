"""A whole fetch over a simulated link: what is asked for, what is kept, and what becomes of a source that changes."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bundle.archives.engines import present_features
from bundle.errors import Corrupt, Malformed, NoSection, Unsupported, Untrusted
from bundle.format.layout import PREAMBLE_BYTES
from bundle.trust.signing import verifying_key
from bundle.trust.trust import Trust
from tests.support.contents.tiny_bundle import PIECE_BYTES, Shape, tiny_bundle, tree_hash
from tests.support.links.simulated_link import HONEST, Behaviour, Killed, SimulatedLink, fetch_over, then_honest
from transfer.config import TransferConfig
from transfer.disk.partial import Partial
from transfer.errors import ConsentNeeded, Dropped, Incomplete, OutputRefused, SourceCorrupt, SourceRefused
from transfer.plan import SiteHoldings, VerifiedPiece

BUNDLE = tiny_bundle(Shape(full_bytes=60_000, delta_bytes={"old": 30_000, "older": 9_000}))
FULL = BUNDLE.root.full_section(present_features())
OLD = BUNDLE.root.delta_section(tree_hash("old"), present_features())
OLD_AT_SITE = SiteHoldings((tree_hash("old"),), is_empty=False)
HEADER_BYTES = len(BUNDLE.header)
ROOT_END = PREAMBLE_BYTES + BUNDLE.verified.root_bytes
ONE_CONNECTION = TransferConfig(max_connections=1)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "new.unrep"


def partial(output: Path) -> Path:
    return output.with_name("new.unrep.part")


def asked(link: SimulatedLink) -> list[tuple[int, int]]:
    return [(request.offset, request.offset + request.length) for request in link.requests]


def stop_after(link_bytes: int) -> Behaviour:
    return Behaviour(drop_after=link_bytes, drop=Killed())


def leave_partial(output: Path, piece_count: int) -> None:
    """A partial file with so many pieces, as a killed fetch leaves it."""
    link = SimulatedLink(BUNDLE.data, script=then_honest(HONEST, stop_after((piece_count - 1) * PIECE_BYTES)))
    with pytest.raises(Killed):
        fetch_over(link, output).run()


def test_the_root_alone_may_be_received_and_all_the_rest_after_it(output: Path) -> None:
    """[T-1], [T-2]: nothing is written for it, and the header is asked for again."""
    link = SimulatedLink(BUNDLE.data)
    fetch = fetch_over(link, output)
    assert fetch.receive_root().root == BUNDLE.root and not list(output.parent.iterdir())
    assert fetch.run().complete and output.read_bytes() == BUNDLE.data
    assert asked(link) == [(0, 4096), (0, 4096), (4096, len(BUNDLE.data))]


def test_two_requests_fetch_everything(output: Path) -> None:
    """[T-2], [T-4], [T-7]: the first 4,096 bytes, then the rest at one go; nothing that came is asked for twice."""
    link = SimulatedLink(BUNDLE.data)
    figures = fetch_over(link, output).run()
    assert output.read_bytes() == BUNDLE.data
    assert asked(link) == [(0, 4096), (4096, len(BUNDLE.data))]
    assert figures.complete and figures.bytes_received == link.delivered == len(BUNDLE.data)
    assert [path.name for path in output.parent.iterdir()] == [output.name]


def test_a_small_bundle_takes_one_request(output: Path) -> None:
    """[T-2]"""
    bundle = tiny_bundle(Shape(full_bytes=1_000))
    link = SimulatedLink(bundle.data)
    fetch_over(link, output).run()
    assert len(link.requests) == 1 and output.read_bytes() == bundle.data


def test_a_header_longer_than_the_first_request_is_asked_for_to_its_end_and_no_further(output: Path) -> None:
    """[T-1]"""
    bundle = tiny_bundle(Shape(delta_bytes={f"base {n}": 10 for n in range(100)}))
    header_bytes = len(bundle.header)
    link = SimulatedLink(bundle.data)
    with pytest.raises(NoSection):
        fetch_over(link, output, SiteHoldings((tree_hash("none"),), is_empty=False)).run()
    assert asked(link) == [(0, 4096), (4096, header_bytes)]
    assert list(output.parent.iterdir()) == []


def test_nothing_is_asked_for_or_written_under_a_header_that_does_not_verify(output: Path) -> None:
    """[T-1], [T-3]: the second copy is the same, so it is refused."""
    link = SimulatedLink(BUNDLE.data)
    with pytest.raises(Untrusted, match="sim://ship/bundle"):
        fetch_over(link, output, trust=Trust((verifying_key(Ed25519PrivateKey.generate()),))).run()
    assert asked(link) == [(0, 4096)] * 2
    assert list(output.parent.iterdir()) == []


def test_a_header_that_the_link_damaged_is_asked_for_again(output: Path) -> None:
    """[T-3]"""
    damaged = [Behaviour(flips=(at,)) for at in (0, 5, 40, HEADER_BYTES - 1)]
    link = SimulatedLink(BUNDLE.data, script=then_honest(*damaged))
    fetch_over(link, output).run()
    assert output.read_bytes() == BUNDLE.data


def test_a_fifth_copy_of_a_header_is_refused(output: Path) -> None:
    """[T-3]"""
    damaged = [Behaviour(flips=(HEADER_BYTES - 1 - n,)) for n in range(5)]
    link = SimulatedLink(BUNDLE.data, script=then_honest(*damaged))
    with pytest.raises(Untrusted):
        fetch_over(link, output).run()
    assert len(link.requests) == 5


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"<html>log in to the satellite</html>" * 200, Malformed),
        (b"UNREP\x09" + BUNDLE.data[6:], Unsupported),
        (BUNDLE.data[:100], Corrupt),
        (b"UN", Malformed),
    ],
)
def test_what_is_no_bundle_is_refused_as_the_reader_would(output: Path, content: bytes, error: type[Exception]) -> None:
    """[T-3]"""
    link = SimulatedLink(content)
    with pytest.raises(error):
        fetch_over(link, output).run()
    assert list(output.parent.iterdir()) == []
    assert len(link.requests) <= 4


def test_for_a_site_its_own_section_is_fetched_and_the_rest_is_holes(output: Path) -> None:
    """[T-5]"""
    assert OLD is not None
    link = SimulatedLink(BUNDLE.data)
    figures = fetch_over(link, output, OLD_AT_SITE).run()
    assert output.read_bytes() == BUNDLE.holding(OLD)
    assert figures.sections == (OLD,)
    assert link.delivered == figures.bytes_received <= figures.bytes_needed + 4096


def test_a_site_that_has_the_target_needs_the_header_only(output: Path) -> None:
    """[T-5]"""
    link = SimulatedLink(BUNDLE.data)
    figures = fetch_over(link, output, SiteHoldings((tree_hash("1.0.1"),), is_empty=False)).run()
    assert output.read_bytes() == BUNDLE.holding()
    assert len(link.requests) == 1 and figures.bytes_needed == HEADER_BYTES


def test_the_full_release_is_not_paid_for_without_consent(output: Path) -> None:
    """[T-6]"""
    holdings = SiteHoldings((tree_hash("another"),), is_empty=False)
    link = SimulatedLink(BUNDLE.data)
    with pytest.raises(ConsentNeeded, match="60,480 bytes"):
        fetch_over(link, output, holdings).run()
    assert link.delivered == 4096 and list(output.parent.iterdir()) == []
    assert fetch_over(link, output, holdings, allow_full=True).run().sections == (FULL,)


def test_a_killed_fetch_leaves_verified_pieces_and_holes(output: Path) -> None:
    """[T-8], [T-12]: the file has its full length, its header, and whole pieces only."""
    link = SimulatedLink(
        BUNDLE.data, script=then_honest(HONEST, Behaviour(flips=(20_000,), drop_after=40_000, drop=Killed()))
    )
    with pytest.raises(Killed):
        fetch_over(link, output).run()
    left = partial(output).read_bytes()
    assert len(left) == len(BUNDLE.data) and left.startswith(BUNDLE.header) and not output.exists()
    present = 0
    for section in BUNDLE.root.sections:
        for offset, piece in BUNDLE.verified.pieces(section):
            data = left[offset : offset + piece.length]
            assert data in (BUNDLE.data[offset : offset + piece.length], bytes(piece.length))
            present += piece.length * any(data)
    lost = link.delivered - HEADER_BYTES - present
    assert 0 < lost <= 2 * PIECE_BYTES, "the damaged piece, and the one that was under way"


def test_the_next_fetch_keeps_what_stands_there(output: Path) -> None:
    """[T-9], [T-2]: it asks for the header to compare, and goes on behind the last piece."""
    leave_partial(output, 5)
    link = SimulatedLink(BUNDLE.data)
    figures = fetch_over(link, output).run()
    assert output.read_bytes() == BUNDLE.data
    assert asked(link)[0] == (0, HEADER_BYTES) and len(link.requests) == 2
    missing = len(BUNDLE.data) - figures.bytes_resumed + HEADER_BYTES
    assert missing - PIECE_BYTES < figures.bytes_received <= missing, "the beginning of a piece is not lost either"
    assert figures.bytes_resumed >= HEADER_BYTES + 4 * PIECE_BYTES


def test_every_kept_piece_is_hashed_again(output: Path) -> None:
    """[T-9]: whatever happened to the partial file meanwhile, the output is the bundle."""
    for section in BUNDLE.root.sections:
        for offset, piece in BUNDLE.verified.pieces(section):
            damaged = bytearray(BUNDLE.data)
            damaged[offset + piece.length // 2] ^= 4
            partial(output).write_bytes(damaged)
            link = SimulatedLink(BUNDLE.data)
            figures = fetch_over(link, output).run()
            assert output.read_bytes() == BUNDLE.data
            assert figures.bytes_received == HEADER_BYTES + piece.length
            output.unlink()


@pytest.mark.parametrize("damage", [lambda data: data[:-7000], lambda data: data + bytes(10), lambda data: data[:200]])
def test_a_partial_file_of_another_length_is_kept_as_far_as_it_is_good(output: Path, damage) -> None:  # type: ignore[no-untyped-def]
    """[T-9]"""
    partial(output).write_bytes(damage(BUNDLE.data))
    fetch_over(SimulatedLink(BUNDLE.data), output).run()
    assert output.read_bytes() == BUNDLE.data


def test_a_torn_header_costs_the_header_only(output: Path) -> None:
    """[T-11], [T-9]"""
    partial(output).write_bytes(bytes(HEADER_BYTES) + BUNDLE.data[HEADER_BYTES:])
    link = SimulatedLink(BUNDLE.data)
    fetch_over(link, output).run()
    assert output.read_bytes() == BUNDLE.data and link.delivered == 4096


def test_a_finished_bundle_is_not_fetched_again(output: Path) -> None:
    """[T-10], [T-2]"""
    output.write_bytes(BUNDLE.data)
    link = SimulatedLink(BUNDLE.data)
    figures = fetch_over(link, output).run()
    assert asked(link) == [(0, HEADER_BYTES)] and figures.bytes_resumed == figures.bytes_needed == len(BUNDLE.data)


def test_a_finished_bundle_is_filled_in_place_for_another_site(output: Path) -> None:
    """[T-10]"""
    fetch_over(SimulatedLink(BUNDLE.data), output, OLD_AT_SITE).run()
    link = SimulatedLink(BUNDLE.data)
    fetch_over(link, output).run()
    assert output.read_bytes() == BUNDLE.data
    assert OLD is not None
    old_bytes = sum(piece.length for _, piece in BUNDLE.verified.pieces(OLD))
    assert link.delivered == len(BUNDLE.data) - old_bytes


@pytest.mark.parametrize(
    "content",
    [b"a letter to my wife" * 100, b"", BUNDLE.data[:90], tiny_bundle(Shape(seq=1, full_bytes=100)).data],
    ids=["text", "empty", "torn", "another"],
)
def test_an_output_that_is_something_else_is_refused_and_left_alone(output: Path, content: bytes) -> None:
    """[T-10]"""
    output.write_bytes(content)
    with pytest.raises(OutputRefused, match=r"new\.unrep"):
        fetch_over(SimulatedLink(BUNDLE.data), output).run()
    assert output.read_bytes() == content and not partial(output).exists()


def test_a_partial_file_that_is_no_bundle_is_refused_and_left_alone(output: Path) -> None:
    """[T-11]"""
    partial(output).write_bytes(b"a film, half of it")
    with pytest.raises(OutputRefused, match=r"new\.unrep\.part"):
        fetch_over(SimulatedLink(BUNDLE.data), output).run()
    assert partial(output).read_bytes() == b"a film, half of it"


@pytest.mark.parametrize("newer", [Shape(seq=3, full_bytes=5_000), Shape(seq=1, epoch=1, full_bytes=5_000)])
def test_a_part_of_a_replaced_release_is_given_up_and_said(output: Path, newer: Shape) -> None:
    """[T-11]"""
    leave_partial(output, 5)
    said: list[str] = []
    bundle = tiny_bundle(newer)
    figures = fetch_over(SimulatedLink(bundle.data), output, say=said.append).run()
    assert output.read_bytes() == bundle.data and figures.bytes_resumed == 0
    assert any("starting anew" in line and "seq 2" in line for line in said)


@pytest.mark.parametrize(
    "other",
    [
        Shape(seq=1, full_bytes=100),
        Shape(seq=2, version="x", full_bytes=100),
        Shape(seq=9, product="b", full_bytes=100),
    ],
)
def test_a_part_of_any_other_bundle_is_not_thrown_away(output: Path, other: Shape) -> None:
    """[T-11]"""
    leave_partial(output, 5)
    before = partial(output).read_bytes()
    with pytest.raises(OutputRefused, match="part of another bundle"):
        fetch_over(SimulatedLink(tiny_bundle(other).data), output).run()
    assert partial(output).read_bytes() == before


def test_after_a_drop_it_goes_on_at_the_very_next_byte(output: Path) -> None:
    """[T-23]"""
    link = SimulatedLink(BUNDLE.data, script=then_honest(HONEST, Behaviour(drop_after=10_001), Behaviour(drop_after=3)))
    fetch_over(link, output).run()
    assert [start for start, _ in asked(link)] == [0, 4096, 4096 + 10_001, 4096 + 10_004]
    assert output.read_bytes() == BUNDLE.data and link.delivered == len(BUNDLE.data)


def test_a_damaged_piece_is_left_out_and_asked_for_by_itself(output: Path) -> None:
    """[T-24]"""
    (offset, piece) = list(BUNDLE.verified.pieces(BUNDLE.root.sections[0]))[4]
    link = SimulatedLink(BUNDLE.data, script=then_honest(HONEST, Behaviour(flips=(offset + 9 - 4096,))))
    fetch_over(link, output).run()
    assert output.read_bytes() == BUNDLE.data
    assert asked(link)[1:] == [(4096, len(BUNDLE.data)), (offset, offset + piece.length)]
    assert link.delivered == len(BUNDLE.data) + piece.length


def test_two_damaged_pieces_in_a_row_end_the_request(output: Path) -> None:
    """[T-24]: that is no accident; what would follow is not paid for."""
    bundle = tiny_bundle(Shape(full_bytes=4096 * 600))
    start = list(bundle.verified.pieces(bundle.root.sections[0]))[10][0]
    link = SimulatedLink(bundle.data, script=then_honest(HONEST, Behaviour(flips=(start - 4096, start))))
    fetch_over(link, output, config=ONE_CONNECTION).run()
    assert output.read_bytes() == bundle.data
    ended = link.requests[1]
    assert ended.length > 2_000_000 and ended.delivered < start + 2 * PIECE_BYTES
    assert link.delivered < len(bundle.data) + 4 * PIECE_BYTES


@pytest.mark.parametrize("number", [0, 3])
def test_what_follows_a_damaged_table_is_held_until_the_table_is_there(output: Path, number: int) -> None:
    """[T-24], [T-33]: a table of tables, or one of them: it costs no more than itself."""
    bundle = tiny_bundle(Shape(full_bytes=4096 * 600))
    offset, piece = list(bundle.verified.pieces(bundle.root.sections[0]))[number]
    flip = offset + 5 if number == 0 else offset + 5 - 4096
    damaged = Behaviour(flips=(flip,))
    link = SimulatedLink(bundle.data, script=then_honest(*([damaged] if number == 0 else [HONEST, damaged])))
    fetch_over(link, output).run()
    assert output.read_bytes() == bundle.data
    assert link.delivered == len(bundle.data) + piece.length
    assert (offset, offset + piece.length) in asked(link)


def test_no_more_is_held_than_agreed(output: Path) -> None:
    """[T-33]: what is asked for ends so far behind the first piece that no table names."""
    bundle = tiny_bundle(Shape(full_bytes=4096 * 600))
    table, first = list(bundle.verified.pieces(bundle.root.sections[0]))[:2]
    held: list[int] = []
    link = SimulatedLink(bundle.data, script=then_honest(Behaviour(flips=(table[0],)), Behaviour(drop_after=0)))
    fetch_over(link, output, config=replace(ONE_CONNECTION, hold_bytes=100_000)).run()
    assert output.read_bytes() == bundle.data
    held += [end for _, end in asked(link)[1:3]]
    assert max(held) <= first[0] + 100_000 + PIECE_BYTES


def test_the_same_wrong_bytes_twice_are_the_sources_doing(output: Path) -> None:
    """[T-25]: the header is asked for once more, has not changed, and the place is named."""
    wrong = bytearray(BUNDLE.data)
    wrong[50_000] ^= 1
    link = SimulatedLink(bytes(wrong))
    fetch = fetch_over(link, output)
    with pytest.raises(SourceCorrupt, match="sim://ship/bundle: bytes"):
        fetch.run()
    assert [source.damaged for source in fetch.figures().sources] == [True]
    assert asked(link)[-1] == (0, ROOT_END)
    left = fetch_over(SimulatedLink(BUNDLE.data), output).run()
    assert output.read_bytes() == BUNDLE.data and left.bytes_received <= HEADER_BYTES + PIECE_BYTES


def test_a_file_exchanged_during_the_fetch_is_incomplete(output: Path) -> None:
    """[T-25]: by one of the same length, or by a longer one [T-14]."""
    for other in (
        Shape(seq=3, full_bytes=60_000, delta_bytes={"old": 30_000, "older": 9_000}),
        Shape(seq=3, full_bytes=200_000),
    ):
        link = SimulatedLink(
            BUNDLE.data, script=then_honest(HONEST, Behaviour(drop_after=30_000, drop=Dropped("reset")))
        )
        link.exchange_after(2, tiny_bundle(other, seed=7).data)
        with pytest.raises(Incomplete, match="exchanged"):
            fetch_over(link, output).run()


def test_five_different_wrong_copies_are_the_links_doing(output: Path) -> None:
    """[T-25]"""
    bundle = tiny_bundle(Shape(full_bytes=4_000))
    at = len(bundle.header)
    damaged = [Behaviour(flips=(at + 100,)), *(Behaviour(flips=(100 + n,)) for n in range(1, 6))]
    with pytest.raises(Incomplete, match="5 times"):
        fetch_over(SimulatedLink(bundle.data, script=then_honest(*damaged)), output).run()


def test_a_source_that_is_cut_short_is_fetched_as_far_as_it_goes(output: Path) -> None:
    """[T-26]"""
    link = SimulatedLink(BUNDLE.data[:50_000])
    with pytest.raises(Incomplete, match="ends at byte 50000"):
        fetch_over(link, output).run()
    figures = fetch_over(SimulatedLink(BUNDLE.data), output).run()
    assert output.read_bytes() == BUNDLE.data and figures.bytes_resumed > 50_000 - 2 * PIECE_BYTES


def test_a_source_that_claims_a_longer_file_is_another_file(output: Path) -> None:
    """[T-14]: three times in a row [T-16]; before the root is known it may be of any length."""
    link = SimulatedLink(BUNDLE.data, script=then_honest(*[Behaviour(total_change=1)] * 4))
    with pytest.raises(SourceCorrupt, match="publish"):
        fetch_over(link, output).run()
    assert asked(link) == [(0, 4096), *[(4096, len(BUNDLE.data))] * 3, (0, ROOT_END)]


def test_figures_are_given_for_a_fetch_that_did_not_finish(output: Path) -> None:
    """[T-30]"""
    leave_partial(output, 5)
    link = SimulatedLink(BUNDLE.data, script=then_honest(HONEST, *[Behaviour(fault=SourceRefused("gone"))]))
    fetch = fetch_over(link, output)
    with pytest.raises(SourceRefused):
        fetch.run()
    figures = fetch.figures()
    assert not figures.complete and figures.root == BUNDLE.root
    assert figures.bytes_total == figures.bytes_needed == len(BUNDLE.data)
    assert figures.bytes_received == HEADER_BYTES and figures.bytes_resumed > HEADER_BYTES
    assert figures.connections == link.connections and figures.seconds == link.clock.seconds


def test_the_output_appears_complete_or_not_at_all(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[T-10], [T-12]: synced before it is renamed, and the directory after it."""
    done: list[str] = []
    sync, rename = os.fsync, Path.replace

    def noted_sync(descriptor: int) -> None:
        done.append("sync directory" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "sync file")  # noqa: PTH112
        sync(descriptor)

    def noted_rename(path: Path, target: Path) -> Path:
        assert path.read_bytes() == BUNDLE.data and not target.exists()
        done.append("rename")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(Path, "replace", noted_rename)
    fetch_over(SimulatedLink(BUNDLE.data), output).run()
    then = ["sync directory"] if os.name == "posix" else []
    assert done[-2 - len(then) :] == ["sync file", "rename", *then]
    assert done.count("sync file") > len(BUNDLE.data) // PIECE_BYTES, "each piece as it comes, on a slow link"


def test_what_no_piece_has_synced_is_synced_before_the_output_has_its_name(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[T-12]: where a sync takes so long that there was none for most pieces."""
    link = SimulatedLink(BUNDLE.data)
    done: list[str] = []
    write, rename = Partial.write, Path.replace

    def slow_sync(descriptor: int) -> None:
        link.clock.seconds += 1000
        done.append("sync")

    def noted_write(partial: Partial, piece: VerifiedPiece) -> None:
        done.append("write")
        write(partial, piece)

    def noted_rename(path: Path, target: Path) -> Path:
        done.append("rename")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", slow_sync)
    monkeypatch.setattr(Partial, "write", noted_write)
    monkeypatch.setattr(Path, "replace", noted_rename)
    fetch_over(link, output).run()
    then = ["sync"] if os.name == "posix" else []
    assert done[-3 - len(then) :] == ["write", "sync", "rename", *then]
    assert done.count("sync") < 6


def test_an_output_that_another_program_holds_gets_its_name_a_moment_later(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[T-10]: as antivirus on Windows does, with every new file."""
    rename, refusals = Path.replace, [5, 32]

    def held(path: Path, target: Path) -> Path:
        if not refusals:
            return rename(path, target)
        error = PermissionError("held by another program")
        error.winerror = refusals.pop()  # type: ignore[attr-defined] # on Windows every OSError has one
        raise error

    monkeypatch.setattr(Path, "replace", held)
    fetch_over(SimulatedLink(BUNDLE.data), output).run()
    assert output.read_bytes() == BUNDLE.data and not refusals
