"""A real ext4 on a loop device, and what it holds when the power goes: its image, copied while it is mounted, with
nothing synced but what the run itself had synced. Linux, root, loop devices; `missing()` says what is not there.
"""

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

SIZE_MIB = 24
# The journal's own ways, and none of the kindnesses that ext4 has for programs which forget to sync.
MODES = ("data=ordered,noauto_da_alloc", "data=writeback,noauto_da_alloc")


@functools.cache
def missing() -> str:
    """Why no image can be mounted here; "" if one can."""
    if not sys.platform.startswith("linux"):
        return "ext4 is mounted on Linux only"
    if os.geteuid() != 0:
        return "only root mounts a file system"
    if not shutil.which("mkfs.ext4"):
        return "mkfs.ext4 is not installed"
    with TemporaryDirectory() as directory:
        place = Path(directory)
        (place / "empty").mkdir()
        try:
            with mounted(made(place / "image", place / "empty"), MODES[0]):
                return ""
        except subprocess.CalledProcessError as error:
            return f"no loop device can be mounted here: {error.stderr.strip()}"


def made(image: Path, content: Path) -> Path:
    """A new image that holds a copy of the directory's content."""
    command = ["mkfs.ext4", "-q", "-F", "-m", "0", "-d", str(content), str(image), f"{SIZE_MIB}M"]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return image


def copied(image: Path, to: Path) -> Path:
    """The image as it is, its holes left out."""
    subprocess.run(["cp", "--sparse=always", image, to], check=True)
    return to


@contextmanager
def mounted(image: Path, mode: str) -> Iterator[Path]:
    """Where it can be seen."""
    with TemporaryDirectory(prefix="unrep-disk-") as place:
        subprocess.run(["mount", "-o", f"loop,{mode}", image, place], check=True, capture_output=True, text=True)
        try:
            yield Path(place)
        finally:
            subprocess.run(["umount", place], check=True)
