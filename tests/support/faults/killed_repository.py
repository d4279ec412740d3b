"""`unrep release` and `unrep repo prune` killed at random moments, and what must hold after each kill.

A child process runs the command itself, with a thread in the place of its worker processes, and is ended by SIGKILL.
Then the repository verifies, each destination has whole all that its channel files name, and the channel names the
release before or the new one. The same command again ends well, and nothing is left over.
"""

import contextlib
import io
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from unittest import mock

from tests.support.contents.releases import Tree, write_tree
from tests.support.contents.repositories import Ashore, content, sound
from tests.support.observers.command import run
from unrep.cli import main

FILES = 20  # of a release, beside those of `content`
KEPT = 3


@dataclass
class Tally:
    """What was counted. `killed`: runs that were ended; `late`: those that were done before; `moved`: with the new
    release named already; `seconds`: of a run that nobody ends."""

    killed: int = 0
    late: int = 0
    moved: int = 0
    seconds: list[float] = field(default_factory=list)


class KilledRepository:
    """A repository whose commands are killed. `seed` decides when."""

    def __init__(self, root: Path, seed: int) -> None:
        self._random = Random(seed)
        self._root = root
        assert run("keygen --out", root / "k")[0] == 0
        self._ashore = Ashore(root, ("www", "mirror"))
        self._ashore.settle(f"key = {str(root / 'k.key')!r}\nreleases = {KEPT}\nlast = 2")
        self._number = 0
        self._release(0)
        self._typical_s = self._timed(self._next())

    def kill_releases(self, count: int) -> Tally:
        """Until so many releases were killed. Raises AssertionError for the first thing that does not hold."""
        tally = Tally()
        while tally.killed < count:
            argv = self._next()
            before = self._named()
            while self._killed(argv, self._typical_s):
                tally.killed += 1
                named = self._check(before)
                tally.moved += named != before
                if self._random.random() < 0.5 or tally.killed >= count:
                    break
            else:
                tally.late += 1
            self._typical_s = 0.8 * self._typical_s + 0.2 * (seconds := self._timed(argv))
            tally.seconds.append(seconds)
            assert self._named() == f"1.0.{self._number}" and sound(self._ashore)
            if self._number % 10 == 0:
                self._prune_whole()
        return tally

    def kill_prunes(self, count: int) -> Tally:
        """The same of `unrep repo prune`."""
        tally = Tally()
        argv = ["repo", "prune", "--repo", str(self._root / "repo")]
        typical_s = 0.1
        while tally.killed < count:
            for _ in range(self._random.randint(1, 2)):
                self._timed(self._next())
            before = self._named()
            while self._killed(argv, typical_s):
                tally.killed += 1
                assert self._check(before) == before
                if self._random.random() < 0.5 or tally.killed >= count:
                    break
            else:
                tally.late += 1
            typical_s = 0.5 * typical_s + 0.5 * (seconds := self._timed(argv))
            tally.seconds.append(seconds)
            self._check_pruned()
        return tally

    def _next(self) -> list[str]:
        self._number += 1
        tree: Tree = content(self._number)
        tree |= {f"data/{n}.bin": self._random.randbytes(3_000) for n in range(FILES)}
        source = write_tree(self._root / "source", tree)
        return ["release", str(source), "--version", f"1.0.{self._number}", "--repo", str(self._root / "repo")]

    def _release(self, number: int) -> None:
        source = write_tree(self._root / "source", content(number))
        argv = ["release", str(source), "--version", f"1.0.{number}", "--repo", str(self._root / "repo")]
        self._timed(argv)

    def _timed(self, argv: list[str]) -> float:
        """A run that nobody ends, in seconds."""
        began = time.monotonic()
        code = self._in_child(argv, None)
        assert code == 0, f"{argv}: {os.waitstatus_to_exitcode(code)}: {(self._root / 'said').read_text()}"
        return time.monotonic() - began

    def _killed(self, argv: list[str], typical_s: float) -> bool:
        """Whether the run was ended before it was done."""
        after_s = self._random.uniform(0, 1.1 * typical_s)
        status = self._in_child(argv, after_s)
        if os.WIFSIGNALED(status):
            return True
        assert status == 0, (self._root / "said").read_text()
        return False

    def _in_child(self, argv: list[str], after_s: float | None) -> int:
        child = os.fork()
        if not child:
            os._exit(_run(argv, self._root / "said"))
        if after_s is not None:
            time.sleep(after_s)
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        return os.waitpid(child, 0)[1]

    def _named(self) -> str:
        channel = self._ashore.channel()
        return channel.release.version if channel else ""

    def _check(self, before: str) -> str:
        """What holds after a kill: returns the release that the channel names."""
        faults = self._ashore.verify().faults
        assert not faults, faults
        assert sound(self._ashore), "a channel's file names what is not there whole"
        named = self._named()
        assert named in (before, f"1.0.{self._number}"), f"the channel names {named}"
        return named

    def _prune_whole(self) -> None:
        self._timed(["repo", "prune", "--repo", str(self._root / "repo")])
        self._check_pruned()

    def _check_pruned(self) -> None:
        found = self._ashore.verify()
        assert not found.faults and found.unneeded == 0 and found.manifests == KEPT, found
        assert sound(self._ashore) and len(self._ashore.published()) == len(self._ashore.published("mirror")) == KEPT


def _run(argv: list[str], said: Path) -> int:
    """In the child: the command, and what it said in a file. The exit code."""
    out, err = io.StringIO(), io.StringIO()
    code: object = 1
    with _in_a_thread(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(argv)
        except SystemExit as end:
            code = end.code or 0
    if code:
        said.write_text(err.getvalue())
    return int(str(code))


@contextmanager
def _in_a_thread() -> Iterator[None]:
    """New processes of Python would take most of the time, and most of the kills."""
    with mock.patch("unrep.terminal.options.repository.local_processes", _thread):
        yield


@contextmanager
def _thread(_: int | None) -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool
