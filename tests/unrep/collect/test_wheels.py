"""Whether a set of wheels is complete for a ship; tests/end_to_end/test_collect.py brings them with the real pip."""

import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from bundle.host.progress import Quiet
from tests.support.contents.wheelhouse import make_wheel, use_only
from unrep.collect.pins import Pin
from unrep.collect.target import Target
from unrep.collect.wheels import download, require_complete
from unrep.errors import CollectError

LINUX = Target(("manylinux_2_28_x86_64",), "3.11")


def pins(*lines: str) -> list[Pin]:
    return [Pin(Requirement(line), ()) for line in lines]


def gaps(directory: Path, *lines: str) -> str:
    with pytest.raises(CollectError) as refused:
        require_complete(directory, pins(*lines), LINUX.environment())
    return str(refused.value)


def test_extras_are_followed_wherever_they_are_asked_for(tmp_path: Path) -> None:
    make_wheel(tmp_path, "alpha", "1.0", ('beta[fast] ; extra == "more"', 'beta[fast] ; extra == "back"'))
    make_wheel(tmp_path, "beta", "2.0", ('alpha[back] ; extra == "fast"', 'gamma>1 ; extra == "fast"'))
    require_complete(tmp_path, pins("alpha==1.0", "beta==2.0"), LINUX.environment())
    assert "beta 2.0 needs gamma>1: pin" in gaps(tmp_path, "alpha[more]==1.0", "beta==2.0")
    make_wheel(tmp_path, "gamma", "2.0rc1")
    require_complete(tmp_path, pins("alpha[more]==1.0", "beta==2.0", "gamma==2.0rc1"), LINUX.environment())


def test_every_gap_is_named_once(tmp_path: Path) -> None:
    make_wheel(tmp_path, "alpha", "1.0", ("delta", 'gamma ; extra != "x"', 'epsilon ; sys_platform == "win32"'))
    make_wheel(tmp_path, "beta", "2.0", ("alpha<1",))
    named = gaps(tmp_path, "alpha[a,b]==1.0", "beta==2.0")
    assert named.startswith(
        "the requirements are not complete: alpha 1.0 needs delta; alpha 1.0 needs gamma; "
        "beta 2.0 needs alpha<1, not 1.0: pin"
    )


def test_a_name_is_the_same_in_every_spelling(tmp_path: Path) -> None:
    make_wheel(tmp_path, "Zope_Interface", "6.0", ("Alpha.Beta",))
    make_wheel(tmp_path, "alpha_beta", "1.0")
    require_complete(tmp_path, pins("zope.interface==6.0", "alpha-beta==1"), LINUX.environment())


def test_a_wheel_that_requires_an_address(tmp_path: Path) -> None:
    """[A-101]: aboard it would be refused."""
    make_wheel(tmp_path, "alpha", "1.0", ("beta @ https://example.org/beta-1.0-py3-none-any.whl",))
    assert "alpha-1.0-py3-none-any.whl: requires an address, 'beta @ https" in gaps(tmp_path, "alpha==1.0")


def test_pip_is_not_looked_for_where_somebody_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[A-102]: the source that is collected may hold a module of any name."""
    make_wheel(tmp_path / "house", "alpha", "1.0")
    use_only(tmp_path / "house", monkeypatch)
    for place in (tmp_path / "source", tmp_path / "path"):
        place.mkdir()
        (place / "pip.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    monkeypatch.chdir(tmp_path / "source")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "path"))
    (tmp_path / "wheels").mkdir()
    download(pins("alpha==1.0"), LINUX, tmp_path / "wheels", tmp_path, Quiet())
    assert not (tmp_path / "ran").exists() and (tmp_path / "wheels/alpha-1.0-py3-none-any.whl").exists()


def test_a_wheel_that_cannot_be_read(tmp_path: Path) -> None:
    wheel = tmp_path / "alpha-1.0-py3-none-any.whl"
    wheel.write_bytes(b"not a zip file")
    assert "alpha-1.0-py3-none-any.whl: not a wheel that can be read" in gaps(tmp_path, "alpha==1.0")
    with zipfile.ZipFile(wheel, "w"):
        pass
    assert "(it has no METADATA)" in gaps(tmp_path, "alpha==1.0")
    make_wheel(tmp_path, "alpha", "1.0", ("not a requirement",))
    assert "not a requirement" in gaps(tmp_path, "alpha==1.0")


@pytest.mark.skipif(sys.platform == "win32", reason="a script for sh")
@pytest.mark.parametrize(
    ("says", "words"),
    [
        ("No module named pip", "has no pip: install it there"),
        ("ERROR: Invalid requirement: x", "pip failed: Invalid requirement: x"),
        ("Segmentation fault", "pip failed: Segmentation fault"),
    ],
)
def test_a_pip_that_fails_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, words: str) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\necho '{says}' >&2\nexit 1\n", encoding="utf-8")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(CollectError) as refused:
        download(pins("alpha==1.0"), LINUX, tmp_path, tmp_path, Quiet())
    assert words in str(refused.value)
