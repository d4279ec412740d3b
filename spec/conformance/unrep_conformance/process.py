"""A reader as a process: a line of JSON in, a line of JSON out, within a time [N-1] to [N-5]."""

import json
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO, Any

LINE_MAX = 16_777_216
TAIL = 2_000  # bytes of its complaints that are told
GRACE_S = 0.5  # for a process that has closed its output to end


class NotThere(Exception):
    """The command cannot be started; the message names it."""


class Failed(Exception):
    """The reader gave no answer; the message says what it did instead."""


class Reader:
    """One that may end after any answer, and is then started again. A hang or a crash costs one question."""

    def __init__(self, command: Sequence[str], timeout_s: float) -> None:
        self._command, self._timeout_s = list(command), timeout_s
        self._running: _Running | None = None
        self._number = 0
        self.starts = 0

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The answer. Raises NotThere, or Failed."""
        self._number += 1
        question = json.dumps({"id": self._number, **request}).encode() + b"\n"
        while True:
            running = self._started()
            fresh = not running.answered
            running.write(question)
            try:
                answer = _parsed(running.line(self._timeout_s), self._number)
            except _Ended as fault:
                self.close()
                if fault.code == 0 and not fresh:
                    continue  # it was one that answers once
                raise Failed(str(fault)) from fault
            except Failed:
                self.close()
                raise
            running.answered = True
            return answer

    def close(self) -> None:
        """Ends the process, and what it started."""
        if self._running:
            self._running.kill()
            self._running = None

    def _started(self) -> "_Running":
        if self._running is None:
            self._running = _Running(self._command)
            self.starts += 1
        return self._running


class _Ended(Failed):
    """It ended without an answer."""

    def __init__(self, code: int | None, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class _Running:
    """A process with its threads: a pipe that nobody empties must not hold anyone."""

    def __init__(self, command: list[str]) -> None:
        pipe = subprocess.PIPE
        try:
            self._process = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=os.name != "nt"
            )
        except (OSError, ValueError) as fault:
            raise NotThere(f"{command[0]}: the reader cannot be started: {fault}") from fault
        self.answered = False
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._questions: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._complaints = b""
        streams = self._process.stdin, self._process.stdout, self._process.stderr
        self._threads = [
            threading.Thread(target=work, args=(stream,), daemon=True)
            for work, stream in zip((self._write, self._read, self._listen), streams, strict=True)
        ]
        for thread in self._threads:
            thread.start()

    def write(self, question: bytes) -> None:
        self._questions.put(question)

    def line(self, timeout_s: float) -> bytes:
        """The next line. Raises Failed."""
        try:
            line = self._lines.get(timeout=timeout_s)
        except queue.Empty:
            raise Failed(f"it gave no answer in {timeout_s:g} s{self._said()}") from None
        if not line:
            raise self._ended()
        return line

    def kill(self) -> None:
        """The process, and on POSIX all of its session; pipes are closed."""
        self._questions.put(None)
        with suppress(OSError):
            if os.name == "nt":
                tree = ["taskkill", "/T", "/F", "/PID", str(self._process.pid)]
                subprocess.run(tree, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
                self._process.kill()
            else:
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for thread in self._threads:
            thread.join(GRACE_S)

    def _ended(self) -> _Ended:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE_S)
        code = self._process.returncode
        if code is not None:
            self._threads[2].join(GRACE_S)
        how = "it closed its output" if code is None else f"it ended with exit code {code}"
        return _Ended(code, f"{how} and gave no answer{self._said()}")

    def _said(self) -> str:
        text = self._complaints.decode("utf-8", "replace").strip()
        return f"; its last words: {text.splitlines()[-1][:200]}" if text else ""

    def _write(self, stream: IO[bytes]) -> None:
        with suppress(OSError, ValueError):
            while (question := self._questions.get()) is not None:
                stream.write(question)
                stream.flush()
        with suppress(OSError):
            stream.close()

    def _read(self, stream: IO[bytes]) -> None:
        with suppress(OSError, ValueError):
            while line := stream.readline(LINE_MAX):
                self._lines.put(line)
        self._lines.put(b"")

    def _listen(self, stream: IO[bytes]) -> None:
        with suppress(OSError, ValueError):
            while part := os.read(stream.fileno(), TAIL):
                self._complaints = (self._complaints + part)[-TAIL:]


def _parsed(line: bytes, number: int) -> dict[str, Any]:
    """The object of a line that answers that question. Raises Failed."""
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError):
        raise Failed(f"it answered {line[:60]!r}, which is no line of JSON") from None
    if not isinstance(answer, dict):
        raise Failed(f"it answered {line[:60]!r}, which is no object")
    if type(answer.get("id")) is not int or answer["id"] != number:
        raise Failed(f"it answered question {answer.get('id')!r:.20}, and {number} was asked")
    return answer
