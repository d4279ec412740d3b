"""What a version takes of the disk: blocks that are shared and holes are not written [A-15], [A-124]."""

import os
import shutil
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest

from apply.rebuild.room import BLOCK_BYTES, MARGIN_BYTES, Savings, look_for_savings, needed_bytes
from apply.site.config import SiteConfig
from apply.update import rehearse, update
from bundle.format.manifest import Entry, Kind, TreeManifest
from bundle.read.tree import DirectoryBase, scan
from tests.support.contents.releases import TRUST, build_from
from tests.support.sites.mounted import mounted

MIB = 1 << 20


def manifest(**sizes: int) -> TreeManifest:
    """Files of those sizes, each with a content of its own, by its name."""
    entries = [Entry(name, Kind.FILE, size, sha256(name.encode()).digest()) for name, size in sizes.items()]
    return TreeManifest.of(entries, "any")


def test_whole_blocks_the_declared_room_and_a_margin() -> None:
    files = manifest(a=1, b=4096, c=4097)
    assert needed_bytes(files, 77) == (1 + 1 + 2) * BLOCK_BYTES + 77 + MARGIN_BYTES


def test_what_stays_as_it_is_is_not_written_where_blocks_are_shared() -> None:
    old, new = manifest(a=50 * MIB, b=1, c=9), manifest(a=50 * MIB, b=1, d=MIB)
    assert needed_bytes(new, 0, Savings(old, shares=True)) == MIB + 2 * BLOCK_BYTES + MARGIN_BYTES
    assert needed_bytes(new, 0, Savings(old, shares=False)) == 51 * MIB + BLOCK_BYTES + MARGIN_BYTES


def test_holes_are_not_written() -> None:
    old = manifest(a=1 << 40, b=5)
    savings = Savings(old, shares=False, holes={old.entry(1).hash: (1 << 40) - 4096})
    assert needed_bytes(old, 0, savings) == 2 * BLOCK_BYTES + MARGIN_BYTES
    assert savings.most_bytes == (1 << 40) - 4096


@pytest.mark.skipif(os.name == "nt", reason="NTFS tells of no blocks")
def test_a_look_at_the_base(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    with (base / "sparse").open("wb") as file:
        file.truncate(64 * MIB)
    (base / "full").write_bytes(Random(1).randbytes(MIB))
    (base / "small").write_bytes(b"x")
    savings = look_for_savings(DirectoryBase(base, scan(base)), tmp_path)
    assert set(savings.holes) == {scan(base).entries[2].hash} and min(savings.holes.values()) > 63 * MIB
    (base / "full").unlink()
    (base / "sparse").unlink()
    assert look_for_savings(DirectoryBase(base, scan(tmp_path / "base")), tmp_path).holes == {}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base"]


@pytest.mark.parametrize("make", [("mkfs.btrfs", "-q"), ("mkfs.xfs", "-q", "-m", "reflink=1")], ids=lambda m: m[0])
def test_three_large_files_one_changed_on_a_disk_that_holds_no_second_copy(
    tmp_path: Path, make: tuple[str, ...]
) -> None:
    """A disk of 320 MiB, releases of 144. Of the changed file, too, most blocks stay those of the base."""
    rng = Random(7)
    with mounted(tmp_path, *make) as place:
        old, new = tmp_path / "old", tmp_path / "new"
        old.mkdir()
        for name in "abc":
            (old / name).write_bytes(rng.randbytes(48 * MIB))
        shutil.copytree(old, new)
        with (new / "b").open("r+b") as file:
            file.seek(24 * MIB + 5)
            file.write(b"changed")
        build_from(old, [], tmp_path / "1.unrep", version="1.1", seq=1)
        build_from(new, [old], tmp_path / "2.unrep", version="1.2", seq=2)
        site, config = place / "site", SiteConfig()
        site.mkdir()
        update(tmp_path / "1.unrep", site, TRUST, config)
        os.sync()
        before = shutil.disk_usage(place).free
        assert before < 144 * MIB
        assert rehearse(tmp_path / "2.unrep", site, TRUST, config).outcome == "would-apply"
        assert update(tmp_path / "2.unrep", site, TRUST, config).outcome == "applied"
        os.sync()
        assert scan(site / "versions" / "1.2") == scan(new)
        assert before - shutil.disk_usage(place).free < 8 * MIB
