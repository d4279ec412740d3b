"""The edge to a person: messages, progress bars, questions, and JSON for programs.

Nothing else writes on stdout or stderr. Results go to stdout, all else to stderr [A-206]. All of it goes out in lines,
each of them plain text [A-95]: names, answers of servers and what a bundle says may hold anything.
"""

import io
import json
import os
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Any

import click

from bundle.names.plain_text import each_text, plain, whole
from unrep.errors import NobodyReads, OutputLost

COMPLETION_VARIABLE = "_UNREP_COMPLETE"  # by which the script of `unrep completion` asks what could stand here
REDRAWN_EVERY_S = 1.0
_STANDARD_ERROR = 2


def restart_in_utf8() -> None:
    """Restarts this process in UTF-8 mode if the locale has another character set.

    Names of files in releases are UTF-8 [A-97]. Python would write other names, or none at all.
    """
    if os.name == "posix" and sys.getfilesystemencoding() != "utf-8" and not sys.flags.utf8_mode and sys.executable:
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606 - no shell is meant


def open_streams() -> None:
    """Lets stdout and stderr take every character, in UTF-8 whatever the locale says [A-209].

    A pipe of Windows would take few, and file names have any. What is no character at all is escaped.

    A stream that is closed is opened to the null device. Otherwise the next file would get its number, and what a
    command of the site prints would be written into that file.
    """
    if os.name == "posix":
        while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _STANDARD_ERROR:
            os.set_inheritable(descriptor, True)
        os.close(descriptor)
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - for as long as we run
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def discard_unwritten() -> None:
    """Discards what stdout and stderr could not take. Python would try again at exit, with an exit code of its own."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def say(*lines: str, **style: Any) -> None:
    """Progress, warnings and errors, on stderr; `style` as of click.style, where that is a terminal.

    A message that nobody takes, on a full disk or by a reader who has gone, stops no work.
    """
    with suppress(OSError):
        for line in lines:
            click.echo(_styled(line, style), err=True)


def show(*lines: str, **style: Any) -> None:
    """What a command found or made, on stdout; `style` as for `say`. Raises NobodyReads or OutputLost."""
    for line in lines:
        _write(_styled(line, style))


def _styled(line: str, style: Mapping[str, Any]) -> str:
    """Colours are left out where NO_COLOR asks for none, and by click where no terminal is."""
    return plain(line) if not style or os.environ.get("NO_COLOR") else click.style(plain(line), **style)


def _write(line: str) -> None:
    try:
        click.echo(line)
    except BrokenPipeError as error:
        raise NobodyReads from error
    except OSError as error:
        raise OutputLost(f"standard output cannot be written: {error.strerror}; nothing else is lost") from error


def tell(as_json: bool, document: Mapping[str, Any], *lines: str) -> None:
    """What a command found or made, on stdout: one JSON object for a program, else lines for a person.

    Raises NobodyReads or OutputLost.
    """
    if as_json:
        answer(document)
    else:
        show(*lines)


def answer(document: Mapping[str, Any]) -> None:
    """One JSON object for a program, in one line of ASCII on stdout; its texts are exact, as far as they are text.

    Raises NobodyReads or OutputLost.
    """
    _write(json.dumps(each_text(document, whole)))  # which writes out all but printable ASCII


def ask_passphrase(question: str, *, twice: bool = False) -> bytes:
    """What a person types unseen; bytes that are no text stay as they are."""
    typed: str = click.prompt(plain(question), hide_input=True, confirmation_prompt=twice, err=True)
    return typed.encode(errors="surrogateescape")


def confirm(question: str) -> bool:
    """What a person answers. Raises click.Abort for an answer that never comes."""
    return click.confirm(plain(question), err=True)


def ask(question: str, default: str = "", *, unseen: bool = False) -> str:
    """What a person types, the default for nothing; `unseen`: a secret, twice. Raises click.Abort if it never comes."""
    typed: str = click.prompt(
        plain(question),
        default=default,
        show_default=bool(default),
        hide_input=unseen,
        confirmation_prompt=unseen,
        err=True,
    )
    return typed.strip()


def is_terminal() -> bool:
    """Whether somebody is there to be asked; a service may have no streams at all."""
    return all(stream and stream.isatty() for stream in (sys.stdin, sys.stderr))


def say_defect(error: BaseException) -> None:
    """The traceback of a defect and of its causes, for whoever repairs it."""
    if cause := error.__cause__ or (None if error.__suppress_context__ else error.__context__):
        say_defect(cause)
    say("Traceback (most recent call last):")
    for frame in traceback.format_tb(error.__traceback__):
        say(*frame.splitlines())
    if remote := getattr(error, "tb", ""):  # as text, from a worker's process: its lines are not ours
        say(*(f"  | {line}" for line in remote.splitlines()))
    else:
        say(f"{type(error).__name__}: {error}")


class Bar:
    """Progress as a bar on stderr [A-219]; silent where nobody looks on, or the terminal can move no cursor.

    It is drawn anew each second, so that the seconds go on where a single large file takes minutes.
    """

    def __init__(self) -> None:
        self._bar: Any = None  # a tqdm, whose type would need an item type that it does not have
        self._is_shown = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._is_over = Event()

    def start(self, label: str, total: int, unit: str) -> None:
        self.finish()
        if not self._is_shown:
            return
        from tqdm import tqdm

        self._bar = tqdm(
            desc=plain(label),
            total=total or None,
            unit=unit if unit == "B" else f" {unit}",
            unit_scale=unit == "B",
            bar_format=None if total else "{desc}: {elapsed}",
            dynamic_ncols=True,
            leave=False,
        )
        self._is_over = Event()
        Thread(target=self._tick, args=(self._bar, self._is_over), daemon=True).start()

    def advance(self, amount: int) -> None:
        if self._bar is not None:
            self._bar.update(amount)

    def skip(self, amount: int) -> None:
        """Counts what was there before, without taking it for speed."""
        if self._bar is not None:
            bar = self._bar
            bar.initial, bar.n, bar.last_print_n = bar.initial + amount, bar.n + amount, bar.n + amount
            bar.start_t = bar.last_print_t = time.time()
            bar.refresh()

    def note(self, text: str) -> None:
        """A word behind the bar."""
        if self._bar is not None:
            self._bar.set_postfix_str(plain(text), refresh=False)

    def finish(self) -> None:
        self._is_over.set()
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    @staticmethod
    def _tick(bar: Any, is_over: Event) -> None:
        while not is_over.wait(REDRAWN_EVERY_S):
            bar.refresh()


@contextmanager
def progress_bar() -> Iterator[Bar]:
    """A bar that is gone when the work is over, however it ends."""
    bar = Bar()
    try:
        yield bar
    finally:
        bar.finish()
