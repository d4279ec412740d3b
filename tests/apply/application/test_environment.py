"""An environment is found of no use, and made anew from the release's own wheels [A-143]."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import msgspec
import pytest

from apply.application.environment import environment_fault
from apply.application.prepare import mend_environment, prepare
from apply.errors import StepFailed
from apply.site.config import SiteConfig
from apply.site.layout import Site
from tests.support.contents.wheelhouse import make_wheel

needs_venv = pytest.mark.skipif(not find_spec("ensurepip"), reason="this Python is one that cannot make environments")
pytestmark = needs_venv
CONFIG = msgspec.convert({"prepare": {"python_wheels": {"python": sys.executable}}}, SiteConfig)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site whose one version has its environment; to be copied with its links."""
    site = Site.at(tmp_path_factory.mktemp("made"))
    site.make_directories()
    make_wheel(site.tree("1.0.1") / "wheels", "chart", "3.1")
    (site.tree("1.0.1") / "requirements.txt").write_text("chart==3.1\n")
    prepare(site, CONFIG, "1.0.1")
    return site.root


@pytest.fixture
def site(made: Path, tmp_path: Path) -> Site:
    """The site moved: by copying it, for the test's own."""
    shutil.copytree(made, tmp_path / "moved", symlinks=True)
    return Site.at(tmp_path / "moved")


def found(site: Site) -> str:
    venv = site.venvs / "1.0.1"
    python = venv / "Scripts" / "python.exe" if os.name == "nt" else venv / "bin" / "python"
    return subprocess.check_output([python, "-I", "-c", "import chart; print(chart.VERSION)"], text=True).strip()


def test_a_sound_one_stays(made: Path) -> None:
    site = Site.at(made)
    before = (site.venvs / "1.0.1" / "unrep.json").stat().st_mtime_ns
    assert environment_fault(site, CONFIG, "1.0.1") == mend_environment(site, CONFIG, "1.0.1") == ""
    assert (site.venvs / "1.0.1" / "unrep.json").stat().st_mtime_ns == before


def test_one_of_a_site_that_moved(site: Site) -> None:
    assert "was made at" in mend_environment(site, CONFIG, "1.0.1")
    assert environment_fault(site, CONFIG, "1.0.1") == "" and found(site) == "3.1"
    assert not list(site.staging.iterdir())


@pytest.mark.parametrize("harm", ["python", "package", "note", "all"])
def test_one_that_somebody_harmed(site: Site, harm: str) -> None:
    mend_environment(site, CONFIG, "1.0.1")
    venv = site.venvs / "1.0.1"
    if harm == "python":
        for python in (venv / ("Scripts" if os.name == "nt" else "bin")).glob("python*"):
            python.unlink()
    elif harm == "package":
        shutil.rmtree(next(venv.rglob("chart-3.1.dist-info")))
    elif harm == "note":
        (venv / "unrep.json").write_text("[")
    else:
        shutil.rmtree(venv)
    assert mend_environment(site, CONFIG, "1.0.1") != ""
    assert environment_fault(site, CONFIG, "1.0.1") == "" and found(site) == "3.1"


def test_another_python_since(site: Site) -> None:
    mend_environment(site, CONFIG, "1.0.1")
    note = site.venvs / "1.0.1" / "unrep.json"
    note.write_text(note.read_text().replace(sys.implementation.cache_tag or "", "cpython-27"))
    assert "was made by cpython-27" in mend_environment(site, CONFIG, "1.0.1")


def test_what_cannot_be_made_stays_as_it_was(site: Site) -> None:
    (site.tree("1.0.1") / "requirements.txt").write_text("chart==9.9\n")
    before = sorted(path.name for path in (site.venvs / "1.0.1").rglob("*"))
    with pytest.raises(StepFailed):
        mend_environment(site, CONFIG, "1.0.1")
    assert sorted(path.name for path in (site.venvs / "1.0.1").rglob("*")) == before


def test_a_release_without_requirements_needs_none(site: Site) -> None:
    (site.tree("1.0.1") / "requirements.txt").unlink()
    assert environment_fault(site, CONFIG, "1.0.1") == "" and environment_fault(site, SiteConfig(), "1.0.1") == ""


def test_what_the_sites_command_adds_belongs_to_it(site: Site) -> None:
    """[A-18]: it is no damage, and is added again where the environment is made anew."""
    code = (
        "import os, pathlib, subprocess; venv = pathlib.Path(os.environ['UNREP_VENV']);"
        "python = venv / ('Scripts/python.exe' if os.name == 'nt' else 'bin/python');"
        "show = 'import sysconfig; print(sysconfig.get_path(\\'purelib\\'))';"
        "place = pathlib.Path(subprocess.check_output([python, '-I', '-c', show], text=True).strip());"
        "info = place / 'added-1.dist-info'; info.mkdir(exist_ok=True);"
        "(info / 'METADATA').write_text('Metadata-Version: 2.1\\nName: added\\nVersion: 1\\n')"
    )
    prepared = {"python_wheels": {"python": sys.executable}, "command": [sys.executable, "-c", code]}
    config = msgspec.convert({"prepare": prepared}, SiteConfig)
    assert mend_environment(site, config, "1.0.1") != "", "it was moved"
    assert environment_fault(site, config, "1.0.1") == "" and list((site.venvs / "1.0.1").rglob("added-1.dist-info"))
    shutil.rmtree(next((site.venvs / "1.0.1").rglob("added-1.dist-info")))
    assert "does not hold the packages" in mend_environment(site, config, "1.0.1")
    assert list((site.venvs / "1.0.1").rglob("added-1.dist-info"))
