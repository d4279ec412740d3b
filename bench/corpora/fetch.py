"""Brings a pair of releases for the size benchmark: DEST/old and DEST/new, from the public registries, pinned.

python bench/corpora/fetch.py PAIR DEST

vms-wheelhouse    31 wheels of a Django vessel-management site for Windows, as they are
vms-installed     the same, unpacked: 9,000 files, 160 MB
linux-wheels      numpy, scipy and pydantic_core for Linux, unpacked: ELF
java              a Python package that brings a Java archive, as wheels: archives in archives
pure-python       apache-airflow, as a wheel
npm               the next framework, unpacked
major             Django 4.2 to 5.0, unpacked: a major version
"""

import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
WINDOWS = ("win_amd64",)
LINUX = ("manylinux_2_17_x86_64", "manylinux2014_x86_64")
Pins = tuple[str, ...]

# name: (registry, platforms, unpacked, old, new)
PAIRS: dict[str, tuple[str, tuple[str, ...], bool, Pins, Pins]] = {
    "linux-wheels": (
        "pip",
        LINUX,
        True,
        ("numpy==1.26.3", "scipy==1.12.0", "pydantic_core==2.18.2"),
        ("numpy==1.26.4", "scipy==1.13.0", "pydantic_core==2.18.4"),
    ),
    "java": ("pip", LINUX, False, ("tabula-py==2.8.2",), ("tabula-py==2.9.0",)),
    "pure-python": ("pip", LINUX, False, ("apache-airflow==2.9.2",), ("apache-airflow==2.9.3",)),
    "npm": ("npm", (), True, ("next@15.0.0",), ("next@15.0.1",)),
    "major": ("pip", LINUX, True, ("Django==4.2.16",), ("Django==5.0.9",)),
}


def pins_of(pair: str, side: str) -> tuple[str, tuple[str, ...], bool, Pins]:
    """(registry, platforms, unpacked, pins) of one side of a pair."""
    if pair.startswith("vms-"):
        lines = (HERE / f"vms-{'A' if side == 'old' else 'B'}.txt").read_text(encoding="utf-8").split()
        return "pip", WINDOWS, pair == "vms-installed", tuple(lines)
    registry, platforms, unpacked, old, new = PAIRS[pair]
    return registry, platforms, unpacked, old if side == "old" else new


def download(registry: str, platforms: tuple[str, ...], pins: Pins, directory: Path) -> None:
    """The pinned files, without what they depend on."""
    if registry == "npm":
        subprocess.run(["npm", "pack", "--silent", *pins], cwd=directory, check=True, stdout=subprocess.DEVNULL)
        return
    pip = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-q",
        "--no-deps",
        "--only-binary=:all:",
        "--python-version",
        "3.11",
    ]
    chosen = [word for platform in platforms for word in ("--platform", platform)]
    subprocess.run([*pip, *chosen, "--implementation", "cp", "-d", directory, *pins], check=True)


def unpack(path: Path, directory: Path) -> None:
    """One archive of a registry, below the directory."""
    if path.suffix == ".whl":
        zipfile.ZipFile(path).extractall(directory)  # noqa: S202 - zipfile keeps members inside
    else:
        with tarfile.open(path) as archive:
            archive.extractall(directory, filter="data")


def main() -> None:
    if len(sys.argv) != 3 or sys.argv[1] not in (*PAIRS, "vms-wheelhouse", "vms-installed"):
        sys.exit(__doc__)
    pair, dest = sys.argv[1], Path(sys.argv[2])
    for side in ("old", "new"):
        registry, platforms, unpacked, pins = pins_of(pair, side)
        with tempfile.TemporaryDirectory() as name:
            files = Path(name)
            download(registry, platforms, pins, files)
            (dest / side).mkdir(parents=True)
            for path in sorted(files.iterdir()):
                if unpacked:
                    unpack(path, dest / side)
                else:
                    shutil.copy(path, dest / side)


if __name__ == "__main__":
    main()
