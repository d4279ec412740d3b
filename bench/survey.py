"""How small, on releases that nobody chose by their result: the last two of 50 packages, beside HDiffPatch.

    python -m bench.survey --cache DIR [--program CHECKOUT] [--only NAME] [--json F] [--table F.md] [--picture F.svg]

The rule, written down before anything was measured. Down the list of PyPI's packages by downloads a month, of
2026-11-30: the first 20 whose latest release has wheels with native code for both systems, in turn for `windows`
(win_amd64) and for `linux` (manylinux, x86_64), and the first 10 whose wheel is pure Python for `pure`. Down npm's
list by downloads a month: the first 10 for `npm`. These have a few kilobytes each, so `npm-large` has ten more of its
first 220, which were taken for larger ones before their sizes were known. Of each package the last two final releases
that CPython 3.11 can install. `corpora/survey.txt` pins them.

Each pair is measured as files, which are the wheel or the .tgz, and unpacked. The ratio is the whole bundle over what
HDiffPatch makes of the two tar files, with lzma2 level 9, as `bench/size.py` measures it. A ratio over 1 is a fault.

`--cache` keeps downloads and what HDiffPatch made. `--json` has the figures, pair by pair: those that stand there
already are not measured again. `--program`: another checkout with an environment of its own in .venv.
"""

import argparse
import json
import math
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.corpora.fetch import LINUX, WINDOWS, download, unpack
from bench.size import PEERS, measured, peer_figure, write_tar

HERE = Path(__file__).parent
PINS = HERE / "corpora" / "survey.txt"
NEWER_LINUX = ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", *LINUX)
REGISTRIES = {
    "windows": ("pip", WINDOWS, "any"),
    "linux": ("pip", NEWER_LINUX, "posix"),
    "pure": ("pip", ("any",), "any"),
    "npm": ("npm", (), "posix"),
    "npm-large": ("npm", (), "posix"),
}
FORMS = ("files", "unpacked")


@dataclass(frozen=True)
class Pair:
    """Two releases of a package."""

    group: str
    name: str
    old: str
    new: str

    def pin(self, version: str) -> str:
        """What its registry's client is asked for."""
        return f"{self.name}@{version}" if self.group.startswith("npm") else f"{self.name}=={version}"


@dataclass(frozen=True)
class Size:
    """One pair in one form: bytes of the new release, of our bundle and of HDiffPatch's delta."""

    group: str
    name: str
    old: str
    new: str
    form: str
    release_bytes: int
    ours: int
    peer: int

    @property
    def ratio(self) -> float:
        """Below 1, ours is smaller."""
        return self.ours / self.peer


def pinned() -> list[Pair]:
    """All pairs, in the order of the pins."""
    lines = (line.split() for line in PINS.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    return [Pair(*words) for words in lines]


def fetched(pair: Pair, version: str, cache: Path) -> Path:
    """The directory in the cache that holds one release as it was downloaded."""
    registry, platforms, _ = REGISTRIES[pair.group]
    place = cache / "files" / pair.group / pair.name.replace("/", "+") / version
    if not place.exists():
        with tempfile.TemporaryDirectory(dir=cache) as directory:
            download(registry, platforms, (pair.pin(version),), Path(directory))
            shutil.copytree(directory, place)
    return place


def laid_out(files: Path, form: str, directory: Path) -> None:
    """A release as it is measured."""
    directory.mkdir()
    for path in sorted(files.iterdir()):
        if form == "files":
            shutil.copy(path, directory)
        else:
            unpack(path, directory)


def our_bytes(program: Path, platform: str, cache: Path, scratch: Path) -> int:
    """The length of a bundle from `old` to `new`."""
    python, key = str(program / ".venv" / "bin" / "python"), cache / "k.key"
    if not key.exists():
        measured((python, "-m", "unrep", "keygen", "--out", str(cache / "k")), scratch)
    line = f"build new --base old --platform {platform} --product bench --version 2 --seq 2 --out d.unrep --key"
    measured((python, "-m", "unrep", *line.split(), str(key)), scratch)
    return (scratch / "d.unrep").stat().st_size


def peer_bytes(pair: Pair, form: str, cache: Path, scratch: Path) -> int:
    """The length of HDiffPatch's delta from old.tar to new.tar, which is kept in the cache."""
    kept = cache / "hdiffpatch.json"
    known: dict[str, int] = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    key = f"{pair.group} {pair.name} {pair.old} {pair.new} {form}"
    if key not in known:
        for side in ("old", "new"):
            write_tar(scratch / side, scratch / f"{side}.tar")
        known[key] = peer_figure(PEERS[0], scratch).bytes
        kept.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    return known[key]


def size_of(pair: Pair, form: str, program: Path, cache: Path) -> Size:
    """Measures one pair in one form."""
    with tempfile.TemporaryDirectory(dir=cache, prefix="bench-") as directory:
        scratch = Path(directory)
        laid_out(fetched(pair, pair.old, cache), form, scratch / "old")
        laid_out(fetched(pair, pair.new, cache), form, scratch / "new")
        release = sum(path.stat().st_size for path in (scratch / "new").rglob("*") if path.is_file())
        ours = our_bytes(program, REGISTRIES[pair.group][2], cache, scratch)
        peer = peer_bytes(pair, form, cache, scratch)
    return Size(pair.group, pair.name, pair.old, pair.new, form, release, ours, peer)


def mean(sizes: list[Size]) -> float:
    """The geometric mean of their ratios."""
    return math.exp(sum(math.log(size.ratio) for size in sizes) / len(sizes))


def summary(sizes: list[Size]) -> Iterator[tuple[str, str, list[Size]]]:
    """(group, form, sizes), then those of all groups together for each form."""
    groups = list(dict.fromkeys(size.group for size in sizes))
    for group in (*groups, "all"):
        for form in FORMS:
            if found := [size for size in sizes if size.form == form and group in (size.group, "all")]:
                yield group, form, found


def table(sizes: list[Size]) -> str:
    """Means and worst by group, then every pair, in Markdown."""
    lines = ["| group | form | geometric mean | worst | over 1 | most bytes over |", "|---" * 6 + "|"]
    for group, form, found in summary(sizes):
        worst = max(found, key=lambda size: size.ratio)
        over = [size.ours - size.peer for size in found if size.ours > size.peer]
        row = f"| {group} | {form} | {mean(found):.3f} | {worst.ratio:.3f} {worst.name}"
        lines.append(f"{row} | {len(over)} of {len(found)} | {max(over, default=0):,} |")
    lines += ["", "| group | package | from | to | form | release | unrep | HDiffPatch | ratio |", "|---" * 9 + "|"]
    lines += [
        f"| {size.group} | {size.name} | {size.old} | {size.new} | {size.form} | {size.release_bytes:,} "
        f"| {size.ours:,} | {size.peer:,} | {size.ratio:.3f} |"
        for size in sizes
    ]
    return "\n".join([*lines, ""])


def picture(sizes: list[Size]) -> str:
    """Every ratio as a dot on a logarithmic scale, a row for each group and form, in SVG. A bar marks the mean."""
    rows = list(summary(sizes))
    left, width = 150, 480
    powers = [math.log10(size.ratio) for size in sizes]
    lowest, highest = min(-3.0, *powers), max(0.5, *powers) + 0.1

    def x(ratio: float) -> float:
        return left + width * (math.log10(ratio) - lowest) / (highest - lowest)

    height = 60 + 24 * len(rows)
    drawn = [f'<text x="10" y="22" font-weight="bold">Bundle over HDiffPatch, {len(sizes) // 2} packages</text>']
    for power in range(math.ceil(lowest), math.ceil(highest)):
        at = x(10.0**power)
        drawn.append(f'<line x1="{at:.0f}" y1="34" x2="{at:.0f}" y2="{height - 22}" stroke="#ccc"/>')
        drawn.append(f'<text x="{at:.0f}" y="{height - 6}" text-anchor="middle">{10.0**power:g}</text>')
    for number, (group, form, found) in enumerate(rows):
        y = 50 + 24 * number
        drawn.append(f'<text x="{left - 10}" y="{y + 5}" text-anchor="end">{group}, {form}</text>')
        drawn += [
            f'<circle cx="{x(size.ratio):.1f}" cy="{y}" r="4" fill="{"#0a6" if size.ratio <= 1 else "#c30"}" '
            f'fill-opacity="0.6"><title>{size.name} {size.ratio:.3f}</title></circle>'
            for size in found
        ]
        at = x(mean(found))
        drawn.append(f'<line x1="{at:.1f}" y1="{y - 9}" x2="{at:.1f}" y2="{y + 9}" stroke="#000" stroke-width="2"/>')
    font = 'font-family="sans-serif" font-size="13"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 20}" height="{height}" {font}>'
    return "\n".join([head, *drawn, "</svg>", ""])


def measured_sizes(options: argparse.Namespace) -> list[Size]:
    """All pairs that were asked for, in the order of the pins, and those that the JSON file has already."""
    known: dict[tuple[str, str, str], Size] = {}
    if options.json and options.json.exists():
        for row in json.loads(options.json.read_text(encoding="utf-8")):
            size = Size(**row)
            known[size.name, size.new, size.form] = size
    wanted = [(pair, form) for pair in pinned() for form in FORMS]
    for pair, form in wanted:
        if (pair.name, pair.new, form) in known or (options.only and pair.name not in options.only):
            continue
        size = size_of(pair, form, options.program.resolve(), options.cache.resolve())
        known[pair.name, pair.new, form] = size
        print(f"{pair.group:<10} {pair.name:<32} {form:<9} {size.ratio:>7.3f}", file=sys.stderr, flush=True)
        if options.json:
            rows = [asdict(size) for size in known.values()]
            options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    keys = ((pair.name, pair.new, form) for pair, form in wanted)
    return [known[key] for key in keys if key in known]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True, metavar="DIR", help="keeps downloads and peers' figures")
    parser.add_argument("--program", type=Path, default=HERE.parent, metavar="CHECKOUT", help="which unrep to measure")
    parser.add_argument("--only", action="append", metavar="NAME", help="only this package; repeat for more")
    parser.add_argument("--json", type=Path, metavar="F", help="write and resume the figures as JSON")
    parser.add_argument("--table", type=Path, metavar="F.md", help="also write the tables")
    parser.add_argument("--picture", type=Path, metavar="F.svg", help="also draw the ratios")
    options = parser.parse_args()
    options.cache.mkdir(parents=True, exist_ok=True)
    sizes = measured_sizes(options)
    print(table(sizes))
    if options.table:
        options.table.write_text(table(sizes), encoding="utf-8")
    if options.picture:
        options.picture.write_text(picture(sizes), encoding="utf-8")


if __name__ == "__main__":
    main()
