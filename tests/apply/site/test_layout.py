"""Where everything lies at a site, and that nothing but the named modules writes there. spec/apply.md, section 1."""

import os
import re
from pathlib import Path

import pytest

import apply
from apply.errors import SiteInvalid
from apply.site.layout import Site
from bundle.errors import InputError
from tests.support.sites.site import Ship, shore, spelled


def test_the_layout_is_the_one_that_is_promised(tmp_path: Path) -> None:
    """[A-1] and [A-2]: the names that an application and a person may rely on."""
    ship = Ship(tmp_path)
    ship.apply(shore().bundle("1.0.0", 1))
    assert {path.name for path in ship.root.iterdir()} == {"versions", "current", "unrep.toml", ".unrep", ".venvs"}
    assert [path.name for path in ship.site.versions.iterdir()] == ["1.0.0"]
    assert ship.pointed == ("versions/1.0.0" if os.name == "posix" else str(ship.root / "versions" / "1.0.0"))
    private = {path.name for path in ship.site.private.iterdir()}
    assert private == {"state.db", "manifests", "staging", "lock", "site.key", "site.pub", "outbox"}
    assert [path.name for path in ship.site.manifests.iterdir()] == [shore().tree("1.0.0")]


@pytest.mark.parametrize("name", ["missing", "a file"])
def test_a_site_is_a_directory(tmp_path: Path, name: str) -> None:
    (tmp_path / "a file").touch()
    with pytest.raises(InputError, match=f"{name}: no such directory"):
        Site.at(tmp_path / name)


@pytest.mark.parametrize("name", ["versions", ".unrep", ".unrep/staging"])
def test_a_file_in_the_way_of_a_directory_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("precious")
    with pytest.raises(SiteInvalid, match=f"{spelled(name)}: a file is in the way"):
        Site.at(tmp_path).make_directories()
    assert (tmp_path / name).read_text() == "precious"


def test_a_virtual_environment_is_told_only_where_there_is_one(tmp_path: Path) -> None:
    site = Site.at(tmp_path)
    site.make_directories()
    assert "UNREP_VENV" not in site.context("1.0.0").environment()
    (site.venvs / "1.0.0").mkdir()
    assert site.context("1.0.0").environment()["UNREP_VENV"] == str(site.venvs / "1.0.0")


def test_one_module_syncs_and_renames() -> None:
    """[A-6]: what it does is tested in test_durable.py; here, that no other module does it."""
    forbidden = re.compile(
        r"os\.(fsync|replace|rename|renames|sync)\b|\.(rename|fsync|replace)\((?!.*,)|shutil\.(move|copy)"
    )
    allowed = {"durable.py", "kernel32.py"}  # the latter is the Windows kernel itself
    directory = Path(apply.__file__).parent
    for module in directory.glob("*.py"):
        found = [line for line in module.read_text().splitlines() if forbidden.search(line)]
        found = [line for line in found if "durable.replace" not in line and "def " not in line]
        assert module.name in allowed or not found, (module.name, found)
