"""A repository from nothing: seven releases of the example, beside seven directories and beside OSTree.

    python bench/repository.py [--releases DIRECTORY]

The releases are 1.0.0 to 1.0.6 of examples/vms with its real wheels. They are collected into DIRECTORY unless they are
there. Then `unrep repo init` and seven `unrep release` run, each a process of its own. OSTree (Debian `ostree`, archive
mode) gets one commit for each release and a static delta from each of up to five releases before, as ours has. If it
is missing, it is left out.

Printed: the commands that a person types; seconds; bytes of what is stored; bytes that a ship with the release before
fetches, and one with the oldest of the five; what either costs in full. Every release is checked out again and
compared. `bench.ships` shows what ships make of the same repository.
"""

import argparse
import filecmp
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parents[1]
APP = HERE / "examples" / "vms" / "app"
BASES = 5
# What changes from each release to the next: a file, what stands in it, what stands there then.
CHANGES: list[list[tuple[str, str, str]]] = [
    [],
    [("vessels/templates/vessels/fleet.html", "<h1>Fleet</h1>", "<h1>Fleet of {{ vessels|length }}</h1>")],
    [("requirements.txt", "Django==4.2.15", "Django==4.2.16")],
    [("vessels/templates/vessels/fleet.html", "<h1>Fleet of", "<h1>The fleet of")],
    [("requirements.txt", "Django==4.2.16", "Django==4.2.17")],
    [("requirements.txt", "waitress==3.0.1", "waitress==3.0.2")],
    [("vessels/views.py", '"status": "ok"', '"status": "fine"')],
]


def run(*command: str | Path, capture: bool = False) -> str:
    """Runs a command. Raises CalledProcessError, after its messages."""
    environment = os.environ | {"PYTHONPATH": str(HERE)}
    done = subprocess.run(list(map(str, command)), env=environment, check=True, text=True, stdout=subprocess.PIPE)
    return done.stdout if capture else ""


def unrep(*words: str | Path) -> Any:
    """The answer of an `unrep` command."""
    return json.loads(run(sys.executable, "-m", "unrep", *words, "--json", capture=True) or "{}")


def collected(place: Path) -> list[Path]:
    """The seven release directories."""
    found = []
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(shutil.copytree(APP, Path(scratch, "app"), ignore=shutil.ignore_patterns("__pycache__")))
        for number, changes in enumerate(CHANGES):
            for name, old, new in changes:
                text = (source / name).read_text(encoding="utf-8")
                assert text.count(old) == 1, f"{name}: {old!r} does not stand there once"
                (source / name).write_text(text.replace(old, new), encoding="utf-8")
            (source / "VERSION").write_text(f"1.0.{number}\n")
            found.append(place / f"vms-1.0.{number}")
            if not found[-1].is_dir():
                place.mkdir(parents=True, exist_ok=True)
                unrep("collect", source, "--requirements", source / "requirements.txt", "--out", found[-1])
    return found


def size(*places: Path) -> int:
    """Bytes of all files below."""
    return sum(path.stat().st_size for place in places for path in place.rglob("*") if path.is_file())


def same(one: Path, other: Path) -> bool:
    """Whether two directories hold the same."""
    compared = filecmp.dircmp(one, other)
    deeper = all(same(one / name, other / name) for name in compared.common_dirs)
    return not (compared.left_only or compared.right_only or compared.diff_files) and deeper


def ours(releases: Sequence[Path], scratch: Path) -> None:
    """The repository: what was typed, how long it took, what it holds."""
    unrep("keygen", "--out", scratch / "shore")
    repo, published = scratch / "repo", scratch / "www"
    began = time.monotonic()
    key = ("--key", scratch / "shore.key")
    unrep("repo", "init", repo, "--product", "vms", *key, "--publish", published, "--platform", "posix")
    print(f"unrep repo init: {time.monotonic() - began:.1f} s")
    print("  release   seconds      stored   published  from before  from oldest    in full")
    before = 0
    for number, release in enumerate(releases):
        began = time.monotonic()
        made = unrep("release", release, "--version", f"1.0.{number}", "--repo", repo)
        seconds = time.monotonic() - began
        costs = [base["bytes"] for base in made["bases"]]
        stored = size(repo / "objects", repo / "manifests")
        deltas = (f"{costs[0]:,}", f"{costs[-2]:,}") if number else ("", "")
        print(
            f"  1.0.{number}  {seconds:11.1f} {stored - before:11,} {made['bytes']:11,} "
            f"{deltas[0]:>12} {deltas[1]:>12} {costs[-1]:10,}"
        )
        before = stored
    print(f"typed: {1 + len(releases)} commands")
    print(f"contents of all releases: {before:,} bytes; bundles, and as many published: {size(published):,}")
    began = time.monotonic()
    unrep("repo", "verify", "--repo", repo)
    print(f"unrep repo verify: sound, {time.monotonic() - began:.1f} s")
    for number, release in enumerate(releases):
        out = scratch / f"out-{number}"
        unrep("repo", "checkout", f"1.0.{number}", out, "--repo", repo)
        assert same(out, release), f"1.0.{number} came back otherwise"
    print(f"{len(releases)} checkouts: the same as the directories")


def ostree(releases: Sequence[Path], scratch: Path) -> None:
    """The same with OSTree."""
    repo = scratch / "ostree"
    run("ostree", "init", f"--repo={repo}", "--mode=archive")
    commits: list[str] = []
    typed, before = 1, 0
    print("  commit    seconds      stored      deltas  from before  from oldest    in full")
    for number, release in enumerate(releases):
        began = time.monotonic()
        commits.append(
            run(
                *("ostree", "commit", f"--repo={repo}", "--branch=vms", f"--subject=1.0.{number}"),
                *("--owner-uid=0", "--owner-gid=0", "--no-xattrs", release),
                capture=True,
            ).strip()
        )
        typed += 1
        costs = []
        for base in ["", *commits[-1 - BASES : -1][::-1]]:
            start = f"--from={base}" if base else "--empty"
            words = ("--inline", "--min-fallback-size=0", start, f"--to={commits[-1]}")
            already = size(repo / "deltas") if (repo / "deltas").is_dir() else 0
            run("ostree", "static-delta", "generate", f"--repo={repo}", *words, capture=True)
            costs.append(size(repo / "deltas") - already)
            typed += 1
        seconds = time.monotonic() - began
        stored = size(repo / "objects")
        deltas = (f"{costs[1]:,}", f"{costs[-1]:,}") if number else ("", "")
        print(
            f"  1.0.{number}  {seconds:11.1f} {stored - before:11,} {sum(costs):11,} {deltas[0]:>12} {deltas[1]:>12} "
            f"{costs[0]:10,}"
        )
        before = stored
    print(f"typed: {typed} commands; objects: {before:,} bytes; static deltas: {size(repo / 'deltas'):,}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--releases", type=Path, default=Path("bench-releases"))
    releases = collected(parser.parse_args().releases.absolute())
    print(f"seven directories: {size(*releases):,} bytes in {sum(1 for r in releases for _ in r.rglob('*')):,} names")
    with tempfile.TemporaryDirectory(prefix="unrep-bench-") as name:
        print("\nunrep")
        ours(releases, Path(name))
        if shutil.which("ostree"):
            print(f"\n{run('ostree', '--version', capture=True).splitlines()[1].strip()} OSTree")
            ostree(releases, Path(name))
        else:
            print("\nOSTree is missing (Debian package ostree) and left out")


if __name__ == "__main__":
    main()
