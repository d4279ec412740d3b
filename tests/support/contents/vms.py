"""Releases of the VMS example: its source at three versions, the complete release directories, and their environments.

1.0.0   the example as it stands
1.0.1   shows how many vessels there are, and moves to the next Django
1.0.2   starts and shows the page, but its /health answers 500
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.support.repository import REPOSITORY
from unrep.collect.collect import collect
from unrep.collect.target import Target
from unrep.errors import RegistryUnreachable

APP = REPOSITORY / "examples" / "vms" / "app"
VERSIONS = ("1.0.0", "1.0.1", "1.0.2")

_COUNT = ("<h1>Fleet</h1>", "<h1>Fleet of {{ vessels|length }}</h1>")
_DJANGO = ("Django==4.2.15", "Django==4.2.16")
_SICK = ('return JsonResponse({"status": "ok", ', 'return JsonResponse(status=500, data={"status": "sick", ')
_CHANGES: dict[str, list[tuple[str, tuple[str, str]]]] = {
    "1.0.0": [],
    "1.0.1": [("vessels/templates/vessels/fleet.html", _COUNT), ("requirements.txt", _DJANGO)],
    "1.0.2": [
        ("vessels/templates/vessels/fleet.html", _COUNT),
        ("requirements.txt", _DJANGO),
        ("vessels/views.py", _SICK),
    ],
}


def write_source(version: str, directory: Path) -> Path:
    """Writes the application's source at a version into a new directory, and returns that."""
    shutil.copytree(APP, directory, ignore=shutil.ignore_patterns("__pycache__"))
    for name, (old, new) in _CHANGES[version]:
        path = directory / name
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{path}: {old!r} does not stand there once"
        path.write_text(text.replace(old, new), encoding="utf-8")
    (directory / "VERSION").write_text(f"{version}\n", encoding="utf-8")
    return directory


def collected(version: str, cache: Path) -> Path:
    """The release directory of a version for this machine, made once per state of its source. Read it only.

    `cache` is a directory that outlives the run, such as pytest's: nothing is downloaded twice. Skips the test where
    pip reaches no registry.
    """
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        source = write_source(version, Path(scratch, "source"))
        release = cache / f"vms-{version}-{_content_hash(source)[:16]}"
        if release.is_dir():
            return release
        made = Path(scratch, "release")
        try:
            collect(source, source / "requirements.txt", made, Target())
        except RegistryUnreachable as error:
            pytest.skip(f"the VMS example needs packages: {error}")
        _keep(made, release)
    return release


def environment(release: Path, cache: Path) -> Path:
    """A virtual environment with a collected release's packages, installed from its own wheels, made once."""
    base = hashlib.sha256(f"{sys.base_prefix} {sys.version}".encode()).hexdigest()[:16]
    ready = cache / f"{release.name}-venv-{base}"
    if ready.is_dir():
        return ready
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        made = Path(scratch, "venv")
        pip = [sys.executable, "-m", "pip", "--python", str(venv_python(made)), "install", "-q", "--no-index"]
        files = ["--find-links", str(release / "wheels"), "-r", str(release / "requirements.txt")]
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(made)], check=True)
        subprocess.run([*pip, *files], check=True)
        _keep(made, ready)
    return ready


def _keep(made: Path, place: Path) -> None:
    """Puts a directory at its place in the cache, unless another worker was quicker."""
    try:
        made.rename(place)
    except OSError:
        assert place.is_dir()


def _content_hash(directory: Path) -> str:
    """A hash of the names and contents of a directory's files."""
    digest = hashlib.sha256()
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(directory).as_posix()}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def venv_python(venv: Path) -> Path:
    """The interpreter of a virtual environment."""
    return venv / "Scripts" / "python.exe" if os.name == "nt" else venv / "bin" / "python"
