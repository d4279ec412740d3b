"""Receipts from files, folders and zips, from whoever sends them [C-11]."""

import os
import zipfile
from pathlib import Path

import pytest

from bundle.errors import InputError
from bundle.receipts.gathering import Found, gather
from bundle.receipts.receipt import MAX_RECEIPT_BYTES


def found(*paths: Path) -> list[Found]:
    return list(gather(paths))


def test_files_folders_and_zips(tmp_path: Path) -> None:
    deep = tmp_path / "mail" / "2026" / "11"
    deep.mkdir(parents=True)
    (deep / "b.receipt").write_bytes(b"b")
    (tmp_path / "mail" / "a.receipt").write_bytes(b"a")
    (tmp_path / "mail" / "letter.txt").write_bytes(b"no receipt")
    with zipfile.ZipFile(deep / "outbox.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("outbox/c.receipt", b"c")
        archive.writestr("outbox/letter.txt", b"no receipt")
    (tmp_path / "odd-name").write_bytes(b"d")
    assert [data for _, data in found(tmp_path / "mail", tmp_path / "odd-name")] == [b"a", b"b", b"c", b"d"]
    assert found(deep / "outbox.zip") == [(f"{deep / 'outbox.zip'}/outbox/c.receipt", b"c")]


def test_a_zip_that_unpacks_to_more_than_a_receipt(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "z.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("huge.receipt", bytes(200_000_000))
    ((_, data),) = found(tmp_path / "z.zip")
    assert isinstance(data, bytes) and len(data) == MAX_RECEIPT_BYTES + 1


def test_an_empty_zip(tmp_path: Path) -> None:
    zipfile.ZipFile(tmp_path / "z.zip", "w").close()
    assert not found(tmp_path / "z.zip")


@pytest.mark.parametrize("damage", [lambda d: d[:40], lambda d: d[:-30], lambda d: d.replace(b"c" * 200, b"d" * 200)])
def test_a_damaged_zip(tmp_path: Path, damage: object) -> None:
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("c.receipt", b"c" * 200)
    data = (tmp_path / "z.zip").read_bytes()
    (tmp_path / "z.zip").write_bytes(damage(data))  # type: ignore[operator]
    with pytest.raises(InputError, match=r"z\.zip: a zip that cannot be read: .*; send it again"):
        found(tmp_path / "z.zip")
    (tmp_path / "a.receipt").write_bytes(b"a")
    (_, first), (name, error) = found(tmp_path)
    assert first == b"a" and name == str(tmp_path / "z.zip") and isinstance(error, InputError), "it stopped the rest"


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone: cannot be read: No such file"):
        found(tmp_path / "gone")


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_links_in_a_folder_lead_nowhere(tmp_path: Path) -> None:
    """[C-11]"""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.receipt").write_bytes(b"a")
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "folder").symlink_to(tmp_path / "outside")
    assert not found(tmp_path / "mail")
    (tmp_path / "mail" / "b.receipt").symlink_to(tmp_path / "outside" / "a.receipt")
    assert not found(tmp_path / "mail")
