"""What a wheel requires, by its own METADATA: bundle.wheels.metadata [A-101]."""

import zipfile
from pathlib import Path

import pytest

from bundle.errors import InputError
from bundle.wheels import metadata
from bundle.wheels.metadata import requirements_of
from tests.support.contents.wheelhouse import make_wheel


def test_every_line_of_every_metadata_counts(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "alpha", "1", ("beta>=2", "gamma ; sys_platform == 'win32'"))
    assert requirements_of(wheel) == ["beta>=2", "gamma ; sys_platform == 'win32'"]
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("other-1.dist-info/METADATA", "Requires-Dist: delta\n")
    assert requirements_of(wheel)[-1] == "delta"
    assert requirements_of(make_wheel(tmp_path, "plain", "1")) == []


def test_an_address_is_refused_and_a_marker_with_one_is_not(tmp_path: Path) -> None:
    """[A-101]: pip would ask the network for it."""
    wheel = make_wheel(tmp_path, "alpha", "1", ("beta @ https://example.org/beta.whl",))
    with pytest.raises(InputError, match=r"alpha-1.*\.whl: requires an address, 'beta @ https"):
        requirements_of(wheel)
    assert requirements_of(make_wheel(tmp_path, "gamma", "1", ("beta ; platform_version == 'a@b'",)))


@pytest.mark.parametrize("data", [b"", b"no archive", b"PK\5\6" + bytes(18)])
def test_what_is_no_wheel_is_named(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.whl").write_bytes(data)
    with pytest.raises(InputError, match=r"^x\.whl: not a wheel that can be read"):
        requirements_of(tmp_path / "x.whl")


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "MAX_METADATA_BYTES", 100)
    wheel = make_wheel(tmp_path, "alpha", "1", ("beta",) * 10)
    with pytest.raises(InputError, match="describes itself in over 100 bytes"):
        requirements_of(wheel)
