"""What a small change costs in each container that software is shipped in: whole bundles, in bytes.

    python -m bench.containers [--published] [--json FILE]

Twelve text files of 430 kB in all, a line changed in six of them, packed in each way: by Python's own encoders, and by
the programs that are installed. `lying open` is a tar of them. A row says the bytes of the bundle.

`--published` adds releases as they were published: Django 4.2.15 to 4.2.16 (the Python, HTML and JavaScript of its
wheel, as tar.gz by Go, GNU gzip and pigz) and npm's esbuild for Linux, 0.21.4 to 0.21.5. pip and npm download them.
"""

import argparse
import io
import json
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bundle.host.progress import Quiet
from bundle.read.tree import DirectoryBase, scan
from bundle.write.builder import BuildRequest, build
from tests.support.contents.containers import SHAPED, WAYS, Files, as_tar, made_up
from tests.support.contents.encoders import encoders

ENCODERS = ("gzip -6", "pigz -6", "go 6", "node zlib 6", "7z gzip", "libdeflate-gzip -6", "zopfli")
ARCHIVERS = {
    "zip -r": ["zip", "-qrX", "out.zip", "app"],
    "7z -tzip": ["7z", "a", "-bd", "-tzip", "out.zip", "app"],
    "jar": ["jar", "cfM", "out.zip", "app"],
}
GZIP_HEAD = b"\x1f\x8b\x08\0\0\0\0\0\0\3"
DJANGO, ESBUILD = ("4.2.15", "4.2.16"), ("0.21.4", "0.21.5")
PARTS = (".py", ".html", ".js")


def gzip_by(name: str, data: bytes) -> bytes:
    """A gzip file by the encoder of that name."""
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "work").mkdir()
        stream = encoders()[name](data, Path(directory) / "work")
    return GZIP_HEAD + stream + struct.pack("<2L", zlib.crc32(data), len(data))


def tar_gz_by(name: str, files: Files) -> bytes:
    """A tar.gz of the files by the encoder of that name."""
    return gzip_by(name, as_tar(files))


def archive_by(command: list[str], files: Files) -> bytes:
    """An archive of the files by that program."""
    with tempfile.TemporaryDirectory() as made:
        directory = Path(made)
        for name, data in files.items():
            (directory / name).parent.mkdir(exist_ok=True)
            (directory / name).write_bytes(data)
        subprocess.run(command, cwd=directory, check=True, capture_output=True)
        return (directory / "out.zip").read_bytes()


def programs() -> dict[str, Callable[[Files], bytes]]:
    """The ways of programs that are installed."""
    found: dict[str, Callable[[Files], bytes]] = {}
    for name in ENCODERS:
        if shutil.which(name.split()[0]):
            found[f"tar.gz, {name}"] = partial(tar_gz_by, name)
    for name, command in ARCHIVERS.items():
        if shutil.which(command[0]):
            found[f"zip, {name}"] = partial(archive_by, command)
    return found


def published() -> Iterator[tuple[str, bytes, bytes]]:
    """(name, old file, new file) of published releases."""
    with tempfile.TemporaryDirectory() as made:
        directory = Path(made)
        tars = [_django(directory, version) for version in DJANGO]
        for name in ("go 6", "gzip -6", "pigz -6"):
            old, new = (gzip_by(name, data) for data in tars)
            yield f"Django as tar.gz, {name}", old, new
        for version in ESBUILD:
            package = f"@esbuild/linux-x64@{version}"
            subprocess.run(["npm", "pack", "--silent", package], cwd=directory, check=True, capture_output=True)
        old, new = ((directory / f"esbuild-linux-x64-{version}.tgz").read_bytes() for version in ESBUILD)
        yield "esbuild.tgz", old, new


def _django(directory: Path, version: str) -> bytes:
    target = directory / version
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(target)]
    subprocess.run([*command, f"Django=={version}"], check=True, capture_output=True)
    (wheel,) = target.glob("*.whl")
    out = io.BytesIO()
    with zipfile.ZipFile(wheel) as archive, tarfile.open(fileobj=out, mode="w") as tar:
        for name in sorted(name for name in archive.namelist() if name.endswith(PARTS)):
            entry = tarfile.TarInfo(name)
            entry.size = archive.getinfo(name).file_size
            tar.addfile(entry, io.BytesIO(archive.read(name)))
    return out.getvalue()


def cost(old: bytes, new: bytes) -> int:
    """Bytes of the bundle from one file to the other."""
    with tempfile.TemporaryDirectory() as made:
        directory = Path(made)
        for version, data in (("1", old), ("2", new)):
            (directory / version).mkdir()
            (directory / version / "file").write_bytes(data)
        base = DirectoryBase(directory / "1", scan(directory / "1"))
        out = directory / "out"
        request = BuildRequest(new=directory / "2", product="p", version="2", seq=2, out=out, bases=[base])
        with ThreadPoolExecutor(2) as pool:
            build(request, Ed25519PrivateKey.generate(), pool, Quiet())
        return out.stat().st_size


def pairs(with_published: bool) -> Iterator[tuple[str, bytes, bytes]]:
    """(name, old file, new file) of every row."""
    for name, way in {**WAYS, **SHAPED, **programs()}.items():
        yield name, way(made_up(1)), way(made_up(2))
    if with_published:
        yield from published()


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--published", action="store_true", help="download published releases, too")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = {}
    for name, old, new in pairs(options.published):
        found[name] = cost(old, new)
        print(f"{name:32}{len(new):>12,}{found[name]:>12,}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
