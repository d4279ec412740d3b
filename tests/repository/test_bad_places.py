"""[P-4], [P-5], [P-11], [P-12] Real disks that are full, shares that vanish, and bytes that rot: what then holds."""

import json
import subprocess
from pathlib import Path
from random import Random

import pytest

from bundle.host.progress import Quiet
from repository.errors import Damaged, DiskFull
from tests.support.contents.releases import write_tree
from tests.support.contents.repositories import Ashore, content, sound
from tests.support.sites.mounted import mounted
from tests.support.sites.site import filled
from transfer.errors import DiskFull as DestinationFull
from transfer.errors import OutputRefused

LEFT_BYTES = (0, 16_000, 28_000, 40_000, 60_000, 80_000, 140_000)


@pytest.fixture
def sources(tmp_path: Path) -> list[Path]:
    """Of releases with 6,000 bytes each that are new."""
    random = Random(15)
    return [
        write_tree(tmp_path / f"source-{n}", content(n) | {"data.bin": random.randbytes(6_000)})
        for n in range(len(LEFT_BYTES) + 1)
    ]


def test_a_full_disk_of_the_repository(tmp_path: Path, sources: list[Path]) -> None:
    """With the repository and a destination on it: at whatever step there is no room, the same call goes on."""
    with mounted(tmp_path) as place:
        ashore, refused = Ashore(place, more="last = 1"), 0
        ashore.release(0, source=sources[0])
        for number, left in enumerate(LEFT_BYTES, 1):
            before = ashore.channel()
            with filled(place, left):
                try:
                    ashore.release(number, source=sources[number])
                except (DiskFull, DestinationFull) as error:
                    assert "no space left on its file system: free some and run again" in str(error)
                    assert ashore.channel() == before
                    refused += 1
                assert sound(ashore), left
            ashore.release(number, source=sources[number])
            assert sound(ashore) and (named := ashore.channel()) and named.release.version == f"1.0.{number}"
        assert 3 <= refused < len(LEFT_BYTES), refused


def test_a_release_larger_than_the_disk(tmp_path: Path) -> None:
    large = write_tree(tmp_path / "large", {"a.bin": Random(1).randbytes(3_000_000)})
    with mounted(tmp_path) as place:
        ashore = Ashore(place)
        ashore.release(0)
        before = ashore.files()
        with pytest.raises(DiskFull, match=r"no space left .* the repository is as it was"):
            ashore.release(1, source=large)
        assert ashore.files() == before


@pytest.mark.parametrize("moment", ["start", "finish"])
def test_a_share_that_vanishes_while_a_bundle_goes_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Before the bundle, and between the bundle and the channel's file; back again, it gets what it lacks."""
    share = tmp_path / "share"
    (share / "www").mkdir(parents=True)
    with mounted(tmp_path) as place:
        _bind(share, place)
        ashore = Ashore(tmp_path)
        ashore.settle(f"destinations = {json.dumps([str(place / 'www'), str(tmp_path / 'www')])}")
        ashore.release(0)
        do = getattr(Quiet, moment)
        sending: list[str] = []
        start = Quiet.start

        def noted(self: Quiet, phase: str, total: int, unit: str) -> None:
            sending.append(phase)
            start(self, phase, total, unit)

        def vanishing(self: Quiet, *arguments: object) -> None:
            do(self, *arguments)
            phase = str(arguments[0]) if arguments else sending[-1]
            if phase == f"publishing to {place / 'www'}":
                subprocess.run(["umount", "-l", place], check=True)

        with monkeypatch.context() as broken:
            if moment == "finish":
                broken.setattr(Quiet, "start", noted)
            broken.setattr(Quiet, moment, vanishing)
            with pytest.raises(OutputRefused, match=rf"{place}/www"):
                ashore.release(1)
        stale = ashore.channel()
        assert stale and stale.release.version == "1.0.0" and len(ashore.published()) == 2 and sound(ashore)
        _bind(share, place)
        ashore.release(1)
        assert sound(ashore) and ashore.channel() == ashore.channel("stable", "share/www")
        assert ashore.published("share/www") == ashore.published()
        subprocess.run(["umount", place], check=True)


def _bind(share: Path, place: Path) -> None:
    if subprocess.run(["mount", "--bind", share, place], capture_output=True).returncode:
        pytest.skip("this system does not bind directories")


def test_a_bundle_that_rots_is_not_sent_to_a_new_destination(tmp_path: Path) -> None:
    """The sentence names its copy; with that it goes on."""
    ashore = Ashore(tmp_path)
    file = ashore.release(0).bundle
    assert file
    path = ashore.root / "repo" / "bundles" / file.path
    sound_bytes = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(sound_bytes[:-9] + bytes([sound_bytes[-9] ^ 1]) + sound_bytes[-8:])
    (ashore.root / "mirror").mkdir()
    ashore.settle(f"destinations = {json.dumps([str(ashore.root / name) for name in ('www', 'mirror')])}")
    with pytest.raises(Damaged, match=rf"{file.path}: is not what was built .* where it is {file.file}"):
        ashore.release(0)
    assert not ashore.published("mirror") and not ashore.channel("stable", "mirror")
    path.write_bytes((ashore.root / "www" / file.file).read_bytes())
    ashore.release(0)
    assert ashore.published("mirror") == {file.file}
