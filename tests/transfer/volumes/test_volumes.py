"""Volumes on real files: any order, torn, lying, foreign, pulled out, and what the link brings beside them."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from itertools import permutations
from pathlib import Path
from random import Random

import pytest

from bundle.errors import Corrupt, InputError, Malformed, Untrusted
from bundle.format.root import DELTA, FULL
from bundle.host.progress import Quiet
from bundle.read.reader import verify_header
from bundle.trust.signing import VerifyingKey
from bundle.trust.trust import Trust
from tests.support.contents.tiny_bundle import TRUST, Shape, TinyBundle, tiny_bundle, tree_hash, write_trust
from tests.support.links.bad_server import BadServer
from tests.support.links.media import fetch_from_media
from transfer.channels.medium import look_through
from transfer.config import TransferConfig
from transfer.disk.atomic_write import write_atomically
from transfer.disk.volume import MAX_VOLUMES, Volume, VolumeMap, open_volume
from transfer.errors import Incomplete, OutputRefused, SourceRefused
from transfer.fetch.fetch import Fetch
from transfer.fetch.figures import Figures
from transfer.fetch.request import FetchRequest
from transfer.links.opening import open_sources
from transfer.plan import SiteHoldings
from transfer.volumes import export as exporting
from transfer.volumes.export import export, lay_out
from unrep.cli import main

BUNDLE = tiny_bundle(Shape(full_bytes=700_000, delta_bytes={"old": 60_000}))
VOLUME_BYTES = 250_000
PIECE = 4096


def write(path: Path, bundle: TinyBundle = BUNDLE) -> Path:
    path.write_bytes(bundle.data)
    return path


@pytest.fixture
def sticks(tmp_path: Path) -> list[Path]:
    """Four sticks with a volume each."""
    directories = [tmp_path / f"stick{number}" for number in range(1, 5)]
    for directory in directories:
        directory.mkdir()
        (directory / "photo.jpg").write_bytes(b"\xff\xd8 a photo")
    export(write(tmp_path / "b.unrep"), VOLUME_BYTES, directories, Quiet())
    return directories


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "got.unrep"


def fetched(
    out: Path, *sticks: Path, holdings: SiteHoldings | None = None, allow_full: bool = False, trust: Trust = TRUST
) -> Figures:
    return fetch_from_media(out, sticks, holdings, allow_full, trust)


def damaged(figures: Figures) -> list[str]:
    return [source.name for source in figures.sources if source.damaged]


def volume_of(stick: Path) -> Path:
    (found,) = stick.glob("*.volume")
    return found


def test_each_volume_is_verified_by_itself_and_none_is_too_large(sticks: list[Path]) -> None:
    """[T-70]: header, tables and pieces; together they are the bundle."""
    seen: set[int] = set()
    for number, stick in enumerate(sticks, 1):
        volume = open_volume(volume_of(stick))
        assert (volume.map.number, volume.map.count) == (number, 4)
        assert VOLUME_BYTES - 2 * PIECE < volume.path.stat().st_size <= VOLUME_BYTES or number == 4
        verified = verify_header(volume.prefix(), TRUST)
        for section in verified.root.sections:
            tree = verified.hash_tree(section)
            for offset, piece in verified.pieces(section):
                data = volume.read(offset, piece.length)
                if data:
                    tree.verify(piece, data)
                    seen.add(offset)
    assert seen == {offset for section in BUNDLE.root.sections for offset, _ in BUNDLE.verified.pieces(section)}


def test_any_order_gives_the_bundle(sticks: list[Path], out: Path) -> None:
    """[T-72]"""
    for order in list(permutations(sticks))[::5]:
        figures = fetched(out, *order)
        assert out.read_bytes() == BUNDLE.data and not out.with_name(out.name + ".part").exists()
        assert figures.bytes_needed == len(BUNDLE.data) and figures.bytes_resumed == 0
        out.unlink()


def test_one_stick_after_the_other_keeps_what_each_brought(sticks: list[Path], out: Path) -> None:
    """[T-72], [T-9]: the last one first, and the sentence names those that are missing."""
    with pytest.raises(Incomplete, match=r"volume 1, 2, 3 of 4.*what is there is kept"):
        fetched(out, sticks[3])
    for stick in (sticks[1], sticks[0]):
        with pytest.raises(Incomplete):
            fetched(out, stick)
    last = fetched(out, sticks[2])
    assert out.read_bytes() == BUNDLE.data and last.bytes_resumed > len(BUNDLE.data) // 2
    assert fetched(out, sticks[0]).bytes_resumed == len(BUNDLE.data), "all of it is there"


@pytest.mark.parametrize("missing", [0, 2])
def test_a_fetch_brings_the_rest_and_only_that(sticks: list[Path], out: Path, missing: int) -> None:
    """[T-72]"""
    with pytest.raises(Incomplete):
        fetched(out, *(stick for stick in sticks if stick is not sticks[missing]))
    config = TransferConfig(patience_s=5)
    with BadServer(BUNDLE.data, ["honest"]) as server:
        figures = Fetch(
            FetchRequest(links=open_sources([server.url("b")], out, config), trust=TRUST, output=out, config=config)
        ).run()
    assert out.read_bytes() == BUNDLE.data
    assert figures.bytes_received <= VOLUME_BYTES + 4096
    assert figures.bytes_resumed >= len(BUNDLE.data) - VOLUME_BYTES


def test_sticks_finish_what_a_link_began(sticks: list[Path], out: Path) -> None:
    """[T-72]"""
    half = bytearray(BUNDLE.data)
    half[300_000:] = bytes(len(half) - 300_000)
    out.with_name(out.name + ".part").write_bytes(half)
    figures = fetched(out, sticks[1], sticks[2], sticks[3])
    assert out.read_bytes() == BUNDLE.data and figures.bytes_resumed > 290_000


def test_a_flipped_byte_costs_its_piece(sticks: list[Path], out: Path) -> None:
    """[T-72]: random places behind the header."""
    seed = 7
    print(f"seed {seed}")
    random = Random(seed)
    path = volume_of(sticks[1])
    data = bytearray(path.read_bytes())
    for _ in range(3):
        data[random.randrange(20_000, len(data))] ^= 1
    path.write_bytes(data)
    with pytest.raises(Incomplete, match=r"a good copy of the damaged volumes") as stopped:
        fetched(out, *sticks)
    missing = int(str(stopped.value).split(": ")[1].split(" bytes")[0].replace(",", ""))
    assert 0 < missing <= 3 * PIECE


def test_a_volume_that_lies_is_asked_last_named_and_then_no_more(
    sticks: list[Path], out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[T-137]: its copies of what another has are not read again; of what nobody has, three."""
    liar = sticks[0] / "a liar"
    liar.write_bytes(volume_of(sticks[0]).read_bytes())
    volume = open_volume(liar)
    data = bytearray(liar.read_bytes())
    for offset, length in volume.map.stretches[1:] or volume.map.stretches:
        place, _ = volume.find(offset)
        data[place + length // 9 : place + length] = bytes(b ^ 1 for b in data[place + length // 9 : place + length])
    liar.write_bytes(data)
    asked: list[Path] = []
    read = Volume.read

    def noted(self: Volume, offset: int, length: int) -> bytes:
        asked.append(self.path)
        return read(self, offset, length)

    monkeypatch.setattr(Volume, "read", noted)
    figures = fetched(out, *sticks)
    assert out.read_bytes() == BUNDLE.data and damaged(figures) == [str(liar)]
    honest = asked.count(volume_of(sticks[0]))
    assert asked.count(liar) < honest / 2, "as far as it was good, and once more"
    volume_of(sticks[0]).unlink()
    asked.clear()
    with pytest.raises(Incomplete, match=r"a good copy of the damaged volumes \(.*a liar\)"):
        fetched(out.with_name("again"), *sticks)
    assert asked.count(liar) < honest / 2 + 4


def test_a_map_of_many_stretches_costs_no_time(sticks: list[Path]) -> None:
    """[T-137]: 43,000 of them, each found in microseconds, and in its place."""
    stretches = [(2 * number, 1) for number in range(43_000)]
    volume = Volume(sticks[0] / "v", VolumeMap(1, 1, stretches), 1000)
    began = time.process_time()
    for number in range(0, 43_000, 7):
        assert volume.find(2 * number) == (1000 + number, 1) and volume.find(2 * number + 1) == (0, 0)
    assert volume.find(90_000_000) == (0, 0)
    assert time.process_time() - began < 1


def test_a_directory_of_volumes_without_end_has_one(sticks: list[Path], out: Path) -> None:
    """[T-137]"""
    copy = volume_of(sticks[0]).read_bytes()[:2000]
    for number in range(MAX_VOLUMES + 20):
        (sticks[0] / f"0{number:05}").write_bytes(copy)
    with pytest.raises(Incomplete, match="volume 2, 3, 4 of 4"):
        fetched(out, sticks[0])
    (found,) = look_through(sticks[0], TRUST).bundles
    assert len(found.paths) == MAX_VOLUMES


def test_a_torn_volume_gives_what_it_has(sticks: list[Path], out: Path) -> None:
    """[T-72]: a stick that lied about its size."""
    path = volume_of(sticks[1])
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(Incomplete, match=r"a good copy of the damaged volumes \(.*stick2.*volume\)"):
        fetched(out, *sticks)
    kept = out.with_name(out.name + ".part").read_bytes()
    wrong = sum(1 for at in range(0, len(kept), PIECE) if kept[at : at + PIECE] != BUNDLE.data[at : at + PIECE])
    assert wrong <= (VOLUME_BYTES - 100_000) // PIECE + 3


def test_a_map_that_lies_costs_its_pieces_only(sticks: list[Path], out: Path) -> None:
    """[T-70], [T-72]"""
    path = volume_of(sticks[1])
    volume = open_volume(path)
    stretches = [volume.map.stretches[0], *((offset + 1, length) for offset, length in volume.map.stretches[1:])]
    head = VolumeMap(2, 4, stretches).pack()
    path.write_bytes(head + path.read_bytes()[volume.data_offset :])
    with pytest.raises(Incomplete):
        fetched(out, *sticks)
    copy = sticks[0] / "copy of 2"
    shutil.rmtree(sticks[1])
    sticks[1].mkdir()
    export(out.parent / "b.unrep", VOLUME_BYTES, [sticks[1]], Quiet())
    shutil.copy(next(sticks[1].glob("*002-of*")), copy)
    fetched(out, sticks[0], sticks[2])
    assert out.read_bytes() == BUNDLE.data


def test_pieces_whose_table_is_damaged_wait_for_another_copy_of_it(sticks: list[Path], out: Path) -> None:
    """[T-72]: nothing below the table can be told right from wrong until then."""
    for stick in sticks[2:]:
        path, volume = volume_of(stick), open_volume(volume_of(stick))
        data = bytearray(path.read_bytes())
        data[volume.data_offset + volume.map.stretches[0][1] + 10] ^= 1  # in the full section's tables
        path.write_bytes(data)
    with pytest.raises(Incomplete):
        fetched(out, *sticks[2:])
    fetched(out, *sticks)
    assert out.read_bytes() == BUNDLE.data


def test_what_stood_there_without_its_tables_is_verified_when_they_come(sticks: list[Path], out: Path) -> None:
    """[T-9], [T-72]"""
    part = bytearray(BUNDLE.data)
    for section in BUNDLE.root.sections:
        pieces = list(BUNDLE.verified.pieces(section))
        for offset, piece in pieces:
            if piece.level < pieces[-1][1].level:
                part[offset : offset + piece.length] = bytes(piece.length)
    part[400_000] ^= 1
    out.with_name(out.name + ".part").write_bytes(part)
    figures = fetched(out, *sticks)
    assert out.read_bytes() == BUNDLE.data and figures.bytes_needed == len(BUNDLE.data)


def test_for_a_site_only_its_section_is_fetched(sticks: list[Path], out: Path) -> None:
    """[T-5], [T-6]: by the rules of a fetch."""
    figures = fetched(out, *sticks, holdings=SiteHoldings((tree_hash("old"),), False))
    assert figures.bytes_needed < 70_000 and out.stat().st_size == len(BUNDLE.data)
    assert out.read_bytes() == BUNDLE.holding(BUNDLE.root.sections[0])
    out.unlink()
    full = fetched(out, *sticks, holdings=SiteHoldings((tree_hash("other"),), False))
    assert [section.kind for section in full.sections] == [FULL], "which costs nothing here"


@pytest.mark.parametrize(("held", "kind"), [("old", DELTA), ("other", FULL)])
@pytest.mark.parametrize("number", range(4))
def test_any_volume_promises_what_is_on_the_others(
    sticks: list[Path], out: Path, held: str, kind: str, number: int
) -> None:
    """[T-72]: for a site, also where nothing of its section is on the first stick; it is not stranded."""
    holdings = SiteHoldings((tree_hash(held),), False)
    order = [sticks[number], *(stick for stick in reversed(sticks) if stick is not sticks[number])]
    for count, stick in enumerate(order, 1):
        try:
            figures = fetched(out, stick, holdings=holdings)
        except Incomplete as error:
            assert "are missing; run again with volume" in str(error)
            assert count < 4
        else:
            break
    assert [section.kind for section in figures.sections] == [kind]
    assert out.read_bytes() == BUNDLE.holding(*figures.sections)


def test_volumes_of_strangers_and_of_several_bundles(sticks: list[Path], out: Path, tmp_path: Path) -> None:
    """[T-70], [T-142]: those of the newest bundle count, and those of a stranger are named."""
    stranger = VerifyingKey(bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"))
    with pytest.raises(Untrusted, match=r"stick1.*volume: signed by"):
        fetched(out, *sticks, trust=Trust((stranger,)))
    other = tiny_bundle(Shape(version="2.0", seq=3, full_bytes=10_000))
    export(write(tmp_path / "other", other), VOLUME_BYTES, [sticks[3]], Quiet())
    fetched(out, *sticks)
    assert out.read_bytes() == other.data


def test_where_there_is_no_volume(sticks: list[Path], out: Path, tmp_path: Path) -> None:
    """[T-70]: every place is named."""
    for stick in sticks[:2]:
        volume_of(stick).unlink()
    with pytest.raises(SourceRefused, match=r"stick1, .*stick2: there is no bundle, volume or channel file"):
        fetched(out, *sticks[:2])
    with pytest.raises(SourceRefused, match="cannot be read"):
        fetched(out, tmp_path / "nowhere")
    assert not out.exists() and not out.with_name(out.name + ".part").exists()


def test_another_bundle_at_the_output_is_not_lost(sticks: list[Path], out: Path) -> None:
    """[T-10], [T-11]"""
    other = write(out, tiny_bundle(Shape(product="ecdis", full_bytes=10_000)))
    with pytest.raises(OutputRefused, match="is another bundle"):
        fetched(out, *sticks)
    assert other.read_bytes() == tiny_bundle(Shape(product="ecdis", full_bytes=10_000)).data


def bad_magic(good: bytes) -> bytes:
    return b"VOLUME2\n" + good[8:]


def short(good: bytes) -> bytes:
    return good[:11]


def long_map(good: bytes) -> bytes:
    return good[:8] + (10**6).to_bytes(4, "little") + good[12:]


def torn_map(good: bytes) -> bytes:
    return good[:30]


def no_stretch(good: bytes) -> bytes:
    return VolumeMap(1, 1, []).pack()


def overlap(good: bytes) -> bytes:
    return VolumeMap(1, 1, [(0, 10), (9, 10)]).pack() + bytes(100)


def beyond(good: bytes) -> bytes:
    return VolumeMap(5, 4, [(0, 10)]).pack() + bytes(100)


@pytest.mark.parametrize("spoil", [bad_magic, short, long_map, torn_map, no_stretch, overlap, beyond])
def test_what_is_no_volume_is_refused(sticks: list[Path], spoil: object) -> None:
    """[T-70]"""
    path = volume_of(sticks[0])
    path.write_bytes(spoil(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(Malformed):
        open_volume(path)
    assert all(str(error).count("stick1") == 1 for error in look_through(sticks[0], TRUST).unusable.values())


def test_a_volume_size_that_cannot_do_is_said_before_anything_is_written(tmp_path: Path) -> None:
    """[T-70]: and the least size that can, does."""
    path, stick = write(tmp_path / "b"), tmp_path / "stick"
    stick.mkdir()
    with pytest.raises(InputError, match="must be at least") as refusal:
        export(path, 5_000, [stick], Quiet())
    least = int(str(refusal.value).rsplit(" ", 1)[1].replace(",", ""))
    assert len(lay_out(BUNDLE.verified, least)) > 100
    with pytest.raises(InputError, match="needs 4 volumes and 2 directories"):
        export(path, VOLUME_BYTES, [stick, stick], Quiet())
    with pytest.raises(OutputRefused, match="no such directory"):
        export(path, VOLUME_BYTES, [tmp_path / "nowhere"], Quiet())
    damaged = tmp_path / "damaged"
    damaged.write_bytes(BUNDLE.data[:-1] + b"\0")
    with pytest.raises(Corrupt):
        export(damaged, VOLUME_BYTES, [stick], Quiet())
    assert not list(stick.iterdir())


def test_a_medium_that_does_not_keep_what_it_took_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[T-71]: such a stick cannot be plugged into a test; its write is real, what it keeps is not."""
    stick = tmp_path / "stick"
    stick.mkdir()

    def lying(path: Path, chunks: Iterable[bytes]) -> None:
        write_atomically(path, chunks)
        data = path.read_bytes()
        path.write_bytes(data[:200_000] + bytes(len(data) - 200_000))

    monkeypatch.setattr(exporting, "write_atomically", lying)
    with pytest.raises(OutputRefused, match="does not give back what was written"):
        export(write(tmp_path / "b"), VOLUME_BYTES, [stick], Quiet())


@pytest.mark.skipif(sys.platform != "linux", reason="a small file system")
def test_a_full_medium_is_one_sentence(tmp_path: Path) -> None:
    """[T-71]: what was written of the volume that does not fit goes again."""
    stick = tmp_path / "stick"
    stick.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(stick)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small file system needs root")
    path = write(tmp_path / "b")
    command = [sys.executable, "-m", "unrep", "export", str(path), "--volume-size", "250k", "--out", str(stick)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 5 and "no space left" in done.stderr and "Traceback" not in done.stderr
        assert [file.name for file in stick.iterdir()] == ["vms-1.0.1-001-of-004.volume"]
    finally:
        subprocess.run(["umount", stick], check=True)


def test_the_commands(tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """[T-70], [T-72]"""
    path, trust, stick = write(tmp_path / "b"), write_trust(tmp_path / "k.pub"), tmp_path / "stick"
    stick.mkdir()
    (empty := tmp_path / "empty").mkdir()
    for argv, code, said in (
        (["export", path, "--volume-size", "0.25M", "--out", stick], 0, "read back and right"),
        (["export", path, "--volume-size", "much", "--out", stick], 2, "no size in bytes"),
        (["fetch", stick, "--trust", trust, "--out", out], 0, "vms 1.0.1"),
        (["fetch", stick, "--trust", trust, "--out", out, "--json"], 0, "1.0.1"),
        (["fetch", empty, "--trust", trust, "--out", out], 2, "there is no bundle, volume"),
    ):
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in argv])
        printed = capsys.readouterr()
        result = printed.err if code else printed.out
        assert ended.value.code == code and said in result
        if "--json" in argv:
            assert json.loads(printed.out)["bytes_paid"] == 0
    assert out.read_bytes() == BUNDLE.data
