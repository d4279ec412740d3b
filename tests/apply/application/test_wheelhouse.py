"""Nothing leads pip out of a release: not its requirements, not what lies beside its wheels, not the site [A-101]."""

import os
import socket
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import msgspec
import pytest

from apply.application.prepare import prepare
from apply.application.wheelhouse import for_pip
from apply.errors import StepFailed
from apply.site.config import SiteConfig
from apply.site.layout import Site
from tests.support.contents.wheelhouse import make_wheel

needs_venv = pytest.mark.skipif(not find_spec("ensurepip"), reason="this Python is one that cannot make environments")
CONFIG = msgspec.convert({"prepare": {"python_wheels": {"python": sys.executable}}}, SiteConfig)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site where the tree of 1.0.1 pins the one wheel that it has."""
    made = Site.at(tmp_path)
    made.make_directories()
    make_wheel(made.tree("1.0.1") / "wheels", "chart", "3.1", ("deck>=1",))
    make_wheel(made.tree("1.0.1") / "wheels", "deck", "1.0")
    write_pins(made, "chart==3.1\n")
    return made


@pytest.fixture
def shore() -> Iterator[tuple[str, socket.socket]]:
    """An address where somebody waits for pip."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", listener


def write_pins(site: Site, text: str, name: str = "requirements.txt") -> None:
    path = site.tree("1.0.1") / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def write_sdist(site: Site, name: str, version: str) -> Path:
    """A source distribution whose setup.py leaves a file, in the wheels of the release; where that file would be."""
    witness = site.root / "setup.py was run"
    code = f"open({str(witness)!r}, 'w'); from setuptools import setup; setup(name={name!r}, version={version!r})"
    with tarfile.open(site.tree("1.0.1") / "wheels" / f"{name}-{version}.tar.gz", "w:gz") as archive:
        for member, text in (("setup.py", code), ("PKG-INFO", f"Name: {name}\nVersion: {version}\n")):
            info = tarfile.TarInfo(f"{name}-{version}/{member}")
            info.size = len(text)
            archive.addfile(info, BytesIO(text.encode()))
    return witness


def unasked(listener: socket.socket) -> None:
    with pytest.raises(TimeoutError):
        listener.accept()


def versions(site: Site) -> set[str]:
    """What stands in the environment of 1.0.1, without pip and its like."""
    packages = (site.venvs / "1.0.1").rglob("*.dist-info")
    return {path.name.removesuffix(".dist-info") for path in packages} & {"chart-3.1", "deck-1.0", "deck-2.0"}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--find-links {shore}", "line 2: '--find-links {shore}' has no place"),
        ("-f {shore}", "has no place"),
        ("--index-url {shore}/simple", "has no place"),
        ("--extra-index-url={shore}/simple", "has no place"),
        ("--trusted-host 127.0.0.1", "has no place"),
        ("-e .", "has no place"),
        ("-c constraints.txt", "has no place"),
        ("deck @ {shore}/deck-2.0-py3-none-any.whl", "not pinned: deck @ {shore}"),
        ("deck@{shore}/deck-2.0-py3-none-any.whl", "not pinned: deck@{shore}"),
        ("{shore}/deck-2.0-py3-none-any.whl", "is not a requirement"),
        ("./wheels/deck-1.0-py3-none-any.whl", "is not a requirement"),
        ("deck", "not pinned: deck"),
        ("deck>=1", "not pinned: deck>=1"),
        ("deck==1.*", "not pinned: deck==1.*"),
        ("deck==1.0 --find-links {shore}", "is not a requirement alone"),
        ("deck==1.0 --global-option=x", "is not a requirement alone"),
        ("deck==1.0 --hash=sha256:x --find-links {shore}", "is no hash"),
        ("deck==1.0 ; os_name == ' --find-links {shore}'", "is not a requirement alone"),
        ("deck==1.0 ; os_name == '--find-links={shore}'", "is not a requirement alone"),
        ("deck===${{HOME}}", "is not a requirement alone"),
        ("deck===--pre", "not pinned: deck===--pre"),
        ("deck==1.0 ; " + "(" * 5000 + "os_name == 'nt'" + ")" * 5000, "is not a requirement such as"),
        ("-r ../outside.txt", "outside.txt: lies outside the release"),
        ("-r {absolute}", "lies outside the release"),
        ("-r requirements.txt", "includes itself"),
        ("-r missing.txt", "missing.txt: cannot be read"),
    ],
)
def test_what_the_requirements_may_not_say(site: Site, shore: tuple[str, socket.socket], line: str, words: str) -> None:
    """[A-101]: refused by line, before any program is started."""
    (site.versions / "outside.txt").write_text("deck==1.0\n")
    names = {"shore": shore[0], "absolute": site.versions / "outside.txt"}
    write_pins(site, f"chart==3.1\n{line.format(**names)}\n")
    with pytest.raises(StepFailed) as refused:
        prepare(site, CONFIG, "1.0.1")
    assert words.format(**names) in str(refused.value) and str(refused.value).startswith("prepare: ")
    assert not list(site.venvs.iterdir()) and not list(site.staging.iterdir())
    unasked(shore[1])


def test_files_that_include_each_other_are_counted(site: Site) -> None:
    """[A-101]: each of a few files names the next one twice."""
    for number in range(30):
        write_pins(site, f"-r {number + 1}.txt\n-r {number + 1}.txt\n", f"{number}.txt")
    write_pins(site, "", "30.txt")
    write_pins(site, "-r 0.txt\n")
    with pytest.raises(StepFailed, match="one of more than 64 files that include each other"):
        prepare(site, CONFIG, "1.0.1")


def test_a_file_in_the_release_may_be_included(site: Site) -> None:
    """[A-101]: as `collect` leaves it where the application's own requirements are in several files."""
    write_pins(site, "-r more/base.txt\n")
    write_pins(site, "chart==3.1\n", "more/base.txt")
    tree = site.tree("1.0.1")
    assert for_pip(tree, tree / "requirements.txt", tree / "wheels", "prepare").endswith("\nchart==3.1\n")


@pytest.mark.skipif(os.name == "nt", reason="symbolic links of POSIX")
def test_requirements_behind_a_link_that_leads_out(site: Site) -> None:
    """[A-101]"""
    (site.root / "outside.txt").write_text("chart==3.1\n")
    (site.tree("1.0.1") / "requirements.txt").unlink()
    (site.tree("1.0.1") / "requirements.txt").symlink_to(site.root / "outside.txt")
    with pytest.raises(StepFailed, match="lies outside the release"):
        prepare(site, CONFIG, "1.0.1")


@pytest.mark.parametrize("line", ["deck @ {shore}/d.whl", 'deck@{shore}/d.whl ; os_name != ""', "deck\n  @ {shore}"])
def test_a_wheel_that_requires_an_address(site: Site, shore: tuple[str, socket.socket], line: str) -> None:
    """[A-101]: pip would go there, whatever index it was told to use."""
    make_wheel(site.tree("1.0.1") / "wheels", "chart", "3.1", (line.format(shore=shore[0]),))
    with pytest.raises(StepFailed, match=r"chart-3\.1-py3-none-any\.whl: requires an address, 'deck ?@"):
        prepare(site, CONFIG, "1.0.1")
    unasked(shore[1])


def test_a_wheel_that_is_none(site: Site) -> None:
    """[A-101]"""
    (site.tree("1.0.1") / "wheels" / "chart-3.1-py3-none-any.whl").write_bytes(b"a wheel")
    with pytest.raises(StepFailed, match=r"chart-3\.1-py3-none-any\.whl: not a wheel that can be read"):
        prepare(site, CONFIG, "1.0.1")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_wheel_whose_account_of_itself_is_damaged(site: Site, method: int) -> None:
    """[A-101]: each way to compress it has an error of its own."""
    wheel = site.tree("1.0.1") / "wheels" / "chart-3.1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", method) as archive:
        archive.writestr("chart-3.1.dist-info/METADATA", "Name: chart\nVersion: 3.1\n" * 40)
    sound = wheel.read_bytes()
    at = sound.index(b"METADATA") + len("METADATA") + 9  # behind what LZMA says of itself
    wheel.write_bytes(sound[:at] + bytes(byte ^ 0xFF for byte in sound[at : at + 8]) + sound[at + 8 :])
    with pytest.raises(StepFailed, match=r"chart-3\.1-py3-none-any\.whl|cannot be read"):
        prepare(site, CONFIG, "1.0.1")


@needs_venv
def test_what_lies_about_leads_nowhere(
    site: Site, shore: tuple[str, socket.socket], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[A-101]: modules in the site, the release, the working directory and PYTHONPATH; a page, a source distribution
    and a directory among the wheels; pip's own configuration. What the pins require comes from the wheels."""
    address, listener = shore
    tree, witness = site.tree("1.0.1"), tmp_path / "run"
    for place in (site.root, tree, tree / "wheels", tmp_path / "path"):
        place.mkdir(exist_ok=True)
        for name in ("venv", "pip", "ensurepip", "sitecustomize", "json"):
            (place / f"{name}.py").write_text(f"open({str(witness)!r}, 'a').write(__file__ + chr(10))\n")
    monkeypatch.chdir(site.root)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "path"))
    (tmp_path / "pip.conf").write_text(f"[global]\nfind-links = {address}/\ntrusted-host = 127.0.0.1\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    (tree / "wheels/index.html").write_text(f"<a href='{address}/deck-2.0-py3-none-any.whl'>deck</a>")
    (tree / "wheels/deck-1.5-py3-none-any.whl").mkdir()
    built = write_sdist(site, "deck", "2.0")
    prepare(site, CONFIG, "1.0.1")
    assert versions(site) == {"chart-3.1", "deck-1.0"}
    assert not witness.exists(), witness.read_text()
    assert not built.exists() and not list(site.staging.iterdir())
    unasked(listener)


@needs_venv
def test_no_source_distribution_is_built(site: Site) -> None:
    """[A-101]"""
    built = write_sdist(site, "sloop", "1.0")
    write_pins(site, "sloop==1.0\n")
    with pytest.raises(StepFailed, match=r"prepare: .*sloop==1\.0"):
        prepare(site, CONFIG, "1.0.1")
    assert not built.exists()


def test_a_python_is_looked_for_in_absolute_directories_only(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """[A-102]: an empty or relative entry of PATH is wherever somebody stands."""
    near = site.root / ("navigator.exe" if os.name == "nt" else "navigator")
    near.write_text(f"#!/bin/sh\n: > '{site.root}/ran'\n")
    near.chmod(0o755)
    monkeypatch.chdir(site.root)
    monkeypatch.setenv("PATH", os.pathsep.join(["", ".", os.environ["PATH"]]))
    config = msgspec.convert({"prepare": {"python_wheels": {"python": "navigator"}}}, SiteConfig)
    with pytest.raises(StepFailed, match="prepare: navigator cannot be started: no directory of PATH has it"):
        prepare(site, config, "1.0.1")
    assert not (site.root / "ran").exists()


@needs_venv
@pytest.mark.skipif(os.name == "nt", reason="a Python by a link")
def test_a_python_that_is_named_by_a_path_is_seen_from_the_site(site: Site) -> None:
    """[A-102]"""
    (site.root / "tools").mkdir()
    (site.root / "tools/python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (site.root / "tools/python").chmod(0o755)
    config = msgspec.convert({"prepare": {"python_wheels": {"python": "tools/python"}}}, SiteConfig)
    prepare(site, config, "1.0.1")
    python = site.venvs / "1.0.1/bin/python"
    assert subprocess.check_output([python, "-I", "-c", "import chart; print(chart.VERSION)"], text=True) == "3.1\n"
