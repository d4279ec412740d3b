"""The partial file on real file systems: length, space, full disks, bad sectors, and what a sync may cost."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

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
from transfer.disk.partial import Partial, partial_path
from transfer.errors import DiskFull, OutputRefused
from transfer.plan import VerifiedPiece

BUNDLE = tiny_bundle(Shape(full_bytes=3_000_000, piece_bytes=65_536))
SMALL_DISK_BYTES = 1024 * 1024


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a megabyte."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("a small file system is mounted for this test: run it as root on Linux")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK_BYTES}", "tmpfs", str(disk)]
    mounted = subprocess.run(mount, capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def piece(offset: int, length: int = 1000) -> VerifiedPiece:
    return VerifiedPiece(offset, b"p" * length)


def test_a_disk_that_is_too_small_is_refused_before_the_first_piece(small_disk: Path) -> None:
    """[T-28]"""
    link = SimulatedLink(BUNDLE.data)
    with pytest.raises(DiskFull, match="are to come"):
        fetch_over(link, small_disk / "out").run()
    assert link.delivered == 4096


def test_a_disk_that_fills_up_later_keeps_what_was_written(small_disk: Path) -> None:
    """[T-28]: with room made, the same call goes on."""
    bundle = tiny_bundle(Shape(full_bytes=700_000, piece_bytes=65_536))
    output = small_disk / "out"
    link = SimulatedLink(bundle.data)
    pieces = iter(range(4))
    stop, log = Partial.write, small_disk / "log of another program"

    def write_and_fill(partial: Partial, piece: VerifiedPiece) -> None:
        if next(pieces, None) is None and not log.exists():
            with pytest.raises(OSError, match="No space"), log.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))
        stop(partial, piece)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Partial, "write", write_and_fill)
        with pytest.raises(DiskFull, match="what was fetched is kept"):
            fetch_over(link, output).run()
        with pytest.raises(DiskFull):
            fetch_over(SimulatedLink(bundle.data), output).run()
    assert not output.exists()
    log.unlink()
    figures = fetch_over(SimulatedLink(bundle.data), output).run()
    assert output.read_bytes() == bundle.data and figures.bytes_resumed > 3 * 65_536


def test_a_quota_that_is_used_up_is_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[T-28]"""

    def refuse(descriptor: int) -> None:
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(DiskFull):
        Partial(tmp_path / "f", b"header", 100, VirtualClock(), 0.1)


def test_the_file_has_its_full_length_and_header_first(tmp_path: Path) -> None:
    """[T-12]"""
    with Partial(tmp_path / "f", b"header", 10_000, VirtualClock(), 0.1) as partial:
        assert partial.is_new
        assert (tmp_path / "f").read_bytes() == b"header".ljust(10_000, b"\0")
    with Partial(tmp_path / "f", b"HEADER", 500, VirtualClock(), 0.1) as partial:
        assert not partial.is_new
        assert (tmp_path / "f").read_bytes() == b"HEADER".ljust(500, b"\0")


@pytest.mark.parametrize(("sync_s", "expected"), [(0.0, 50), (0.01, 50), (1.0, 5)])
def test_syncs_take_a_tenth_of_the_time_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sync_s: float, expected: int
) -> None:
    """[T-12]: a piece a second; each is synced where that is quick, every tenth where it takes as long as a piece."""
    clock = VirtualClock()
    with Partial(tmp_path / "f", b"", 50_000, clock, 0.1) as partial:
        syncs = []

        def sync(descriptor: int) -> None:
            syncs.append(clock.seconds)
            clock.seconds += sync_s

        monkeypatch.setattr(os, "fsync", sync)
        for number in range(50):
            clock.seconds += 1
            partial.write(piece(number * 1000))
        assert abs(len(syncs) - expected) <= 1
    monkeypatch.undo()


def test_a_bad_sector_is_a_missing_piece(tmp_path: Path) -> None:
    """[T-9]"""

    class BadSector:
        """A medium whose first byte cannot be read."""

        def seek(self, offset: int) -> None:
            self.offset = offset

        def read(self, length: int) -> bytes:
            if self.offset == 0:
                raise OSError(5, "Input/output error")
            return b"x" * length

    with Partial(tmp_path / "f", b"", 100, VirtualClock(), 0.1) as partial:
        file, partial._file = partial._file, BadSector()  # type: ignore[assignment]
        assert partial.read(0, 10) == b"" and partial.read(1, 10) == b"x" * 10
        partial._file = file


def test_a_directory_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    """The lock is what would be written first."""
    with pytest.raises(OutputRefused, match="nowhere: no such directory; make it first"):
        fetch_over(SimulatedLink(BUNDLE.data), tmp_path / "nowhere" / "out").run()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputRefused, match="file: no such directory"):
        fetch_over(SimulatedLink(BUNDLE.data), tmp_path / "file" / "out").run()
    (tmp_path / "out.part").mkdir()
    with pytest.raises(OutputRefused, match=r"out\.part: is not a file"):
        fetch_over(SimulatedLink(BUNDLE.data), tmp_path / "out").run()


def test_a_full_disk_has_room_for_nothing_but_says_so(small_disk: Path) -> None:
    """[T-28], [T-13]: not even the number of the lock's holder can be written."""
    with pytest.raises(OSError, match="No space"), (small_disk / "log").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    with pytest.raises(DiskFull):
        fetch_over(SimulatedLink(BUNDLE.data), small_disk / "out").run()


def test_a_full_disk_is_no_matter_where_nothing_is_to_be_written(small_disk: Path) -> None:
    """[T-13], [T-10]: the lock holds without its holder's number, and a bundle that is there is there."""
    bundle = tiny_bundle(Shape(full_bytes=100_000))
    (small_disk / "out").write_bytes(bundle.data)
    with pytest.raises(OSError, match="No space"), (small_disk / "log").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    assert fetch_over(SimulatedLink(bundle.data), small_disk / "out").run().complete


def test_room_that_the_partial_file_has_already_is_not_asked_for_again(small_disk: Path) -> None:
    """[T-28]: 700,000 of a million bytes, most of which stand there."""
    bundle = tiny_bundle(Shape(full_bytes=700_000, piece_bytes=65_536))
    output = small_disk / "out"
    kill = Behaviour(drop_after=500_000, drop=Killed())
    with pytest.raises(Killed):
        link = SimulatedLink(bundle.data, script=then_honest(HONEST, kill))
        fetch_over(link, output, config=TransferConfig(max_connections=1)).run()
    assert partial_path(output).exists()
    (small_disk / "ballast").write_bytes(bytes(150_000))
    fetch_over(SimulatedLink(bundle.data), output).run()
    assert output.read_bytes() == bundle.data
