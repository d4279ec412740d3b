"""Public keys of sites, from files and folders [C-2]."""

from pathlib import Path

import pytest

from bundle.errors import InputError
from bundle.receipts.site_keys import load_site_keys, load_site_public_key
from bundle.trust.signing import write_key_pair


def test_files_and_folders_of_keys(tmp_path: Path) -> None:
    (tmp_path / "ships").mkdir()
    known = [write_key_pair(tmp_path / "ships" / name) for name in ("mercy", "hope")]
    known.append(write_key_pair(tmp_path / "grace"))
    keys = load_site_keys([tmp_path / "ships", tmp_path / "grace.pub"])
    assert keys == {key.key_id: key for key in known}


@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_what_is_no_public_key(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "site.pub"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"site\.pub: (cannot be read|not the public key of a site)"):
        load_site_public_key(path)


def test_a_folder_without_keys(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no file \*\.pub in that folder; copy each ship's"):
        load_site_keys([tmp_path])
