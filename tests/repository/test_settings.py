"""[P-6] repo.toml: what it says, and what is refused by its name."""

from pathlib import Path

import pytest

from repository.errors import SettingsRefused
from repository.settings import Settings, first_settings, load_settings


def loaded(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "repo.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path)


def test_what_init_writes_is_read_again(tmp_path: Path) -> None:
    odd = 'a "quoted" \\ name\x7f é'
    text = first_settings("vms", "posix", {"key": odd, "public": ""}, [odd, "s3://b/x"], price_per_mb=2.5, currency="€")
    found = loaded(tmp_path, text)
    assert (found.product, found.platform, found.destinations) == ("vms", "posix", (odd, "s3://b/x"))
    assert (found.signer.key, found.signer.public, found.channels) == (odd, "", ("stable",))
    assert (found.bases.last, found.bases.full, found.keep.releases, found.build.workers) == (5, True, 10, None)
    assert (found.price_per_mb, found.currency, found.money(3_000_000)) == (2.5, "€", 7.5)


def test_a_byte_order_mark_of_windows_is_read(tmp_path: Path) -> None:
    assert loaded(tmp_path, '\ufeffproduct = "vms"\n').product == "vms"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "missing required field `product`"),
        ("product = 'v/s'", "use 1 to 64 letters"),
        ("product = 'vms'\nprize = 3", "unknown key prize"),
        ("product = 'vms'\n[keep]\nrelease = 3", "unknown key keep.release"),
        ("product = 'vms'\n[keep]\nreleases = 0", "keep.releases: expected `int` >= 1"),
        ("product = 'vms'\n[bases]\nlast = '5'", "bases.last: expected `int`"),
        ("product = 'vms'\nprice_per_mb = -1", "price_per_mb"),
        ("product = 'vms'\nplatform = 'windows'", "platform"),
        ("product = 'vms'\nchannels = []", "channels"),
        ("product = 'vms'\nchannels = ['Stable']", "channel 'Stable': use 1 to 32 lower-case"),
        ("product = ", "not a valid TOML file"),
        ("product = 'vms'\nproduct = 'vms'", "not a valid TOML file"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsRefused) as refused:
        loaded(tmp_path, text)
    assert message in str(refused.value) and "repo.toml: " in str(refused.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "repo.toml").mkdir()
    with pytest.raises(SettingsRefused, match=r"repo.toml: cannot be read"):
        load_settings(tmp_path / "repo.toml")
