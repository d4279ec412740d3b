"""Runs the commands of a page of the documentation, and compares what they print with what the page says.

The rules, for whoever writes a page:

- A fence ```console holds commands. A line `$ COMMAND` is run, and what stands below it is what it prints, on standard
  output and standard error. A line `> ...` continues the command. All commands of a page run in their order, by bash,
  in one new directory, with the real program.
- A comment <!-- console holds commands in the same way, which the page needs and does not show.
- A fence with title="PATH" is a file; it is written where it stands.
- A command that ends with ` &` runs in the background: the page goes on when it has printed what the page shows. It is
  told to stop (SIGINT) at the end of the page.
- A command must end with 0. Where another code is the point, the page shows it: `$ unrep ...; echo $?`.
- What differs from run to run is replaced by a word before both are compared: seconds (`1.2 s`), dates and times, and
  hexadecimal numbers of eight digits and more. The directory itself is shown as /tmp/demo. In commands, files and
  output, 8080 and 8081 stand for two free ports.
- `...` in a line of output stands for any text, and alone in a line for any lines.

Fences of other kinds are only shown. What a page should say is written into it by

    python -m tests.docs.console PAGE...

which replaces the output of each command that prints something else than the page says.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from unrep.demo.story import free_port

FENCE: Final = re.compile(r"^(?:```|<!-- )(\w+)([^\n]*)\n(.*?)^(?:```|-->)$", re.MULTILINE | re.DOTALL)
TITLE: Final = re.compile(r'title="([^"]+)"')
PORTS: Final = ("8080", "8081")
VARYING: Final = (
    (re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d)?(\+00:00|Z)?)?"), "<date>"),
    (re.compile(r"\b[0-9a-f]{8,}\b"), "<hex>"),
    (re.compile(r"\b\d+(\.\d+)? s\b"), "<seconds>"),
)
SHOWN_DIRECTORY: Final = "/tmp/demo"
PATIENCE_S: Final = 30
WIDTH: Final = 120


Ports = dict[str, str]


class Differs(AssertionError):
    """A command did not print what the page says, or did not end as it should."""


@dataclass
class Command:
    """One command and the lines that the page shows below it."""

    line: str
    shown: list[str] = field(default_factory=list)

    @property
    def is_background(self) -> bool:
        return self.line.endswith(" &")


@dataclass(frozen=True)
class File:
    """A file that the page shows."""

    path: str
    text: str


def steps(page: str) -> list[Command | File]:
    """Commands and files of a page, in their order."""
    found: list[Command | File] = []
    for language, details, text in FENCE.findall(page):
        if title := TITLE.search(details):
            found.append(File(title[1], text))
        elif language == "console":
            found += _commands(text)
    return found


def _commands(text: str) -> list[Command]:
    found: list[Command] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append(Command(line.removeprefix("$ ")))
        elif line.startswith("> ") and not found[-1].shown:
            found[-1].line += "\n" + line.removeprefix("> ")
        else:
            found[-1].shown.append(line)
    return found


def run_page(page: str, directory: Path) -> int:
    """Runs a page in an empty directory; how many commands it had. Raises Differs."""
    count = 0
    for command, code, printed in perform(page, directory):
        count += 1
        if code:
            raise Differs("\n".join([f"$ {command.line}", f"ended with {code}", *printed]))
        if not matches(command.shown, printed):
            raise _difference(command, printed)
    return count


def perform(page: str, directory: Path) -> Iterator[tuple[Command, int, list[str]]]:
    """Runs a page; each command with its exit code and what it printed. Raises Differs for one in the background."""
    ports = {shown: str(free_port()) for shown in PORTS}
    background: list[subprocess.Popen[str]] = []
    try:
        for step in steps(page):
            if isinstance(step, File):
                (directory / step.path).parent.mkdir(parents=True, exist_ok=True)
                (directory / step.path).write_text(_replaced(step.text, ports), encoding="utf-8")
            elif step.is_background:
                background.append(_begin(step, directory, ports))
                yield step, 0, step.shown
            else:
                process = _started(step.line, directory, ports)
                output, _ = process.communicate(timeout=PATIENCE_S)
                printed = _replaced(output, _back(ports)).replace(str(directory), SHOWN_DIRECTORY)
                yield step, process.returncode, printed.splitlines()
    finally:
        for process in background:
            _stop(process)


def _difference(command: Command, printed: list[str]) -> Differs:
    return Differs("\n".join([f"$ {command.line}", "--- page", *command.shown, "--- printed", *printed]))


def _begin(command: Command, directory: Path, ports: Ports) -> subprocess.Popen[str]:
    process = _started(f"exec {command.line.removesuffix(' &')}", directory, ports)
    assert process.stdout
    printed: list[str] = []
    until = time.monotonic() + PATIENCE_S
    while not matches(command.shown, printed):
        line = process.stdout.readline()
        printed.append(_replaced(line, _back(ports)).rstrip("\n"))
        if not line or time.monotonic() > until:
            _stop(process)
            raise _difference(command, printed)
    return process


def _stop(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=5)
    process.kill()


def _started(line: str, directory: Path, ports: Ports) -> subprocess.Popen[str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return subprocess.Popen(
        ["bash", "-c", _replaced(line, ports)],
        cwd=directory,
        env={**os.environ, "PATH": path, "LC_ALL": "C.UTF-8", "no_proxy": "127.0.0.1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def _replaced(text: str, ports: Ports) -> str:
    for old, new in ports.items():
        text = re.sub(rf"\b{old}\b", new, text)
    return text


def _back(ports: Ports) -> Ports:
    return {new: old for old, new in ports.items()}


def matches(shown: list[str], printed: list[str]) -> bool:
    """Whether what was printed is what the page shows, as far as it does not vary."""
    pattern = "".join("(?:.*\n)*" if line == "..." else f"{_pattern(line)}\n" for line in shown)
    return re.fullmatch(pattern, "".join(f"{_settled(line)}\n" for line in printed)) is not None


def _pattern(line: str) -> str:
    return ".*".join(re.escape(_settled(part)) for part in line.split("..."))


def _settled(line: str) -> str:
    for varying, word in VARYING:
        line = varying.sub(word, line)
    return line.rstrip()


def recorded(page: str, directory: Path) -> str:
    """The page with the output that its commands print now, where that differs; long lines are cut."""
    done = ""
    for command, code, printed in perform(page, directory):
        if code:
            print(f"ended with {code}: {command.line}", *printed, sep="\n", file=sys.stderr)
        asked = "$ " + command.line.replace("\n", "\n> ")
        before, found, page = page.partition("\n".join([asked, *command.shown, ""]))
        if found and not matches(command.shown, printed):
            found = "\n".join([asked, *map(_cut, printed), ""])
        done += before + found
    return done + page


def _cut(line: str) -> str:
    """The line, if it is not too long; else its clauses that fit."""
    if len(line) <= WIDTH:
        return line
    ends = [line.rfind(mark, 0, WIDTH - 4) for mark in (", ", "; ")]
    return f"{line[: max(ends) + 1] or line[: line.rfind(' ', 0, WIDTH - 4)]} ..."


def main() -> None:
    """Records the pages that are named."""
    for name in sys.argv[1:]:
        with tempfile.TemporaryDirectory(prefix="unrep-docs-") as directory:
            path = Path(name)
            path.write_text(recorded(path.read_text(encoding="utf-8"), Path(directory)), encoding="utf-8")


if __name__ == "__main__":
    main()
