"""A ship some releases behind: `unrep fetch --site` over several steps and `unrep apply`, killed at random moments.

Each run is the command in a process of its own, ended by SIGKILL. What a kill of a fetch costs is counted by the link
and read from the files. After each kill `current` is the old release or the newest, whole, and never one in between.
The same commands again end well.
"""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from apply.record.database import read_state
from apply.record.state import MAX_ATTEMPTS
from apply.site.layout import Site
from bundle.read.reader import open_bundle
from bundle.recipients.sidecars import steps_beside
from tests.support.contents.releases import TRUST, Tree, write_tree
from tests.support.contents.repositories import Ashore, content
from tests.support.contents.tiny_bundle import TinyBundle, write_trust
from tests.support.links.bad_link import Weather, weather
from tests.support.links.killed_fetch import ANSWER_HEAD_BYTES, kept_at
from tests.support.links.nginx import nginx

STEPS = 4
STEP_BYTES = 150_000  # at least, of each delta
FILES = 40  # of a release, beside those of `content`
BITS_PER_S = 2_000_000
ROUND_TRIP_S = 0.02
DEADLINE_S = 120.0
POLL_S = 0.002
CHANNEL_BYTES = 8_000  # of the channel file and the heads of its answers, which a run may ask for
HEALTH = f"""[[health]]
type = "command"
argv = [{json.dumps(sys.executable)}, "-c", "pass"]
[health_window]
start_after_s = 0
interval_s = 0.1
consecutive_passes = 3
"""
FETCH_DONE = 0.15  # how often a fetch is left alone
APPLY_DONE = 0.3


@dataclass
class Tally:
    """What was counted. `voyages`: from the old release to the newest; bytes are of all voyages.

    path_bytes    what the paths take, once
    received      what the links delivered
    again         the most that one kill had delivered twice
    kept_whole    how many fetches were killed with a step complete already
    pending       how many kills of `apply` came between switch and commit
    """

    fetches: int = 0
    applies: int = 0
    late: int = 0
    voyages: int = 0
    path_bytes: int = 0
    received: int = 0
    again: int = 0
    kept_whole: int = 0
    pending: int = 0
    seconds: list[float] = field(default_factory=list)


class KilledPath:
    """A ship at 1.0.0, and a shore that has deltas from each release to the next. `seed` decides when it is killed."""

    def __init__(self, root: Path, seed: int) -> None:
        self._random = Random(seed)
        self._root = root
        self._sources: list[Path] = []
        ashore = Ashore(root)
        ashore.settle("last = 1\nfull = false")
        tree: Tree = {f"data/{number}.bin": self._random.randbytes(5_000) for number in range(FILES)}
        for number in range(STEPS + 1):
            for changed in self._random.sample(sorted(tree), STEP_BYTES // 5_000):
                tree[changed] = self._random.randbytes(5_000)
            self._sources.append(write_tree(root / f"source-{number}", tree | content(number)))
            ashore.release(number, source=self._sources[-1])
        self.www = root / "www"
        self._trust = write_trust(root / "shore.pub")
        self._bundles = {path.name: _read(path) for path in self.www.glob("*.unrep")}
        first = next(path for path in self.www.glob("vms-1.0.0-*.unrep"))
        self._home = root / "home"
        self._home.mkdir()
        (self._home / "unrep.toml").write_text(HEALTH)
        assert self._whole(["apply", str(first), "--site", str(self._home), "--trust", str(self._trust)])

    def kill(self, link: Weather, fetches: int, applies: int) -> Tally:
        """Until so many of each were killed. Raises AssertionError for the first thing that does not hold."""
        tally = Tally()
        path_bytes, apply_s = self._whole_voyage(link)
        while tally.fetches < fetches or tally.applies < applies:
            self._set_out()
            before = link.stats()["delivered_down"]
            kills = tally.fetches
            while tally.fetches < fetches and self._random.random() > FETCH_DONE:
                if not self._kill_fetch(link, tally, path_bytes):
                    break
            assert self._whole(self._fetch(link)), "the fetch does not go on"
            received = link.stats()["delivered_down"] - before
            assert received <= path_bytes + (tally.fetches - kills + 1) * self._bound(), "bytes were paid twice"
            while tally.applies < applies and self._random.random() > APPLY_DONE and self._may_be_cut():
                if not self._kill_apply(tally, apply_s):
                    break
            began = time.monotonic()
            assert self._whole(self._apply()), "the update does not go on"
            tally.seconds.append(time.monotonic() - began)
            self._check_arrived()
            tally.voyages += 1
            tally.path_bytes += path_bytes
            tally.received += received
        return tally

    def _whole_voyage(self, link: Weather) -> tuple[int, float]:
        """One that nobody kills: what it pays for, and the seconds of its update."""
        self._set_out()
        before = link.stats()["delivered_down"]
        assert self._whole(self._fetch(link))
        path_bytes = link.stats()["delivered_down"] - before
        assert len(list(steps_beside(self._output).glob("*.unrep"))) == STEPS - 1
        began = time.monotonic()
        assert self._whole(self._apply())
        seconds = time.monotonic() - began
        self._check_arrived()
        return path_bytes, seconds

    def _kill_fetch(self, link: Weather, tally: Tally, path_bytes: int) -> bool:
        """Whether it was killed before it was done."""
        before, kept = link.stats()["delivered_down"], self._kept()
        moment = self._random.randrange(max(1, path_bytes - kept))
        with self._started(self._fetch(link)) as process:
            until = time.monotonic() + DEADLINE_S
            while link.stats()["delivered_down"] - before < moment and process.poll() is None:
                assert time.monotonic() < until, "the link has stopped"
                time.sleep(POLL_S)
            received = link.stats()["delivered_down"] - before
            process.kill()
            if not self._was_killed(process, tally):
                return False
        tally.fetches += 1
        tally.again = max(tally.again, again := received - (self._kept() - kept))
        assert again <= self._bound() + BITS_PER_S // 80, f"a kill cost {again:,} bytes"
        tally.kept_whole += any(path.suffix == ".unrep" for path in steps_beside(self._output).glob("*"))
        assert self._standing() == 0, "a fetch changed the site"
        return True

    def _kill_apply(self, tally: Tally, typical_s: float) -> bool:
        with self._started(self._apply()) as process:
            try:
                process.wait(self._random.uniform(0.2, 1.05) * typical_s)
            except subprocess.TimeoutExpired:
                process.kill()
            if not self._was_killed(process, tally):
                return False
        tally.applies += 1
        tally.pending += read_state(self._site).pending is not None
        self._standing()
        return True

    def _was_killed(self, process: subprocess.Popen[bytes], tally: Tally) -> bool:
        """Whether it was: else it was done before."""
        said = process.communicate()[0].decode()
        tally.late += process.returncode == 0
        assert process.returncode in (0, -9), said
        return process.returncode != 0

    def _may_be_cut(self) -> bool:
        """Whether one more cut leaves the release its last attempt; after that it would be taken back [A-24]."""
        pending = read_state(self._site).pending
        return pending is None or pending.attempts < MAX_ATTEMPTS - 1

    def _standing(self) -> int:
        """The release that `current` names: the old one or the newest, whole."""
        current = (self._site.root / "current").resolve(strict=True)
        number = int(current.name.rsplit(".", 1)[1])
        assert number in (0, STEPS), f"{current.name} is a step, and runs"
        assert _files(current) == _files(self._sources[number]), f"{current.name} is not whole"
        return number

    def _check_arrived(self) -> None:
        state = read_state(self._site)
        assert self._standing() == STEPS and state.pending is None and state.current_version == f"1.0.{STEPS}"
        assert {path.name for path in self._site.versions.iterdir()} == {"1.0.0", f"1.0.{STEPS}"}
        assert not list(self._site.staging.iterdir())

    def _set_out(self) -> None:
        """The ship as she was, with nothing fetched."""
        shutil.rmtree(self._root / "ship", ignore_errors=True)
        shutil.copytree(self._home, self._root / "ship" / "site", symlinks=True)

    @property
    def _site(self) -> Site:
        return Site.at(self._root / "ship" / "site")

    @property
    def _output(self) -> Path:
        return self._root / "ship" / "new.unrep"

    def _fetch(self, link: Weather) -> list[str]:
        options = ["--site", str(self._site.root), "--trust", str(self._trust), "--out", str(self._output)]
        return ["fetch", link.url("stable.channel"), *options]

    def _apply(self) -> list[str]:
        return ["apply", str(self._output), "--site", str(self._site.root), "--trust", str(self._trust)]

    def _started(self, argv: list[str]) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "unrep", *argv]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def _whole(self, argv: list[str]) -> bool:
        with self._started(argv) as process:
            said, _ = process.communicate(timeout=DEADLINE_S)
        print(said.decode(), end="" if process.returncode == 0 else "\n", file=sys.stderr)
        return process.returncode == 0

    def _kept(self) -> int:
        """What stands of all bundles of the path, verified."""
        total = 0
        for name, bundle in self._bundles.items():
            step = steps_beside(self._output) / f"{bundle.root.version}-{bundle.verified.root_hash.hex()[:16]}.unrep"
            output = self._output if name.startswith(f"vms-1.0.{STEPS}-") else step
            total += sum(kept_at(output, bundle))
        return total

    def _bound(self) -> int:
        """What a kill may cost: a piece, the header that each run asks for, the channel, and the heads of answers."""
        piece = max(bundle.root.piece_size for bundle in self._bundles.values())
        return (
            piece + max(len(bundle.header) for bundle in self._bundles.values()) + CHANNEL_BYTES + 3 * ANSWER_HEAD_BYTES
        )


@contextmanager
def killed_path(root: Path, seed: int) -> Iterator[tuple[KilledPath, Weather]]:
    """Such a ship, and the link to her shore."""
    path = KilledPath(root, seed)
    options = {"rate_kbps": BITS_PER_S // 1000, "delay_ms": ROUND_TRIP_S * 500}
    with nginx(path.www, root / "nginx") as server, weather(server.port, **options) as link:
        yield path, link


def _read(path: Path) -> TinyBundle:
    with open_bundle(path, TRUST) as opened:
        return TinyBundle(path.read_bytes(), opened.verified)


def _files(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }
