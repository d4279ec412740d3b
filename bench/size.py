"""How small: a delta bundle beside what other tools make of the same two directories.

    python bench/size.py OLD NEW [--platform posix] [--without bsdiff] [--json F] [--picture F.svg]

The peers get the two directories as tar files, sorted and without owners or times, which is kinder to them than the
directories would be. Each tool runs alone, as a process of its own; each result is applied and compared
with the target. Ours includes the proof by applying and the signature. A tool that is missing is named and left out.

    HDiffPatch    PyPI hdiffpatch, lzma2 level 9, window 2^26
    xdelta3       Debian xdelta3, -9 -S lzma, source window of the whole file
    zstd          Debian zstd, -19 --long=31 --patch-from
    bsdiff        Debian bsdiff; takes 17 times the size of the larger tar in memory
    zip           Python zipfile, deflate level 9, of the whole new release: what is sent today
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

HDIFF_BUILD = """
import sys, hdiffpatch
old, new = (open(path, 'rb').read() for path in sys.argv[1:3])
made = hdiffpatch.diff(old, new, compression=hdiffpatch.Lzma2Config(level=9, window=26, threads=2))
open(sys.argv[3], 'wb').write(made)
"""
HDIFF_APPLY = """
import sys, hdiffpatch
old, delta = (open(path, 'rb').read() for path in sys.argv[1:3])
open(sys.argv[3], 'wb').write(hdiffpatch.apply(old, delta))
"""


@dataclass(frozen=True)
class Figure:
    """One tool on one pair: bytes to send; seconds and peak resident bytes of making and of applying it."""

    tool: str
    bytes: int
    build_seconds: float
    build_peak_bytes: int
    apply_seconds: float | None
    apply_peak_bytes: int | None


@dataclass(frozen=True)
class Peer:
    """A tool that works on two files; `{old}`, `{new}`, `{delta}` and `{out}` are filled in."""

    name: str
    needs: str
    build: Sequence[str]
    apply: Sequence[str]


PEERS = (
    Peer(
        "HDiffPatch",
        "hdiffpatch",
        (sys.executable, "-c", HDIFF_BUILD, "{old}", "{new}", "{delta}"),
        (sys.executable, "-c", HDIFF_APPLY, "{old}", "{delta}", "{out}"),
    ),
    Peer(
        "xdelta3",
        "xdelta3",
        ("xdelta3", "-e", "-9", "-S", "lzma", "-B", "2147483648", "-f", "-s", "{old}", "{new}", "{delta}"),
        ("xdelta3", "-d", "-B", "2147483648", "-f", "-s", "{old}", "{delta}", "{out}"),
    ),
    Peer(
        "zstd",
        "zstd",
        ("zstd", "-q", "-f", "-19", "--long=31", "--patch-from={old}", "{new}", "-o", "{delta}"),
        ("zstd", "-q", "-f", "-d", "--long=31", "--memory=2048MB", "--patch-from={old}", "{delta}", "-o", "{out}"),
    ),
    Peer("bsdiff", "bsdiff", ("bsdiff", "{old}", "{new}", "{delta}"), ("bspatch", "{old}", "{out}", "{delta}")),
)


def measured(argv: Sequence[str], cwd: Path) -> tuple[float, int]:
    """(seconds, peak resident bytes) of a command that must succeed."""
    begun = time.perf_counter()
    process = subprocess.Popen(argv, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = process.stderr.read() if process.stderr else b""
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{argv[0]} failed: {errors.decode(errors='replace')[-500:]}")
    return time.perf_counter() - begun, usage.ru_maxrss * 1024


def write_tar(directory: Path, path: Path) -> None:
    """The directory as a tar whose bytes depend on names, contents and the executable bit alone."""

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = member.mtime = 0
        member.uname = member.gname = ""
        return member

    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as archive:
        for found in sorted(directory.rglob("*")):
            archive.add(found, found.relative_to(directory).as_posix(), recursive=False, filter=plain)


def peer_figure(peer: Peer, scratch: Path) -> Figure:
    """Runs a peer on old.tar and new.tar in the scratch directory."""
    names = {"old": "old.tar", "new": "new.tar", "delta": f"{peer.needs}.delta", "out": "out.tar"}
    filled = [
        [word if "import" in word else word.format(**names) for word in argv] for argv in (peer.build, peer.apply)
    ]
    build_s, build_peak = measured(filled[0], scratch)
    apply_s, apply_peak = measured(filled[1], scratch)
    digests = {hashlib.sha256((scratch / name).read_bytes()).digest() for name in ("new.tar", "out.tar")}
    if len(digests) != 1:
        raise SystemExit(f"{peer.name}: what it rebuilt is not the new release")
    return Figure(peer.name, (scratch / names["delta"]).stat().st_size, build_s, build_peak, apply_s, apply_peak)


def zip_figure(new: Path, scratch: Path) -> Figure:
    """The whole new release, as it is sent today."""
    begun = time.perf_counter()
    with zipfile.ZipFile(scratch / "new.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for found in sorted(new.rglob("*")):
            archive.write(found, found.relative_to(new).as_posix())
    size = (scratch / "new.zip").stat().st_size
    return Figure("zip of everything", size, time.perf_counter() - begun, 0, None, None)


def our_figure(old: Path, new: Path, platform: str, scratch: Path) -> Figure:
    """`unrep build` of the delta, and `unrep apply` of it on a site that has the old release."""

    def unrep(line: str) -> tuple[float, int]:
        return measured([sys.executable, "-m", "unrep", *line.split()], scratch)

    (scratch / "old").symlink_to(old)
    (scratch / "new").symlink_to(new)
    (scratch / "site").mkdir()
    release = f"--platform {platform} --product bench --key k.key"
    unrep("keygen --out k")
    build_s, build_peak = unrep(f"build new {release} --version 2 --seq 2 --base old --out delta.unrep")
    unrep(f"build old {release} --version 1 --seq 1 --out full.unrep")
    unrep("apply full.unrep --site site --trust k.pub")
    apply_s, apply_peak = unrep("apply delta.unrep --site site --trust k.pub")
    return Figure("unrep", (scratch / "delta.unrep").stat().st_size, build_s, build_peak, apply_s, apply_peak)


def present(peer: Peer) -> bool:
    """Whether the peer is installed."""
    if peer.needs == "hdiffpatch":
        return (
            subprocess.run([sys.executable, "-c", "import hdiffpatch"], capture_output=True, check=False).returncode
            == 0
        )
    return shutil.which(peer.needs) is not None


def table(figures: list[Figure]) -> str:
    """The figures as text, the smallest first."""
    ours = next(figure.bytes for figure in figures if figure.tool == "unrep")
    lines = [f"{'tool':<18} {'bytes':>12} {'of ours':>8} {'build':>9} {'memory':>9} {'apply':>9} {'memory':>9}"]
    for figure in sorted(figures, key=lambda figure: figure.bytes):
        apply = f"{_seconds(figure.apply_seconds)} {_mebibytes(figure.apply_peak_bytes)}"
        lines.append(
            f"{figure.tool:<18} {figure.bytes:>12,} {figure.bytes / ours:>7.2f}x {figure.build_seconds:>7.1f} s "
            f"{_mebibytes(figure.build_peak_bytes)} {apply}"
        )
    return "\n".join(lines)


def picture(figures: list[Figure], title: str) -> str:
    """The sizes as horizontal bars, in SVG."""
    longest = max(figure.bytes for figure in figures)
    rows = []
    for number, figure in enumerate(sorted(figures, key=lambda figure: figure.bytes)):
        y, width = 40 + 28 * number, max(1, round(420 * figure.bytes / longest))
        colour = "#0a6" if figure.tool == "unrep" else "#999"
        rows.append(f'<text x="130" y="{y + 14}" text-anchor="end">{figure.tool}</text>')
        rows.append(f'<rect x="140" y="{y}" width="{width}" height="20" fill="{colour}"/>')
        rows.append(f'<text x="{146 + width}" y="{y + 14}">{figure.bytes:,}</text>')
    height = 50 + 28 * len(figures)
    font = 'font-family="sans-serif" font-size="13"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="680" height="{height}" {font}>'
    return "\n".join([head, f'<text x="10" y="22" font-weight="bold">{title}</text>', *rows, "</svg>", ""])


def _seconds(seconds: float | None) -> str:
    return f"{'-':>9}" if seconds is None else f"{seconds:>7.1f} s"


def _mebibytes(amount: int | None) -> str:
    return f"{'-':>9}" if not amount else f"{amount / 2**20:>5.0f} MiB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--platform", default="any", choices=("any", "posix"))
    parser.add_argument(
        "--without", action="append", default=[], metavar="TOOL", help="leave a peer out; repeat for more"
    )
    parser.add_argument("--json", type=Path, metavar="F", help="also write the figures as JSON")
    parser.add_argument("--picture", type=Path, metavar="F", help="also draw the sizes as SVG")
    options = parser.parse_args()
    old, new = options.old.resolve(), options.new.resolve()
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix="bench-") as directory:
        scratch = Path(directory)
        write_tar(old, scratch / "old.tar")
        write_tar(new, scratch / "new.tar")
        runs: list[tuple[str, Callable[[], Figure]]] = [
            ("unrep", lambda: our_figure(old, new, options.platform, scratch)),
            ("zip of everything", lambda: zip_figure(new, scratch)),
        ]
        for peer in PEERS:
            if peer.name in options.without:
                continue
            if not present(peer):
                print(f"{peer.name}: not installed, left out", file=sys.stderr)
                continue
            runs.append((peer.name, partial(peer_figure, peer, scratch)))
        figures = []
        for name, run in runs:
            print(f"{name} ...", file=sys.stderr, flush=True)
            figures.append(run())
    print(table(figures))
    if options.json:
        options.json.write_text(json.dumps([asdict(figure) for figure in figures], indent=1) + "\n", encoding="utf-8")
    if options.picture:
        options.picture.write_text(
            picture(figures, f"{old.parent.name}: {old.name} to {new.name}, bytes to send"), encoding="utf-8"
        )


if __name__ == "__main__":
    main()
