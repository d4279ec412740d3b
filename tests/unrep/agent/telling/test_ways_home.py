"""Ways of receipts home: directories, sticks and what stands in their place [A-147]."""

import os
from pathlib import Path

import pytest

from bundle.receipts.receipt import Receipt, sign_receipt
from tests.support.contents.tiny_bundle import KEY
from unrep.agent.telling.ways_home import WayClosed, into_directory

RECEIPTS = [(n, sign_receipt(Receipt(number=n, before=bytes(8) if n > 1 else b"", outcome=11), KEY)) for n in (1, 2)]


def test_a_directory_takes_them_once(tmp_path: Path) -> None:
    assert list(into_directory(tmp_path, RECEIPTS)) == [1, 2]
    names = sorted(path.name for path in tmp_path.iterdir())
    assert [name[16:] for name in names] == ["-00000001.receipt", "-00000002.receipt"]
    before = [(tmp_path / name).stat().st_mtime_ns for name in names]
    assert list(into_directory(tmp_path, RECEIPTS)) == [1, 2]
    assert [(tmp_path / name).stat().st_mtime_ns for name in names] == before, "they were written again"


def test_what_a_cut_left_is_written_anew(tmp_path: Path) -> None:
    list(into_directory(tmp_path, RECEIPTS))
    (path,) = tmp_path.glob("*1.receipt")
    path.rename(path.with_name(f"{path.name}.part"))
    assert list(into_directory(tmp_path, RECEIPTS)) == [1, 2]
    assert sorted(p.read_bytes() for p in tmp_path.iterdir()) == sorted(data for _, data in RECEIPTS)


def test_a_stick_that_is_not_there(tmp_path: Path) -> None:
    """An empty mount point takes nothing: the folder on the stick is made by a person."""
    (tmp_path / "stick").mkdir()
    with pytest.raises(WayClosed, match="is not there"):
        list(into_directory(tmp_path / "stick" / "unrep-out", RECEIPTS))
    assert not list((tmp_path / "stick").iterdir())


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_folder_that_is_a_link_takes_nothing(tmp_path: Path) -> None:
    """[A-110]"""
    (tmp_path / "secret").mkdir()
    (tmp_path / "unrep-out").symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="link") as caught:
        list(into_directory(tmp_path / "unrep-out", RECEIPTS))
    assert not isinstance(caught.value, FileNotFoundError) and not list((tmp_path / "secret").iterdir())


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
@pytest.mark.parametrize("suffix", ["", ".part"])
def test_a_link_in_the_place_of_a_receipt_leads_nowhere(tmp_path: Path, suffix: str) -> None:
    """[A-110]"""
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    (tmp_path / "out").mkdir()
    list(into_directory(tmp_path / "out", RECEIPTS[:1]))
    (path,) = (tmp_path / "out").iterdir()
    path.unlink()
    Path(f"{path}{suffix}").symlink_to(victim)
    try:
        list(into_directory(tmp_path / "out", RECEIPTS[:1]))
    except OSError as error:
        assert "link" in str(error)
    assert victim.read_bytes() == b"mine"
