"""Where ships come from, and what each pays: seven releases of the example in a repository, and a ship at each.

    python -m bench.ships [--releases DIRECTORY]

The releases are those of `bench.repository`, 1.0.0 to 1.0.6 of examples/vms with its real wheels. Seven `unrep release`
publish them to a directory that `unrep serve` shows. A ship at each of the seven, one with nothing, and one with a tree
that nobody knows then follow the channel: `unrep plan`, `unrep fetch --site`, `unrep apply`.

Printed for each ship: the path, the bytes that it paid for, the switches that its application saw, and seconds. The
ship with the unknown tree is stranded first, or asked for consent to the full release. One `unrep release --base-from`
brings it back. Every ship must end with 1.0.6, byte for byte.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree
from typing import Any

from bench.repository import HERE, collected, same, unrep

NEWEST = 6
STRANGE = "1.0.3-yard"
COLUMNS = "{:12} {:46} {:>10} {:>8} {:>8} {:>8}"


@dataclass(frozen=True)
class Shore:
    """A repository, and where ships find what it published."""

    scratch: Path
    url: str = ""

    @property
    def repo(self) -> Path:
        return self.scratch / "repo"

    @property
    def www(self) -> Path:
        return self.scratch / "www"

    @property
    def key(self) -> Path:
        return self.scratch / "shore.key"

    @property
    def trust(self) -> Path:
        return self.scratch / "shore.pub"

    def bundle(self, version: str) -> Path:
        """The published bundle that has that release in full."""
        (found, *_) = sorted(self.www.glob(f"vms-{version}-*.unrep"))
        return found


def published(shore: Shore, releases: list[Path]) -> None:
    """All releases, one after the other."""
    unrep("keygen", "--out", shore.scratch / "shore")
    words = ("--product", "vms", "--key", shore.key, "--publish", shore.www, "--platform", "posix")
    unrep("repo", "init", shore.repo, *words)
    for number, release in enumerate(releases):
        began = time.monotonic()
        unrep("release", release, "--version", f"1.0.{number}", "--repo", shore.repo)
        print(f"unrep release 1.0.{number}: {time.monotonic() - began:.1f} s", flush=True)


@contextmanager
def served(shore: Shore) -> Iterator[Shore]:
    """The same over HTTP."""
    command = [sys.executable, "-m", "unrep", "serve", str(shore.www), "--port", "0"]
    environment = os.environ | {"PYTHONPATH": str(HERE)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr
        line = server.stderr.readline()
        try:
            yield Shore(shore.scratch, line.split(" served at ")[1].split(" ")[0])
        finally:
            server.terminate()


class Ship:
    """A site whose application counts how often it is restarted."""

    def __init__(self, shore: Shore, name: str) -> None:
        self.site = shore.scratch / f"ship-{name}"
        self.site.mkdir()
        self._shore = shore
        self._calls = shore.scratch / f"calls-{name}"
        count = f"open({str(self._calls)!r}, 'a').write('restart\\n')"
        self.site.joinpath("unrep.toml").write_text(
            f"[switch]\nrestart = {json.dumps([sys.executable, '-c', count])}\n"
        )

    def install(self, bundle: Path) -> None:
        """Puts a release there, as a yard does."""
        unrep("apply", bundle, "--site", self.site, "--trust", self._shore.trust)
        self._calls.unlink()

    def ask(self, command: str, *words: str | Path) -> dict[str, Any]:
        """What a command for this ship answers, whatever its exit code."""
        line = (command, *words, "--site", self.site, "--trust", self._shore.trust, "--json")
        done = subprocess.run(
            [sys.executable, "-m", "unrep", *map(str, line)],
            env=os.environ | {"PYTHONPATH": str(HERE)},
            capture_output=True,
            check=False,
            text=True,
        )
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def come_along(self, name: str, target: Path) -> None:
        """Fetches and applies what the channel names, and prints a line."""
        out, url = self.site.with_suffix(".unrep"), f"{self._shore.url}stable.channel"
        ways = self.ask("plan", url).get("ways", [])
        began = time.monotonic()
        fetched = self.ask("fetch", url, "--out", out)
        fetch_s, began = time.monotonic() - began, time.monotonic()
        if fetched.get("exit_code"):
            print(COLUMNS.format(name, f"exit code {fetched['exit_code']}", "", "", f"{fetch_s:.1f}", ""))
            print(f"             {fetched['error']}", flush=True)
            return
        applied = self.ask("apply", out)
        apply_s = time.monotonic() - began
        switches = len(self._calls.read_text().splitlines()) if self._calls.exists() else 0
        print(
            COLUMNS.format(
                name,
                _path(ways[0]["steps"]) if ways else "",
                f"{fetched['bytes_paid']:,}",
                switches,
                f"{fetch_s:.1f}",
                f"{apply_s:.1f}",
            ),
            flush=True,
        )
        assert applied["outcome"] in ("applied", "already-current"), applied
        assert same(self.site / "current", target), f"{name} has something else"


def ships(shore: Shore, releases: list[Path]) -> None:
    """A ship at each release, and the others."""
    print(COLUMNS.format("ship at", "path", "paid", "switches", "fetch s", "apply s"))
    for number in range(len(releases)):
        ship = Ship(shore, f"1.0.{number}")
        ship.install(shore.bundle(f"1.0.{number}"))
        ship.come_along(f"1.0.{number}", releases[NEWEST])
    Ship(shore, "none").come_along("none", releases[NEWEST])
    yard = copytree(releases[3], shore.scratch / "yard")
    (yard / "VERSION").write_text(f"{STRANGE}\n")
    bundle = shore.scratch / "yard.unrep"
    words = ("--product", "vms", "--version", STRANGE, "--seq", "4", "--platform", "posix")
    unrep("build", yard, *words, "--key", shore.key, "--out", bundle)
    ship = Ship(shore, "strange")
    ship.install(bundle)
    ship.come_along(STRANGE, releases[NEWEST])
    unrep("release", releases[NEWEST], "--version", f"1.0.{NEWEST}", "--base-from", yard, "--repo", shore.repo)
    ship.come_along("... again", releases[NEWEST])


def _path(steps: list[dict[str, Any]]) -> str:
    return ", ".join(f"{'delta to' if step['base'] else 'full'} {step['version']}" for step in steps)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--releases", type=Path, default=Path("bench-releases"))
    releases = collected(parser.parse_args().releases.absolute())
    with tempfile.TemporaryDirectory(prefix="unrep-bench-") as name:
        shore = Shore(Path(name))
        published(shore, releases)
        with served(shore) as open_shore:
            ships(open_shore, releases)


if __name__ == "__main__":
    main()
