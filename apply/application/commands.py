"""Running a site's own commands: prepare, snapshot, restore, restart, health.

A command gets UNREP_SITE, UNREP_VERSION, UNREP_TREE and, where there is one, UNREP_VENV in its environment, and
{site}, {version}, {tree} and {current} expanded in its arguments. No shell reads them. It runs in a process group of
its own, which is killed as a whole when time is up. The last 64 KiB of its output are kept. A Python program prints
at once [A-120]. What another holds back when it is killed is lost.

A restart command usually leaves a server behind, which must outlive unrep. So when a command has ended, nothing that it
left running is touched. What the server still prints into the command's output is read and thrown away by a small
process. With nobody reading, the server would hang or die at its next line, long after it was found healthy. Under
systemd that server belongs to unrep's unit, which `unrep agent install` writes so that the server outlives it. One that
has a unit of its own is named as `systemd_unit` instead.
"""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, Final, cast

from apply.application.programs import isolated_environment, neutral_directory, system32
from apply.errors import StepFailed
from apply.site.layout import StepContext
from bundle.host.files import write_all
from bundle.names.plain_text import plain

if TYPE_CHECKING:
    from concurrent.futures import Future

if sys.platform == "win32":
    _NEW_GROUP, _DETACHED = subprocess.CREATE_NEW_PROCESS_GROUP, subprocess.DETACHED_PROCESS
else:
    _NEW_GROUP = _DETACHED = 0

MAX_OUTPUT_BYTES: Final = 64 * 1024
_MAX_LINE_CHARACTERS: Final = 300
_MAX_COMMAND_CHARACTERS: Final = 150
_KILL_GRACE_S: Final = 5.0
# How long output may stay open after its command has ended before it counts as inherited by a server.
_LEFTOVER_GRACE_S: Final = 0.2
_READABLE: Final = 0o022 if os.name != "nt" else -1  # umask: the application may be another account's
# Into a pipe Python prints by the 8 KiB, but errors at once: the last line would not be the error, and that of a killed
# program would be lost. Whoever sets the variable, if to nothing, is not overruled.
_PRINT_AT_ONCE: Final = {"PYTHONUNBUFFERED": "1"}
_DISCARD: Final = "import os\nwhile os.read(0, 65536): pass"


def run(
    argv: Sequence[str],
    context: StepContext,
    *,
    step: str,
    timeout_s: float,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    told: bytes = b"",
) -> str:
    """Run the command to its end and return the last 64 KiB of what it printed. `told`: what it reads on stdin.

    cwd is the site unless another is given, for a server started from a version directory would lock that on Windows.
    environment adds variables. Raises StepFailed, naming the command and its last line of output, if it cannot be
    started, exits with another code than 0, or has not ended after timeout_s. Then its process group is dead.
    """
    given = {**os.environ, **context.environment(), **(environment or {})}
    words = [context.expand(word) for word in argv]
    return _run(words, step, timeout_s, cwd or context.site, given, told=told)


def run_own(
    argv: Sequence[str],
    context: StepContext,
    *,
    step: str,
    timeout_s: float,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """`run` for a program of our own choice, named in full (`programs`): the words are taken as they are.

    It runs where no file of the site or the release is near, unless cwd says where, and without what steers Python or
    pip in our environment [A-102].
    """
    given = {**isolated_environment(), **context.environment(), **(environment or {})}
    return _run(list(argv), step, timeout_s, cwd or neutral_directory(), given, _READABLE)


def _run(
    words: list[str],
    step: str,
    timeout_s: float,
    cwd: Path,
    environment: Mapping[str, str],
    umask: int = -1,
    told: bytes = b"",
) -> str:
    from concurrent.futures import Future  # only here: `status` loads this module, and may start no command

    beginning: Future[subprocess.Popen[bytes]] = Future()
    start = partial(_start, words, step, cwd, environment, umask, subprocess.PIPE if told else subprocess.DEVNULL)
    life = threading.Thread(target=_live, args=(start, beginning, told), daemon=True)
    try:
        life.start()
        process = beginning.result()
        output = _Output(cast(IO[bytes], process.stdout))  # there is one, for it was asked for
        in_time = _ends(life, timeout_s)
    except BaseException:  # an interrupt reaches us alone, for the command has a session of its own
        with contextlib.suppress(StepFailed, TimeoutError):  # what never began needs no end
            _kill_group(beginning.result(_KILL_GRACE_S))
        raise
    if not in_time:
        _kill_group(process)
    text = output.end()
    if not in_time:
        raise StepFailed(step, f"{_named(words)} was killed after {timeout_s:g} s{_quoted_last_line(text)}")
    if process.returncode != 0:
        raise StepFailed(step, f"{_named(words)} {_ending(process.returncode)}{_quoted_last_line(text)}")
    return text


def quoted(words: Sequence[str]) -> str:
    """The command as a person would type it, in one line."""
    return plain(subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words))


def _start(
    words: list[str], step: str, cwd: Path, environment: Mapping[str, str], umask: int, stdin: int
) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(
            words,
            cwd=cwd,
            env={**_PRINT_AT_ONCE, **environment},
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            umask=umask,
            start_new_session=os.name != "nt",
            creationflags=_NEW_GROUP,
        )
    except OSError as error:
        raise StepFailed(step, f"{words[0]} cannot be started in {cwd}: {error.strerror}") from error
    except ValueError as error:  # a letter that this system's character set does not have, or a NUL
        raise StepFailed(step, f"{words[0]} cannot be started in {cwd}: {error}") from error


def _live(
    start: "Callable[[], subprocess.Popen[bytes]]", beginning: "Future[subprocess.Popen[bytes]]", told: bytes
) -> None:
    """Starts a command, tells it what it is to read, and waits for its end, in a thread of its own.

    An interrupt reaches the main thread, and must not fall between the start of a process and our knowing of it. And
    Popen.wait with a timeout polls, which adds up to 50 ms.
    """
    try:
        process = start()
    except BaseException as error:  # noqa: BLE001 - raised again where the process is awaited
        beginning.set_exception(error)
    else:
        beginning.set_result(process)
        if process.stdin:
            with contextlib.suppress(OSError), process.stdin:  # a command need not read
                write_all(cast(BinaryIO, process.stdin), told)
        process.wait()


def _ends(life: threading.Thread, timeout_s: float) -> bool:
    """Whether it ended in time."""
    deadline = time.monotonic() + timeout_s
    while life.is_alive() and (remaining_s := deadline - time.monotonic()) > 0:
        life.join(min(remaining_s, 1))  # on Windows Ctrl-C is seen only between two joins
    return not life.is_alive()


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    if process.returncode is not None:
        return  # its number may be another's by now
    if sys.platform == "win32":
        end_tree = [system32("taskkill.exe"), "/F", "/T", "/PID", str(process.pid)]
        subprocess.run(end_tree, capture_output=True, check=False, cwd=neutral_directory())
        with contextlib.suppress(OSError):
            process.kill()  # where taskkill could not; harmless for one that has ended
    else:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):  # one that the kernel cannot end must not hang the update
        process.wait(_KILL_GRACE_S)


class _Output:
    """Reads a command's output in the background, so that it never blocks, and keeps the end of it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._tail = bytearray()
        self._lock = threading.Lock()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with self._stream:
            while chunk := os.read(self._stream.fileno(), MAX_OUTPUT_BYTES):
                with self._lock:
                    self._tail += chunk
                    del self._tail[:-MAX_OUTPUT_BYTES]

    def end(self) -> str:
        """What was kept. Output that something left running still holds open is handed to a process that drains it."""
        self._reader.join(_LEFTOVER_GRACE_S)
        if self._reader.is_alive():
            _drain(self._stream)
        with self._lock:
            return self._tail.decode(errors="replace")


def _drain(stream: IO[bytes]) -> None:
    drain = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _DISCARD],
        stdin=stream,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=neutral_directory(),  # a version directory that it stood in could never be removed on Windows
        start_new_session=os.name != "nt",
        creationflags=_DETACHED,
    )
    threading.Thread(target=drain.wait, daemon=True).start()  # no zombie while we live


def _named(words: list[str]) -> str:
    command = quoted(words)
    return command if len(command) <= _MAX_COMMAND_CHARACTERS else f"{command[:_MAX_COMMAND_CHARACTERS]}…"


def _ending(code: int) -> str:
    return f"was killed by signal {-code}" if code < 0 else f"exited with {code}"


def _quoted_last_line(output: str) -> str:
    lines = [" ".join(line.split()) for line in output.splitlines() if line.strip()]
    if not lines:
        return ", and printed nothing"
    return f", its last line: {plain(lines[-1])[-_MAX_LINE_CHARACTERS:]}"
