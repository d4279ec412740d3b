"""What a kit is made of has the hash that its lock names, or is not used [K-3]."""

import errno
import hashlib
from pathlib import Path

import pytest

from bundle.errors import NoRoom
from bundle.host.progress import Quiet
from tests.support.contents.wheelhouse import make_wheel
from unrep.errors import KitError
from unrep.kit import packages
from unrep.kit.kinds import KINDS


def test_a_file_with_another_hash_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "libc6.deb"
    file.write_bytes(b"as it is")
    assert packages.checked(file, hashlib.sha256(b"as it is").hexdigest()) == b"as it is"
    with pytest.raises(KitError, match=r"libc6\.deb: has not the SHA-256 that its lock names"):
        packages.checked(file, "0" * 64)
    with pytest.raises(KitError, match="cannot be read"):
        packages.checked(tmp_path / "missing", "0" * 64)


@pytest.mark.parametrize(
    ("text", "reason"),
    [("", "names no package"), ("# nothing\n", "names no package"), ("libc6 2.36\n", "line 1"), ("ü\n", "cannot be")],
)
def test_a_lock_that_is_none(text: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "lock").write_text(text, "utf-8")
    with pytest.raises(KitError, match=reason):
        packages.read_debian_lock(tmp_path / "lock")


def test_what_lies_there_is_not_fetched(tmp_path: Path) -> None:
    data = b"!<arch>\n"
    package = packages.DebianPackage("zlib1g", "1:1.2", hashlib.sha256(data).hexdigest())
    (tmp_path / "zlib1g_1%3a1.2_amd64.deb").write_bytes(data)
    assert packages.bring_debian([package], "amd64", tmp_path) == [data]


def test_without_apt_it_is_said_what_to_bring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    package = packages.DebianPackage("zlib1g", "1:1.2", "0" * 64)
    with pytest.raises(KitError, match=r"there is no apt-get here: bring zlib1g 1:1\.2 into "):
        packages.bring_debian([package], "amd64", tmp_path / "kept")


def test_a_wheel_is_known_by_its_hash_whatever_it_is_called(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path / "given", "demo", "1.0")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (tmp_path / "lock").write_text(f"demo==1.0 --hash=sha256:{digest}\n")
    kept = tmp_path / "kept" / "linux_x86_64"
    kept.mkdir(parents=True)
    data = wheel.read_bytes()
    wheel.rename(kept / "renamed.whl")
    brought = packages.bring_wheels(KINDS["linux_x86_64"], tmp_path / "lock", kept.parent, Quiet())
    assert brought == [packages.BroughtWheel("renamed.whl", data)]
    (tmp_path / "lock").write_text("demo==1.0\n")
    with pytest.raises(KitError, match="without a hash: demo"):
        packages.bring_wheels(KINDS["linux_x86_64"], tmp_path / "lock", kept.parent, Quiet())


def test_what_pip_writes_lies_on_the_disk_of_the_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So the disk that is named if it is full is the one that is full."""
    seen: list[Path] = []

    def look(pins: object, target: object, directory: Path, scratch: Path, progress: object) -> None:
        seen.append(scratch)
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr("unrep.collect.wheels.download", look)
    (tmp_path / "lock").write_text(f"demo==1.0 --hash=sha256:{'0' * 64}\n")
    place = tmp_path / "kept"
    with pytest.raises(NoRoom, match="kept"):
        packages.bring_wheels(KINDS["linux_x86_64"], tmp_path / "lock", place, Quiet())
    assert seen[0].parent == place and not seen[0].exists()
