"""[P-15] `repo verify`: every flipped byte, every missing and every foreign file is named."""

import os
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest

from bundle.format.compressed_file import to_compressed
from bundle.host.progress import Quiet
from bundle.read.tree import DirectoryBase, scan
from repository.errors import NotARepository
from tests.support.contents.releases import write_tree
from tests.support.contents.repositories import Ashore

SEED = 20261130


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Ashore:
    ashore = Ashore(tmp_path_factory.mktemp("shore"))
    for number in range(2):
        ashore.release(number)
    return ashore


def stored(ashore: Ashore) -> list[Path]:
    found = [path for path in (ashore.root / "repo").rglob("*") if path.is_file()]
    return sorted(p for p in found if p.parent.parent.name == "objects" or p.parent.name in ("manifests", "bundles"))


def test_what_is_sound_is_sound(made: Ashore) -> None:
    found = made.verify()
    assert (found.faults, found.objects, found.manifests, found.bundles, found.unneeded) == ([], 5, 2, 2, 0)


def test_any_flipped_byte_is_found(made: Ashore) -> None:
    print(f"seed {SEED}")
    random = Random(SEED)
    for path in stored(made):
        if path.suffix in (".sha256", ".manifests"):
            continue  # sidecars, which nothing reads
        sound = path.read_bytes()
        for place in (0, len(sound) - 1, *(random.randrange(len(sound)) for _ in range(5))):
            flipped = bytearray(sound)
            flipped[place] ^= 1 << random.randrange(8)
            path.write_bytes(bytes(flipped))
            faults = made.verify().faults
            assert faults and all(path.name in fault for fault in faults), f"{path} at {place}: {faults}"
        path.write_bytes(sound)
    assert made.verify().faults == []


def test_what_is_missing_is_named(made: Ashore) -> None:
    for path in stored(made):
        if path.suffix in (".sha256", ".manifests"):
            continue
        path.rename(made.root / "away")
        faults = made.verify().faults
        assert len(faults) == 1 and path.name in faults[0] and "is missing" in faults[0]
        (made.root / "away").rename(path)


def test_what_is_foreign_is_named(made: Ashore) -> None:
    strange = [
        made.root / "repo" / name for name in ("objects/note.txt", "manifests/note.txt", f"objects/ab/{'0' * 64}")
    ]
    strange[2].parent.mkdir(exist_ok=True)
    for path in strange:
        path.write_bytes(b"ours")
    faults = made.verify().faults
    assert len(faults) == 3 and all(any(str(path) in fault for fault in faults) for path in strange)
    for path in strange:
        path.unlink()


def test_an_object_of_no_release_is_counted_and_verified(made: Ashore) -> None:
    data = b"left by a killed run"
    path = made.repository.object_file(sha256(data).digest())
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(to_compressed(data))
    assert (made.verify().unneeded, made.verify().faults) == (1, [])
    path.write_bytes(to_compressed(data + b"!"))
    assert [path.name in fault for fault in made.verify().faults] == [True]
    path.unlink()


def test_a_damaged_database_is_named(made: Ashore) -> None:
    path = made.repository.database_file
    sound = path.read_bytes()
    path.write_bytes(sound[:100] + b"\xff" * 5000 + sound[5100:])
    with pytest.raises(NotARepository, match=r"repo.db: is damaged, or no database; restore it from a backup"):
        made.verify()
    path.write_bytes(sound)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="ten thousand files take minutes in Wine")
def test_a_hundred_flipped_bytes_among_ten_thousand_objects(tmp_path: Path) -> None:
    print(f"seed {SEED}")
    random, ashore = Random(SEED), Ashore(tmp_path)
    tree = {f"{n % 100}/{n}.txt": b"%d " % n + random.randbytes(random.randrange(200)) for n in range(10_000)}
    source = write_tree(tmp_path / "source", tree)
    ashore.store.add_directory(DirectoryBase(source, scan(source)), Quiet())
    paths = sorted(path for path in (tmp_path / "repo/objects").rglob("*") if path.is_file())
    flipped = random.sample(paths, 100)
    for path in flipped:
        data = bytearray(path.read_bytes())
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)
        path.write_bytes(bytes(data))
    found = ashore.verify()
    named = {path for path in paths if any(str(path) in fault for fault in found.faults)}
    print(f"{found.objects} objects, {len(flipped)} flipped, {len(named & set(flipped))} found")
    assert found.objects == 10_000 and named == set(flipped) and len(found.faults) == 100
