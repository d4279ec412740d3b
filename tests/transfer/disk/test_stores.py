"""What lies on disks is taken first: sticks, partial files, volumes, retained bundles, beside a server that counts."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import pytest

from bundle.host.progress import Quiet
from tests.support.contents.tiny_bundle import PIECE_BYTES, TRUST, Shape, tiny_bundle
from tests.support.links.bad_server import BadServer
from transfer.config import TransferConfig
from transfer.errors import Incomplete
from transfer.fetch.fetch import Fetch
from transfer.fetch.figures import Figures
from transfer.fetch.request import FetchRequest
from transfer.links.opening import open_sources
from transfer.volumes.export import export

BUNDLE = tiny_bundle(Shape(full_bytes=190_000, delta_bytes={"old": 30_000}))
SIZE = len(BUNDLE.data)
CONFIG = TransferConfig(patience_s=5.0, retry_floor_s=0.01, max_connections=1)
HEAD_BYTES = 300  # an answer has fewer before its body


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    directory = tmp_path / "stick"
    directory.mkdir()
    return directory


def fetch(
    sources: Sequence[object], output: Path, said: list[str] | None = None, retained: list[Path] | None = None
) -> Figures:
    opened = open_sources([*_files(sources)], output, CONFIG, retained=retained or [])
    try:
        lines: list[str] = [] if said is None else said
        figures = Fetch(FetchRequest(links=opened, trust=TRUST, output=output, config=CONFIG, say=lines.append)).run()
    finally:
        opened.close()
    assert output.read_bytes() == BUNDLE.data
    return figures


def _files(sources: Sequence[object]) -> Iterator[str]:
    """The files of a stick in its place."""
    for source in sources:
        is_stick = isinstance(source, Path) and source.is_dir()
        yield from [str(path) for path in sorted(Path(str(source)).iterdir())] if is_stick else [str(source)]


def given(figures: Figures) -> dict[str, int]:
    return {Path(source.name).name: source.bytes_received for source in figures.sources}


@pytest.mark.parametrize("order", [1, -1])
def test_all_that_a_stick_has_is_not_asked_of_a_server(stick: Path, output: Path, order: int) -> None:
    """[T-93]: whichever is named first; the header is asked of the first."""
    (stick / "renamed").write_bytes(BUNDLE.data)
    with BadServer(BUNDLE.data, ["honest"]) as server:
        figures = fetch([stick, server.url("b")][::order], output)
        assert len(server.requests) == (order == -1)
    assert figures.bytes_paid == 0 if order == 1 else 4096 < figures.bytes_paid < 4096 + HEAD_BYTES


@pytest.mark.parametrize("kind", ["torn", "holes", "damaged", "part"])
def test_what_a_stick_lacks_comes_from_the_server(stick: Path, output: Path, kind: str) -> None:
    """[T-93]: and costs what is missing, and no piece that is there."""
    data, half = bytearray(BUNDLE.data), SIZE // 2
    if kind == "torn":
        del data[half:]
    elif kind == "damaged":
        data[half] ^= 1
    else:
        data[half:] = bytes(SIZE - half)
    (stick / ("b.part" if kind == "part" else "b")).write_bytes(data)
    said: list[str] = []
    with BadServer(BUNDLE.data, ["honest"]) as server:
        figures = fetch([server.url("b"), stick], output, said)
    missing = PIECE_BYTES if kind == "damaged" else SIZE - half
    assert missing <= figures.bytes_paid <= missing + 4096 + PIECE_BYTES
    assert any("left out" in line for line in said) == (kind == "damaged")


def test_what_stands_in_the_place_of_a_piece_is_looked_at_again_once_its_table_is_there(
    stick: Path, output: Path
) -> None:
    """[T-93], [T-9]: the output has garbage, and no table that would tell."""
    (stick / "b").write_bytes(BUNDLE.data)
    garbage = Random(2).randbytes(SIZE - len(BUNDLE.header))
    output.with_name("out.part").write_bytes(BUNDLE.header + garbage)
    with BadServer(BUNDLE.data, ["honest"]) as server:
        assert fetch([stick, server.url("b")], output).bytes_paid == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows lets nobody remove a file that is open")
def test_a_stick_that_is_pulled_out_costs_what_was_not_read(stick: Path, output: Path) -> None:
    """[T-93], [T-29]"""
    (stick / "b").write_bytes(BUNDLE.data)
    left = 20

    class PulledOut(Quiet):
        def advance(self, amount: int) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                (stick / "b").unlink()

    with BadServer(BUNDLE.data, ["honest"]) as server:
        opened = open_sources([str(stick / "b"), server.url("b")], output, CONFIG)
        figures = Fetch(
            FetchRequest(links=opened, trust=TRUST, output=output, config=CONFIG, progress=PulledOut())
        ).run()
        opened.close()
    assert output.read_bytes() == BUNDLE.data
    assert SIZE - 21 * PIECE_BYTES < figures.bytes_paid < SIZE - 10 * PIECE_BYTES


def test_pieces_of_a_retained_bundle_are_found_wherever_they_stand(stick: Path, output: Path) -> None:
    """[T-93]: the same body in an older release, at other offsets; the rest is new."""
    older = tiny_bundle(Shape(seq=1, version="1.0.0-long", delta_bytes={"old": 30_000, "other": 50_000}))
    assert older.data != BUNDLE.data and len(older.header) != len(BUNDLE.header)
    (stick / "older").write_bytes(older.data)
    with BadServer(BUNDLE.data, ["honest"]) as server:
        figures = fetch([server.url("b")], output, retained=[stick])
    assert given(figures)["older"] > 25_000 and figures.bytes_paid < SIZE - 25_000 + 4096


def test_a_retained_bundle_that_lies_or_is_torn_costs_nothing(stick: Path, output: Path) -> None:
    """[T-93]: tables and pieces are verified."""
    older = tiny_bundle(Shape(seq=1, version="1.0.0", delta_bytes={"old": 30_000}))
    for number in range(8):
        data = bytearray(older.data)
        for _ in range(20):
            data[Random(number).randrange(len(older.header), len(data))] ^= 0xFF
        (stick / f"{number}").write_bytes(data[: len(data) - 3000 * number])
    (stick / "photo").write_bytes(Random(1).randbytes(5000))
    with BadServer(BUNDLE.data, ["honest"]) as server:
        fetch([server.url("b")], output, retained=[stick, stick / "missing"])


def test_volumes_are_sources_like_any(tmp_path: Path, stick: Path, output: Path) -> None:
    """[T-93], [T-72]: alone if they are all there; with what a link brings if not."""
    whole = tmp_path / "whole"
    whole.write_bytes(BUNDLE.data)
    paths = export(whole, 60_000, [stick], Quiet()).paths
    assert fetch([stick], output).bytes_paid == 0
    output.unlink()
    paths[1].unlink()
    with pytest.raises(Incomplete, match="volume 2 of"):
        fetch([stick], output)
    with BadServer(BUNDLE.data, ["honest"]) as server:
        figures = fetch([stick, server.url("b")], output)
    assert figures.bytes_paid < 60_000


def test_two_sticks_with_a_half_each_make_a_whole(tmp_path: Path, output: Path) -> None:
    """[T-93]: partial files of earlier attempts, named as they are."""
    middle = list(BUNDLE.verified.pieces(BUNDLE.root.sections[1]))[20][0]
    for name, hole in (("a.part", slice(SIZE // 3, middle)), ("b.part", slice(middle, SIZE))):
        data = bytearray(BUNDLE.data)
        data[hole] = bytes(len(data[hole]))
        (tmp_path / name).write_bytes(data)
    with pytest.raises(Incomplete, match=r"a\.part: has only a part of the bundle, .* bytes are missing"):
        fetch([tmp_path / "a.part"], output)
    assert fetch([tmp_path / "a.part", tmp_path / "b.part"], output).bytes_paid == 0


def test_a_source_that_is_not_there_is_no_hindrance(tmp_path: Path, output: Path) -> None:
    """[T-90]: it is told by whoever opened them."""
    with BadServer(BUNDLE.data, ["honest"]) as server:
        sources = [str(tmp_path / "no stick"), "ftp://shore/b", server.url("b")]
        opened = open_sources(sources, output, CONFIG)
        assert [*opened.refused] == sources[:2]
        Fetch(FetchRequest(links=opened, trust=TRUST, output=output, config=CONFIG)).run()
        opened.close()
    assert output.read_bytes() == BUNDLE.data


@pytest.mark.parametrize("behaviour", ["wrong_bytes", "whole_to_range", "wrong_content_range", "not_found", "reset"])
@pytest.mark.parametrize("order", [1, -1])
def test_beside_a_bad_server_a_good_one_is_enough(output: Path, behaviour: str, order: int) -> None:
    """[T-90], [T-91]: over real sockets; the bad one is named, if it was asked."""
    said: list[str] = []
    with BadServer(BUNDLE.data, [behaviour]) as bad, BadServer(BUNDLE.data, ["honest"]) as good:
        figures = fetch([bad.url("bad"), good.url("good")][::order], output, said)
        lost = [source.name for source in figures.sources if source.lost]
        assert lost in ([], [bad.url("bad")])
        assert not lost or any(bad.url("bad") in line for line in said)
        if order == 1 and behaviour != "reset":
            assert lost and len(bad.requests) < 12
