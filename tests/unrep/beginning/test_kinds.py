"""The configuration of a new site: valid as it is written, and with each of its examples put into use."""

import re
import tomllib
from pathlib import Path

import pytest

from apply.site.config import SiteConfig, load
from bundle.errors import InputError
from unrep.beginning.kinds import Kind, Wishes, settings_text

SHORT = "https://shore.example/vms/stable.channel"
EXAMPLE = re.compile(r"^# (?=\[\[|[a-z_]+ = )", re.MULTILINE)


def wishes(kind: Kind, *, is_bare: bool) -> Wishes:
    if is_bare:
        return Wishes(product="vms", kind=kind, name="vms")
    return Wishes(
        product="vms",
        kind=kind,
        name="VMS service",
        restart=('C:\\a "b"', "{current}\\run", "ä\x7f"),
        health="http://127.0.0.1:8000/health",
        sources=(SHORT, "E:\\"),
        channel="canary",
        trust="shore.pub",
    )


def loaded(text: str, directory: Path) -> SiteConfig:
    file = directory / "unrep.toml"
    file.write_text(text, encoding="utf-8")
    return load(file)


@pytest.mark.parametrize("is_bare", [True, False])
@pytest.mark.parametrize("kind", list(Kind))
def test_it_is_valid_with_and_without_its_examples(kind: Kind, is_bare: bool, tmp_path: Path) -> None:
    """[A-176]"""
    text = settings_text(wishes(kind, is_bare=is_bare))
    config = loaded(text, tmp_path)
    assert config.product == "vms" and max(map(len, text.splitlines())) <= 120
    used = EXAMPLE.sub("", text)
    assert len(EXAMPLE.findall(text)) > 15
    for table in set(tomllib.loads(used)) - {"product", "health"}:
        assert tomllib.loads(used)[table], f"[{table}] has no example"
    loaded(used, tmp_path)


@pytest.mark.parametrize("example", EXAMPLE.split(settings_text(wishes(Kind.COMMAND, is_bare=True)))[1:])
def test_each_example_is_valid_in_one_line(example: str) -> None:
    line = example.splitlines()[0]
    assert line == "[[health]]" or tomllib.loads(line)


def test_what_was_wished_is_there(tmp_path: Path) -> None:
    config = loaded(settings_text(wishes(Kind.COMMAND, is_bare=False)), tmp_path)
    assert config.switch.restart == ('C:\\a "b"', "{current}\\run", "ä\x7f")
    assert config.agent.sources == (SHORT, "E:\\") and config.agent.channel == "canary"
    assert config.agent.trust == "shore.pub" and len(config.health) == 1
    service = loaded(settings_text(wishes(Kind.LINUX_SERVICE, is_bare=False)), tmp_path)
    assert service.switch.systemd_unit == "VMS service" and len(service.health) == 2
    pool = loaded(settings_text(wishes(Kind.IIS, is_bare=False)), tmp_path)
    assert pool.switch.iis_app_pool == "VMS service"


def test_a_name_that_no_configuration_can_hold() -> None:
    with pytest.raises(InputError, match="is not UTF-8"):
        settings_text(Wishes(product="vms", kind=Kind.COMMAND, sources=("/media/\udcff",)))
