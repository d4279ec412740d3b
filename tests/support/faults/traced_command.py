"""The real `unrep` command in a process that strace can kill, or fail, at any of its system calls.

Importing takes longer than a whole update of a tiny site, so a process that has imported everything forks one child
for each command; strace is attached to the child before the command begins. Fork only from a process without threads:
`pool()` makes such workers. Linux only; `missing()` says what else is missing.
"""

import contextlib
import functools
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path

from tqdm import tqdm

from bundle.archives.engines import present_features
from unrep.cli import COMMANDS, main

PATIENCE_S = 60.0
# Whatever changes a file system. A name that this machine's kernel does not have is passed over.
CHANGING = tuple(
    """
    open openat creat write writev pwrite64 pwritev sendfile copy_file_range truncate ftruncate fallocate sync syncfs
    fsync fdatasync rename renameat renameat2 link linkat symlink symlinkat unlink unlinkat mkdir mkdirat rmdir
    chmod fchmod fchmodat chown fchown fchownat utimensat mknodat setxattr fsetxattr
    """.split()  # noqa: SIM905 - it reads better
)
_OPENING = ("open", "openat")
_FOR_WRITING = re.compile(r"O_(WRONLY|RDWR|CREAT|TRUNC)")
_CALL = re.compile(r"^(\d+) +(\w+)\((.*)$")

for module in COMMANDS.values():
    import_module(f"unrep.commands.{module}")  # a command loads its own when it is called for


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, or a negative signal, and what it printed."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Point:
    """The n-th call of that name by any one thread of the run. `line` is the call as strace showed it."""

    call: str
    number: int
    line: str

    def injecting(self, what: str, onward: bool = False) -> list[str]:
        """The options of strace that make it happen there, or from there on."""
        when = f"{self.number}+" if onward else self.number
        return ["-e", f"trace={self.call}", "-e", f"inject={self.call}:{what}:when={when}"]


@functools.cache
def missing() -> str:
    """Why nothing can be traced here; "" if it can."""
    if not sys.platform.startswith("linux"):
        return "strace runs on Linux only"
    if not shutil.which("strace"):
        return "strace is not installed"
    tried = subprocess.run(["strace", "-f", "-qq", "-o", os.devnull, "true"], capture_output=True, text=True)
    return f"ptrace is not allowed here: {tried.stderr.strip()}" if tried.returncode else ""


def pool(workers: int) -> ProcessPoolExecutor:
    """Workers from which `unrep` and `traced` may fork."""
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_warm_up)


def _warm_up() -> None:
    """What every command would do anew: look at the deflate engines, make the lock of the progress bars."""
    present_features()
    tqdm.get_lock()  # type: ignore[no-untyped-call] # its stubs leave this one out


def unrep(*arguments: object) -> Ended:
    """Runs the command to its end, untouched."""
    with _forked(arguments) as child:
        child.go()
        return child.ended()


def traced(
    arguments: Sequence[object],
    options: Sequence[str],
    log: Path | str = os.devnull,
    change: Callable[[], None] | None = None,
) -> Ended:
    """Runs the command under strace with those options; `change` is called in its process before."""
    with _forked(arguments, change) as child:
        command = ["strace", "-f", "-qq", "-o", str(log), *options, "-p", str(child.pid)]
        tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        until = time.monotonic() + PATIENCE_S
        while "TracerPid:\t0\n" in Path(f"/proc/{child.pid}/status").read_text():
            assert tracer.poll() is None and time.monotonic() < until, tracer.communicate()
            time.sleep(0.0005)
        child.go()
        ended = child.ended()
        tracer.communicate(timeout=PATIENCE_S)
        return ended


def points(arguments: Sequence[object], scratch: Path, below: Path | None = None) -> tuple[list[Point], Ended]:
    """Every call of the run that changes a file system, or something below that directory; the run is made."""
    log = scratch / "calls"
    ended = traced(arguments, ["-y", "-s", "0", "-e", "trace=" + ",".join(f"?{name}" for name in CHANGING)], log)
    counts: Counter[tuple[str, str]] = Counter()
    found: dict[tuple[str, int], Point] = {}
    for match in map(_CALL.match, log.read_text(errors="replace").splitlines()):
        if not match:
            continue  # the end of a call that was interrupted by another thread's, or of a process
        thread, call, rest = match.groups()
        counts[thread, call] += 1
        changes = call not in _OPENING or _FOR_WRITING.search(rest)
        if changes and (below is None or f"{below}/" in rest or f"{below}>" in rest):
            number = counts[thread, call]
            found.setdefault((call, number), Point(call, number, f"{call}({rest}"))
    log.unlink()
    return list(found.values()), ended


class _Child:
    """A child that waits for `go` before it runs the command."""

    def __init__(self, arguments: Sequence[object], change: Callable[[], None] | None) -> None:
        self._gate, gate = os.pipe()[::-1]
        self._outputs = [os.memfd_create(name) for name in ("out", "err")]
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._gate)
            _become([str(argument) for argument in arguments], gate, self._outputs, change)
        os.close(gate)
        self._code: int | None = None

    def go(self) -> None:
        os.write(self._gate, b"!")

    def ended(self) -> Ended:
        self._code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return Ended(self._code, *(self._read(descriptor) for descriptor in self._outputs))

    def close(self) -> None:
        os.close(self._gate)
        for descriptor in self._outputs:
            os.close(descriptor)
        if self._code is None:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.pid, 0)

    @staticmethod
    def _read(descriptor: int) -> str:
        os.lseek(descriptor, 0, os.SEEK_SET)
        return b"".join(iter(lambda: os.read(descriptor, 65536), b"")).decode(errors="replace")


@contextlib.contextmanager
def _forked(arguments: Sequence[object], change: Callable[[], None] | None = None) -> Iterator[_Child]:
    child = _Child(arguments, change)
    try:
        yield child
    finally:
        child.close()


def _become(arguments: list[str], gate: int, outputs: list[int], change: Callable[[], None] | None) -> None:
    code = 99
    try:
        if change:
            change()
        if not os.read(gate, 1):
            os._exit(98)  # nobody lets it go
        os.dup2(outputs[0], 1)
        os.dup2(outputs[1], 2)
        main(arguments)
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
