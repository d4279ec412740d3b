"""How small are large executables: pinned releases from PyPI, one file of a wheel each, beside HDiffPatch.

    python -m bench.executables [NAME ...] [--downloads DIR] [--json F]

HDiffPatch works on tar files of one member each, as in bench/size.py. Each result is applied and compared with the
target. Seconds are wall clock, peaks are resident bytes of the largest process.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.size import PEERS, Figure, our_figure, peer_figure, present, write_tar


@dataclass(frozen=True)
class Pair:
    """Two releases of a package, for a platform as pip names it, and the file in their wheels."""

    name: str
    package: str
    old: str
    new: str
    platform: str
    file: str


PAIRS = (
    Pair("ruff-x86-64", "ruff", "0.6.8", "0.6.9", "manylinux2014_x86_64", "ruff"),
    Pair("ruff-aarch64", "ruff", "0.6.8", "0.6.9", "manylinux2014_aarch64", "ruff"),
    Pair("duckdb-windows", "duckdb", "1.1.1", "1.1.2", "win_amd64", "duckdb.cp312-win_amd64.pyd"),
    Pair("uv-windows", "uv", "0.4.15", "0.4.16", "win_amd64", "uv.exe"),
    Pair("polars-x86-64", "polars", "1.8.1", "1.8.2", "manylinux2014_x86_64", "polars.abi3.so"),
)


def fetch(pair: Pair, version: str, downloads: Path, out: Path) -> None:
    """Puts the file of that release into the directory `out`."""
    kept = downloads / f"{pair.package}-{version}-{pair.platform}"
    if not kept.is_dir():
        wanted = ["--no-deps", "--only-binary", ":all:", "--platform", pair.platform, "--python-version", "312"]
        command = [sys.executable, "-m", "pip", "download", "-q", *wanted, "-d", str(kept)]
        subprocess.run([*command, f"{pair.package}=={version}"], check=True)
    (wheel,) = kept.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (member,) = (name for name in archive.namelist() if name.rpartition("/")[2] == pair.file)
        out.mkdir()
        with archive.open(member) as source, (out / pair.file).open("wb") as target:
            shutil.copyfileobj(source, target)


def measure(pair: Pair, downloads: Path) -> tuple[int, list[Figure]]:
    """(bytes of the new file, figures of both tools)."""
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix="bench-") as directory:
        old, new, scratch = (Path(directory) / name for name in ("from", "to", "scratch"))
        fetch(pair, pair.old, downloads, old)
        fetch(pair, pair.new, downloads, new)
        scratch.mkdir()
        write_tar(old, scratch / "old.tar")
        write_tar(new, scratch / "new.tar")
        figures = [our_figure(old, new, "any", scratch)]
        figures += [peer_figure(peer, scratch) for peer in PEERS if peer.name == "HDiffPatch" and present(peer)]
        return (new / pair.file).stat().st_size, figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(pair.name for pair in PAIRS))
    parser.add_argument("--downloads", type=Path, default=Path("downloads"), help="where wheels are kept")
    parser.add_argument("--json", type=Path, metavar="F", help="also write the figures as JSON")
    options = parser.parse_args()
    if unknown := set(options.names) - {pair.name for pair in PAIRS}:
        parser.error(f"no such pair: {', '.join(sorted(unknown))}")
    found = {}
    print(f"{'pair':<16} {'file':>8} {'tool':<10} {'bytes':>11} {'ratio':>6} {'build':>8} {'':>9} {'apply':>7}")
    for pair in PAIRS:
        if options.names and pair.name not in options.names:
            continue
        size, figures = measure(pair, options.downloads.resolve())
        found[pair.name] = [asdict(figure) for figure in figures]
        for figure in figures:
            ratio = f"{figure.bytes / figures[-1].bytes:>6.3f}" if len(figures) > 1 else f"{'-':>6}"
            print(
                f"{pair.name:<16} {size / 1e6:>5.1f} MB {figure.tool:<10} {figure.bytes:>11,} {ratio}"
                f" {figure.build_seconds:>6.1f} s {figure.build_peak_bytes / 2**20:>5.0f} MiB"
                f" {figure.apply_seconds or 0:>5.1f} s {(figure.apply_peak_bytes or 0) / 2**20:>5.0f} MiB",
                flush=True,
            )
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
