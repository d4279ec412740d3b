"""Shapes of releases on which matching has to hold: bytes of the bundle, seconds of the build, and xdelta3.

    python -m bench.shapes [--large 512]

Repeated content with 1,000 edits, an insertion and a removal; content that repeats whole; 520 sources joined into one
file, and one file split into 520. The shapes are made by tests/support/contents/shapes.py. xdelta3 gets single files.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random

from bench.size import measured
from tests.support.contents.shapes import edited, repeated, sources

XDELTA = ("xdelta3", "-e", "-9", "-S", "lzma", "-B", "2147483648", "-f", "-s", "old/f", "new/f", "delta")

Tree = dict[str, bytes]


def write(directory: Path, tree: Tree) -> None:
    """Writes a release directory."""
    for name, content in tree.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(content)


def row(name: str, old: Tree, new: Tree) -> str:
    """One row of the table."""
    with tempfile.TemporaryDirectory(prefix="unrep-shapes-") as made:
        scratch = Path(made)
        write(scratch / "old", old)
        write(scratch / "new", new)
        unrep = [sys.executable, "-m", "unrep"]
        subprocess.run([*unrep, "keygen", "--out", "k"], cwd=scratch, check=True, capture_output=True)
        release = "--product bench --version 2 --seq 2 --key k.key --base old --out out.unrep"
        seconds, _ = measured([*unrep, "build", "new", *release.split()], scratch)
        size = (scratch / "out.unrep").stat().st_size
        other = "-"
        if old.keys() == new.keys() == {"f"}:
            measured(XDELTA, scratch)
            other = f"{(scratch / 'delta').stat().st_size:,}"
        return f"{name:<34} {size:>11,} {seconds:>7.1f} s {other:>12}"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large", type=int, default=64, metavar="MB", help="size of the repeated content")
    large = parser.parse_args().large
    print(f"{'shape':<34} {'bytes':>11} {'build':>9} {'xdelta3':>12}")
    content = repeated(large << 20)
    for most in (1, 2000):
        print(row(f"{large} MB, edits of up to {most} bytes", {"f": content}, {"f": edited(content, 1000, most)}))
    twice = Random(5).randbytes(16 << 20) * 2
    print(row("A+A of 2 x 16 MiB, one byte", {"f": twice}, {"f": twice[:20_000_000] + b"-" + twice[20_000_001:]}))
    texts = sources(520)
    many = {f"src/module{number}.js": text for number, text in enumerate(texts)}
    one = {"bundle.js": b"".join(b"// module\n" + text for text in Random(9).sample(texts, len(texts)))}
    print(row("520 sources joined into one", many, one))
    print(row("one file split into 520", one, many))


if __name__ == "__main__":
    main()
