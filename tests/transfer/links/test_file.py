"""A bundle file on a stick or a share, a medium that goes away and comes back."""

import os
import sys
from pathlib import Path

import pytest

from tests.support.contents.tiny_bundle import TRUST, Shape, tiny_bundle
from transfer.config import TransferConfig
from transfer.disk.stores import PlaceStore
from transfer.errors import Incomplete, PastEnd, SourceCorrupt, SourceRefused
from transfer.fetch.fetch import Fetch
from transfer.fetch.figures import Figures
from transfer.fetch.request import FetchRequest
from transfer.links.file import FileReader
from transfer.links.opening import open_sources
from transfer.plan import Slot

BUNDLE = tiny_bundle(Shape(full_bytes=90_000, delta_bytes={"old": 20_000}))
QUICK = TransferConfig(patience_s=2.0, retry_floor_s=0.01, retry_ceiling_s=0.05)


def fetch(source: Path, output: Path) -> Figures:
    """From a file, or from the stick's one bundle."""
    source = source / "update.dat" if source.name == "stick" else source
    return Fetch(
        FetchRequest(links=open_sources([str(source)], output, QUICK), trust=TRUST, output=output, config=QUICK)
    ).run()


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    """A directory with the bundle, the files that build puts beside it, and what else lies on a stick."""
    directory = tmp_path / "stick"
    (directory / "photos").mkdir(parents=True)
    (directory / "update.dat").write_bytes(BUNDLE.data)
    (directory / "update.dat.sha256").write_text("00  update.dat\n")
    (directory / "update.dat.manifests").write_bytes(b"\x91\xa3abc")
    (directory / "next.part").write_bytes(BUNDLE.data[:100])
    (directory / "empty").write_bytes(b"")
    return directory


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out"


def test_a_file_costs_nothing(stick: Path, output: Path) -> None:
    """[T-29]"""
    figures = fetch(stick, output)
    assert output.read_bytes() == BUNDLE.data
    assert figures.connections == 0 and figures.bytes_paid == 0
    assert len(BUNDLE.data) <= figures.bytes_received <= len(BUNDLE.data) + 4096, "what comes with the header"


def test_a_file_may_be_named_itself_even_a_partial_one(stick: Path, output: Path) -> None:
    """[T-29]"""
    (stick / "other.part").write_bytes(BUNDLE.data)
    fetch(stick / "other.part", output)
    assert output.read_bytes() == BUNDLE.data


def test_a_bundle_of_a_later_format_counts_and_is_refused_by_its_version(stick: Path, output: Path) -> None:
    """[T-29]"""
    (stick / "update.dat").write_bytes(b"UNREP\x07" + BUNDLE.data[6:])
    with pytest.raises(Exception, match="format version 7"):
        fetch(stick, output)


@pytest.mark.parametrize("name", ["missing", "x" * 300, "photos/../missing"])
def test_a_path_that_is_not_there_is_refused(stick: Path, output: Path, name: str) -> None:
    with pytest.raises(SourceRefused, match="cannot be read"):
        fetch(stick / name, output)
    assert not list(output.parent.glob("out*"))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
def test_what_is_no_file_is_refused(stick: Path, output: Path) -> None:
    os.mkfifo(stick / "pipe")
    with pytest.raises(SourceRefused, match="is not a file"):
        fetch(stick / "pipe", output)
    fetch(stick, output)


@pytest.mark.parametrize("suffix", ["", ".part"])
def test_the_output_is_no_source(output: Path, suffix: str) -> None:
    source = output.with_name(output.name + suffix)
    source.write_bytes(BUNDLE.data)
    with pytest.raises(SourceRefused, match="is the output as well"):
        fetch(source, output)
    assert source.read_bytes() == BUNDLE.data


def test_a_stick_that_is_pulled_out_may_be_put_back(stick: Path, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[T-29], [T-93]: what was read of it is kept, and not read again."""
    away = stick.with_name("in a pocket")
    reads = 0
    read = PlaceStore.read_piece

    def pulled_out(store: PlaceStore, slot: Slot) -> bytes:
        nonlocal reads
        reads += 1
        if reads == 3:
            stick.rename(away)
        return read(store, slot)

    link = open_sources([str(stick / "update.dat")], output, QUICK)
    waits = 0

    def waited(message: str) -> None:
        nonlocal waits
        waits += 1
        away.rename(stick)

    monkeypatch.setattr(PlaceStore, "read_piece", pulled_out)
    figures = Fetch(FetchRequest(links=link, trust=TRUST, output=output, config=QUICK, say=waited)).run()
    assert waits == 1 and output.read_bytes() == BUNDLE.data
    assert figures.bytes_received <= len(BUNDLE.data) + 4096


def test_a_stick_that_stays_away_is_incomplete(stick: Path, output: Path) -> None:
    """[T-29], [T-22]"""
    config = TransferConfig(patience_s=0.2)
    link = open_sources([str(stick / "update.dat")], output, config)
    (stick / "update.dat").unlink()
    with pytest.raises(Incomplete, match="cannot be read: No such file"):
        Fetch(FetchRequest(links=link, trust=TRUST, output=output, config=config)).run()


def test_a_damaged_stick_is_named_and_a_truncated_one_is_incomplete(stick: Path, output: Path) -> None:
    """[T-25], [T-26]"""
    damaged = bytearray(BUNDLE.data)
    damaged[-1] ^= 1
    (stick / "update.dat").write_bytes(damaged)
    with pytest.raises(SourceCorrupt, match=r"update\.dat: bytes"):
        fetch(stick, output)
    (stick / "update.dat").write_bytes(BUNDLE.data[:-1])
    with pytest.raises(Incomplete, match=r"only a part|cut short"):
        fetch(stick, output)
    (stick / "update.dat").write_bytes(BUNDLE.data)
    assert fetch(stick, output).bytes_received < 8192


def test_ranges_of_a_file(stick: Path) -> None:
    """[T-14]: never a byte from behind the range."""
    link = FileReader(stick / "update.dat")
    answer = link.open(100, 50)
    assert answer.total_bytes == len(BUNDLE.data)
    assert answer.read(30) + answer.read(1000) + answer.read(1000) == BUNDLE.data[100:150]
    answer.close()
    answer.close()
    short = link.open(len(BUNDLE.data) - 5, 50)
    assert short.read(100) == BUNDLE.data[-5:] and short.read(100) == b""
    with pytest.raises(PastEnd):
        link.open(len(BUNDLE.data), 1)
