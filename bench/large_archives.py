"""What a change costs in archives of 60 MiB to 5 GiB: bytes of the bundle, seconds and peak memory of build and apply.

    python -m bench.large_archives [--case NAME]... [--scale 1.0] [--json F]

Every content is made by script from a seed, most of it noise. Each pair differs in some 100 bytes of one member:

    jar-62, jar-66    1,000 classes in a jar of that many MiB: one class is another one
    one-member        a zip with a single member of 200 MiB, deflated
    tar-gz            a tar.gz of 300 MiB
    zip-5-gib         a zip of 5 GiB: one member of over 4 GiB, some of over 64 MiB, 600 small ones

--scale makes all of them smaller. Scratch files go to the working directory: five times the archive.
"""

import argparse
import copy
import gzip
import io
import json
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

from bench.scale import RELEASE, Cost, apply_delta, build_delta, unrep

MIB = 1 << 20
PIECE_BYTES = 64 * 1024
EPOCH = (2024, 1, 1, 0, 0, 0)

_numbers = random.Random(66)
_NOISE = _numbers.randbytes(8 * MIB)
_TEXT = " ".join(f"{_numbers.randrange(10**6)} knots" for _ in range(700_000)).encode()


def content(seed: int, size: int, changed: bool = False) -> Iterator[bytes]:
    """So many bytes of noise and text in turns. A changed one has 100 bytes more in its middle."""
    numbers = random.Random(seed)
    middle = size // 2 // PIECE_BYTES
    for piece in range(-(-size // PIECE_BYTES)):
        source = _NOISE if numbers.random() < 0.67 else _TEXT
        at = numbers.randrange(len(source) - PIECE_BYTES)
        if changed and piece == middle:
            yield random.Random(-seed).randbytes(50).hex().encode()
        yield source[at : at + min(PIECE_BYTES, size - piece * PIECE_BYTES)]


def write_zip(path: Path, members: list[tuple[str, int, int]], changed: str, former: Path | None = None) -> None:
    """A zip of (name, size, level) members. What did not change is copied from the former archive as it stands."""
    with zipfile.ZipFile(path, "w") as out:
        copied = _stored(former) if former else {}
        for seed, (name, size, level) in enumerate(members):
            if name in copied and name != changed:
                _copy(out, *copied[name], former)
                continue
            info = zipfile.ZipInfo(name, EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED if level else zipfile.ZIP_STORED
            info._compresslevel = level  # type: ignore[attr-defined]
            with out.open(info, "w", force_zip64=size >= 2**31) as member:
                for part in content(seed, size, former is not None and name == changed):
                    member.write(part)


def _stored(path: Path) -> dict[str, tuple[zipfile.ZipInfo, int]]:
    """Name -> (member, where its bytes end)."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        ends = [*(member.header_offset for member in members[1:]), archive.start_dir]
        return {member.filename: (member, end) for member, end in zip(members, ends, strict=True)}


def _copy(out: zipfile.ZipFile, member: zipfile.ZipInfo, end: int, former: Path | None) -> None:
    file: BinaryIO = out.fp  # type: ignore[assignment]
    assert former is not None
    clone = copy.copy(member)
    clone.header_offset = file.tell()
    with former.open("rb") as source:
        source.seek(member.header_offset)
        left = end - member.header_offset
        while left:
            left -= file.write(source.read(min(left, MIB)))
    out.filelist.append(clone)
    out.NameToInfo[clone.filename] = clone
    out.start_dir = file.tell()


def make_jar(size: int, directory: Path) -> None:
    """A jar of that many bytes, or nearly."""
    members = [(f"app/Class{number}.class", int(size / 1000 * 1.28), 6) for number in range(1000)]
    _pair(directory, members, "app/Class500.class")


def make_one_member(scale: float, directory: Path) -> None:
    """`one-member`"""
    _pair(directory, [("image.bin", int(200 * MIB * scale), 6)], "image.bin")


def make_large_zip(scale: float, directory: Path) -> None:
    """`zip-5-gib`"""
    numbers = random.Random(5)
    members = [(f"small/{at}", int(numbers.choice((20_000, 200_000, 3_000_000)) * scale), 6) for at in range(600)]
    members[200:200] = [(f"large/{at}", int(size * MIB * scale), 6) for at, size in enumerate((70, 120, 900))]
    members[400:400] = [("huge", int((4096 + 200) * MIB * scale), 1), ("stored", int(50 * MIB * scale), 0)]
    _pair(directory, members, "large/1")


def _pair(directory: Path, members: list[tuple[str, int, int]], changed: str) -> None:
    for name in ("old", "new"):
        (directory / name).mkdir()
    write_zip(directory / "old" / "archive.zip", members, changed)
    write_zip(directory / "new" / "archive.zip", members, changed, directory / "old" / "archive.zip")


def make_tar_gz(scale: float, directory: Path) -> None:
    """`tar-gz`"""
    for name in ("old", "new"):
        (directory / name).mkdir()
        with (
            (directory / name / "archive.tar.gz").open("wb") as raw,
            gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w") as archive,
        ):
            for number in range(370):
                data = b"".join(content(number, int(MIB * scale), name == "new" and number == 100))
                member = tarfile.TarInfo(f"layer/{number}")
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))


CASES: dict[str, Callable[[float, Path], None]] = {
    "jar-62": lambda scale, directory: make_jar(int(62 * MIB * scale), directory),
    "jar-66": lambda scale, directory: make_jar(int(66 * MIB * scale), directory),
    "one-member": make_one_member,
    "tar-gz": make_tar_gz,
    "zip-5-gib": make_large_zip,
}


BUILD_STORED = """
import sys
from concurrent.futures import ThreadPoolExecutor
from bundle.write import packing
from unrep.terminal import workers
packing.gains_nothing = lambda *_: True
workers.local_processes = lambda _: ThreadPoolExecutor(1)
from unrep.cli import main
sys.exit(main(sys.argv[1:]))
"""


def install(scratch: Path) -> None:
    """A key, and a site that has `old`. Its bundle is not compressed: that would take most of the time."""
    (scratch / "site").mkdir()
    unrep(scratch, "keygen", "--out", "k")
    build = ["build", "old", *RELEASE, "--version", "1", "--seq", "1", "--out", "full.unrep"]
    subprocess.run([sys.executable, "-c", BUILD_STORED, *build], cwd=scratch, check=True, stderr=subprocess.DEVNULL)
    unrep(scratch, "apply", "full.unrep", "--site", "site", "--trust", "k.pub")
    (scratch / "full.unrep").unlink()


def costs(make: Callable[[float, Path], None], scale: float) -> tuple[int, int, Cost, Cost]:
    """(bytes of the new archive, bytes of the bundle, build, apply)."""
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix="bench-") as directory:
        scratch = Path(directory)
        make(scale, scratch)
        archive = sum(path.stat().st_size for path in (scratch / "new").iterdir())
        install(scratch)
        built = build_delta(scratch)
        shutil.rmtree(scratch / "old")
        return archive, (scratch / "delta.unrep").stat().st_size, built, apply_delta(scratch)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", action="append", choices=list(CASES), help="only this one; repeat for more")
    parser.add_argument("--scale", type=float, default=1.0, help="of all sizes")
    parser.add_argument("--json", type=Path, metavar="F", help="also write the figures as JSON")
    options = parser.parse_args()
    found = {}
    print(f"{'archive':<12}{'bytes':>15}{'bundle':>9}{'build':>10}{'memory':>10}{'apply':>10}{'memory':>10}")
    for name in options.case or CASES:
        archive, bundle, built, applied = costs(CASES[name], options.scale)
        found[name] = {"archive": archive, "bundle": bundle, "build": asdict(built), "apply": asdict(applied)}
        both = "".join(f"{cost.wall_s:>8.1f} s{cost.peak_bytes / MIB:>6.0f} MiB" for cost in (built, applied))
        print(f"{name:<12}{archive:>15,}{bundle:>9,}{both}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
