"""What damage aboard costs: one file in a hundred of the running release is spoilt, then the update is applied.

    python bench/damage.py OLD NEW [--share 0.01] [--seed 1] [--platform posix] [--json]

OLD and NEW are release directories, such as bench/corpora/fetch.py brings. Two ships run OLD, with the same files
spoilt: by turns a byte is changed, the file is cut short, or it is gone. One finds the delta and the full release
published, and takes from the full release what the delta cannot make (`fetch --site --allow-full`). The other finds the
delta alone, and sends a repair request, which shore answers (`repair-request`, `repair`): one round trip. In the end
both run NEW, compared file by file. Printed are the bytes of both ways beside those of the update without damage. A
full release of many megabytes takes minutes to build.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from filecmp import cmp
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.support.links.nginx import nginx


def unrep(*words: object, codes: tuple[int, ...] = (0,)) -> dict[str, Any]:
    """The JSON object of a command that ends with one of these codes."""
    argv = [sys.executable, "-m", "unrep", *map(str, words), "--json"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode not in codes:
        sys.exit(f"{' '.join(argv)}: exit code {done.returncode}\n{done.stderr}")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def spoil(directory: Path, share: float, seed: int) -> int:
    """Damages a share of a directory's files, one at least; how many."""
    files = sorted(path for path in directory.rglob("*") if path.is_file() and path.stat().st_size)
    chosen = Random(seed).sample(files, max(1, round(len(files) * share)))
    for number, path in enumerate(chosen):
        data = bytearray(path.read_bytes())
        path.chmod(0o644)
        if number % 3 == 2:
            path.unlink()
        elif number % 3 == 1:
            path.write_bytes(data[: len(data) // 2])
        else:
            data[len(data) // 2] ^= 0xFF
            path.write_bytes(data)
    return len(chosen)


def assert_same(made: Path, wanted: Path) -> None:
    """Every file of the release is there, byte for byte."""
    for path in wanted.rglob("*"):
        if path.is_file():
            assert cmp(path, made / path.relative_to(wanted), shallow=False), path


class Shore:
    """The bundles: OLD whole, NEW as a delta, and NEW as a delta with the full release beside it."""

    def __init__(self, directory: Path, old: Path, new: Path, platform: str) -> None:
        self.old, self.new, self.www = old, new, directory / "www"
        self.www.mkdir()
        subprocess.run([sys.executable, "-m", "unrep", "keygen", "--out", directory / "shore"], check=True)
        self.key, self.trust = directory / "shore.key", directory / "shore.pub"
        common = ("--product", "vms", "--platform", platform, "--key", self.key)
        unrep("build", old, "--version", 1, "--seq", 1, *common, "--out", directory / "old.unrep")
        update = ("build", new, "--version", 2, "--seq", 2, "--base", old, *common)
        unrep(*update, "--out", self.www / "delta.unrep")
        unrep(*update, "--full", "--out", self.www / "both.unrep")
        self.first = directory / "old.unrep"


def by_frames(shore: Shore, site: Path, url: str, out: Path) -> dict[str, int]:
    """Bytes that the full release's frames cost beside the delta."""
    words = ("fetch", url, "--trust", shore.trust, "--site", site, "--out", out)
    refused = unrep(*words, codes=(0, 4))
    agreed = unrep(*words, "--allow-full")
    done = unrep("apply", out, "--site", site, "--trust", shore.trust)
    assert done["outcome"] == "applied", done
    received = refused["bytes_received"] + agreed["bytes_received"]
    return {"received": received, "for_the_delta": refused["bytes_received"], "published": agreed["bytes_total"]}


def by_repair(shore: Shore, site: Path, url: str, out: Path) -> dict[str, int]:
    """Bytes of one round trip: the delta that could not be applied, the request, and the bundle that came back."""
    fetched = unrep("fetch", url, "--trust", shore.trust, "--site", site, "--out", out)
    refused = unrep("apply", out, "--site", site, "--trust", shore.trust, codes=(0, 5))
    if "outcome" in refused and refused["outcome"] == "applied":
        return {"received": fetched["bytes_received"], "repair_request": 0, "repair": 0}
    request, repair = out.with_name("request"), out.with_name("repair.unrep")
    written = unrep("repair-request", "--site", site, "--out", request)
    given = ("--bundle", shore.www / "delta.unrep", "--new", shore.new, "--base", shore.old, "--key", shore.key)
    unrep("repair", request, *given, "--out", repair)
    done = unrep("apply", repair, "--site", site, "--trust", shore.trust)
    assert done["outcome"] == "applied", done
    sizes = {"repair_request": written["need_bytes"], "repair": repair.stat().st_size}
    return {"received": fetched["bytes_received"] + sizes["repair"], **sizes}


def measure(directory: Path, old: Path, new: Path, share: float, seed: int, platform: str) -> dict[str, Any]:
    """Both ways, from the same damage."""
    shore = Shore(directory, old, new, platform)
    sites = [directory / name for name in ("frames", "repair")]
    for site in sites:
        site.mkdir()
        unrep("apply", shore.first, "--site", site, "--trust", shore.trust)
        spoilt = spoil(site / "versions" / "1", share, seed)
    with nginx(shore.www, directory / "nginx") as server:
        frames = by_frames(shore, sites[0], server.url("both.unrep"), directory / "f.unrep")
        repair = by_repair(shore, sites[1], server.url("delta.unrep"), directory / "r.unrep")
    for site in sites:
        assert_same(site / "current", new)
    without = (shore.www / "delta.unrep").stat().st_size
    return {"seed": seed, "files_spoilt": spoilt, "without_damage": without, "frames": frames, "repair": repair}


def main() -> None:
    """Parses the arguments and prints both ways."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--share", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--platform", default="any", choices=("any", "posix"))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(dir=Path.cwd(), prefix="bench-"))
    try:
        old, new = options.old.resolve(), options.new.resolve()
        found = measure(scratch, old, new, options.share, options.seed, options.platform)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if options.json:
        print(json.dumps(found))
        return
    frames, repair = found["frames"], found["repair"]
    print(
        f"{found['files_spoilt']:,} files spoilt (seed {found['seed']}); the update costs {found['without_damage']:,}"
    )
    print(
        f"full section published: {frames['received']:,} bytes received, {frames['for_the_delta']:,} of them for the "
        f"delta and the look at what is lacking; the published file has {frames['published']:,}"
    )
    print(
        f"delta alone: {repair['received']:,} bytes received, a repair of {repair['repair']:,} among them, and a "
        f"repair request of {repair['repair_request']:,} sent"
    )


if __name__ == "__main__":
    main()
