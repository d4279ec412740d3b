"""Small file systems of every kind, for what a disk decides: mounted from an image, where the tests run as root."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted(directory: Path, *make: str) -> Iterator[Path]:
    """A file system made by that program in an image file, or a tmpfs."""
    if os.name == "nt" or os.geteuid() != 0:
        pytest.skip("mounting needs root on Linux")
    if make and shutil.which(make[0]) is None:
        pytest.skip(f"no {make[0]}: install btrfs-progs or xfsprogs")
    place, image = directory / "mounted", directory / "image"
    place.mkdir()
    if make:
        with image.open("wb") as file:
            file.truncate(320 << 20)
        subprocess.run([*make, image], check=True, capture_output=True)
    options = ["-o", "loop", image] if make else ["-t", "tmpfs", "-o", "size=1m", "tmpfs"]
    if subprocess.run(["mount", *options, place], capture_output=True).returncode != 0:
        pytest.skip(f"this kernel does not mount {make[0] if make else 'tmpfs'}")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


@contextmanager
def stick(directory: Path) -> Iterator[Path]:
    """exFAT, as on a stick that every system reads: it has neither rights nor links, and no two names that differ in
    case alone."""
    if os.name == "nt" or os.geteuid() != 0:
        pytest.skip("mounting needs root on Linux")
    if not shutil.which("mkfs.exfat") or not shutil.which("mount.exfat-fuse"):
        pytest.skip("no exFAT: install exfat-fuse and exfatprogs")
    place, image = directory / "stick", directory / "image"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(320 << 20)
    subprocess.run(["mkfs.exfat", image], check=True, capture_output=True)
    made = subprocess.run(["losetup", "--find", "--show", image], capture_output=True, text=True)
    if made.returncode:
        pytest.skip("no loop devices here")
    device = made.stdout.strip()
    try:
        if subprocess.run(["mount.exfat-fuse", device, place], capture_output=True).returncode:
            pytest.skip("this kernel has no FUSE")
        try:
            yield place
        finally:
            subprocess.run(["umount", place], check=True)
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)
