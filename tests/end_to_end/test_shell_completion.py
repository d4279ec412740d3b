"""A real shell completes commands, options and files by the script of `unrep completion`."""

import os
import select
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.observers.command import document, run
from tests.support.repository import REPOSITORY
from tests.support.sites.site import PATIENCE_S

needs_bash = pytest.mark.skipif(os.name == "nt" or not shutil.which("bash"), reason="a terminal of POSIX, and bash")


class Terminal:
    """A bash at a terminal, in a directory, with `unrep` in its path."""

    def __init__(self, directory: Path) -> None:
        import pty  # not on Windows

        commands = directory / "bin"
        commands.mkdir()
        unrep = commands / "unrep"
        unrep.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m unrep "$@"\n')
        unrep.chmod(0o755)
        environment = {
            "PATH": f"{commands}:/usr/bin:/bin", "HOME": str(directory), "TERM": "dumb", "PS1": "READY> ",
            "PYTHONPATH": str(REPOSITORY),
        }  # fmt: skip
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.chdir(directory)
            os.execve("/bin/bash", ["bash", "--norc", "--noprofile", "-i"], environment)  # noqa: S606
        self.until("READY> ")

    def type(self, keys: str) -> None:
        """As from a keyboard."""
        os.write(self._terminal, keys.encode())

    def until(self, words: str) -> str:
        """What appears until those words stand there."""
        seen, end = "", time.monotonic() + PATIENCE_S
        while words not in seen:
            assert time.monotonic() < end, f"{words!r} is not in {seen!r}"
            if select.select([self._terminal], [], [], 0.2)[0]:
                seen += os.read(self._terminal, 4096).decode()
        return seen

    def close(self) -> None:
        """Ends the shell."""
        self.type("\x15exit\r")
        os.waitpid(self.pid, 0)
        os.close(self._terminal)


@pytest.fixture
def bash(tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path)
    terminal.type("source <(unrep completion bash); echo loa''ded\r")
    terminal.until("loaded")
    yield terminal
    terminal.close()


@needs_bash
def test_bash_completes(bash: Terminal, tmp_path: Path) -> None:
    """A command, one of a group, an option, a word of a choice, and a file."""
    (tmp_path / "harbour.unrep").touch()
    for typed, completed in (
        ("unrep stat", "unrep status "),
        ("unrep trust rot", "unrep trust rotate "),
        ("unrep fetch --ou", "unrep fetch --out "),
        ("unrep build --platform po", "--platform posix "),
        ("unrep apply harb", "unrep apply harbour.unrep "),
    ):
        bash.type(f"\x15{typed}\t")
        bash.until(completed)
    bash.type("\x15unrep trust \t\t")
    assert {"init", "revoke", "rotate", "show", "sign"} <= set(bash.until("sign").split())


@pytest.mark.parametrize(
    ("shell", "words"),
    [("zsh", "#compdef unrep"), ("fish", "complete --no-files --command unrep"), ("powershell", "-CommandName unrep")],
)
def test_scripts_of_other_shells(shell: str, words: str) -> None:
    code, out, err = run(f"completion {shell}")
    assert (code, err) == (0, "") and words in out and "_UNREP_COMPLETE" in out
    assert document(f"completion {shell}") == {"shell": shell, "script": out}


def test_a_shell_that_there_is_not() -> None:
    code, out, err = run("completion ksh")
    assert (code, out) == (2, "") and "'ksh' is not one of 'bash', 'zsh', 'fish', 'powershell'" in err


def test_nothing_appears_where_completing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two keys, an error would be printed into the line that is being typed."""
    monkeypatch.setenv("_UNREP_COMPLETE", "bash_complete")
    monkeypatch.delenv("COMP_WORDS", raising=False)
    code, out, err = run("")
    assert code == 1 and out == err == ""
