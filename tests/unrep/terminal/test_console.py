"""The console: whatever it is handed, it writes lines of plain text, and JSON in one line of ASCII [A-95]."""

import io
import json
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from tests.support.contents.tiny_bundle import Shape, tiny_bundle, write_trust
from tests.support.observers.command import run
from tests.support.repository import REPOSITORY
from unrep.agent.journal import Event, Journal, Kind
from unrep.terminal import console
from unrep.terminal.fetch_progress import FetchProgress

EVIL = "a\x1b[31m\nforged\r\x85\u2028\u202e\udcff"
SHOWN = r"a\x1b[31m\nforged\r\x85\u2028\u202e\udcff"


def test_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """[A-95]"""
    console.say(EVIL, "", f"  {EVIL}")
    console.show(EVIL)
    assert capsys.readouterr() == (f"{SHOWN}\n", f"{SHOWN}\n\n  {SHOWN}\n")


def test_a_style_is_ours_and_what_is_told_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """[A-95]"""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    console.say(EVIL, bold=True)
    assert terminal.getvalue() == f"\x1b[1m{SHOWN}\x1b[0m\n"


@pytest.mark.parametrize("text", [EVIL, "\x7f", "é東\U0001f6a2", "\ud83d", "\udcff"])
def test_a_document_is_one_line_of_ascii(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """[A-95]: exact where it is text, and text for any reader."""
    console.answer({"a": [text], "b": {"c": text}})
    out = capsys.readouterr().out
    assert out.isascii() and out.endswith("\n") and out[:-1].isprintable()
    found = json.loads(out)["a"][0]
    assert found == json.loads(out)["b"]["c"] == text.replace("\udcff", "\\udcff").replace("\ud83d", "\\ud83d")
    found.encode()


class Terminal(io.StringIO):
    """As if somebody looked on."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """[A-95]: the label of a stage may name a directory."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.delenv("TERM", raising=False)
    with console.progress_bar() as bar:
        bar.start(EVIL, 10, "files")
        bar.note(EVIL)
        bar.advance(5)
        bar.start("other", 1, "B")
    assert SHOWN in terminal.getvalue()
    assert not set("\n\x1b\x85\u2028\u202e\udcff") & set(terminal.getvalue())


def test_what_was_there_before_is_no_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resumed fetch starts where it stands, and the time that it says is that of the rest."""
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    monkeypatch.setattr(console, "REDRAWN_EVERY_S", 0.01)
    monkeypatch.delenv("TERM", raising=False)
    with console.progress_bar() as bar:
        bar.start("fetching", 1_000_000, "B")
        bar.skip(900_000)
        time.sleep(0.2)
        bar.advance(10_000)
        time.sleep(0.2)
        last = terminal.getvalue().split("\r")[-1]
    assert re.search(r"fetching:  91%.* 910k/1\.00M ", last)
    rate = float(re.search(r"([\d.]+)kB/s", last)[1])  # type: ignore[index]  # it is there, or the test fails
    assert 5 < rate < 60, last


def test_a_stage_of_unknown_length_shows_that_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """As while a site's own command prepares a release, or its health is watched."""
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    monkeypatch.setattr(console, "REDRAWN_EVERY_S", 0.01)
    monkeypatch.delenv("TERM", raising=False)
    with console.progress_bar() as bar:
        bar.start("health", 0, "")
        time.sleep(1.2)
    drawn = terminal.getvalue()
    assert "health: 00:00" in drawn and "health: 00:01" in drawn
    time.sleep(0.1)
    assert terminal.getvalue() == drawn, "it is over"


def test_no_bar_where_it_would_be_rubbish(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither in a file, nor at a terminal that can move no cursor; and no colours where nobody wants them."""
    monkeypatch.setenv("TERM", "dumb")
    for stream in (io.StringIO(), terminal := Terminal()):
        monkeypatch.setattr(sys, "stderr", stream)
        with console.progress_bar() as bar:
            bar.start("x", 1, "B")
            bar.skip(1)
            bar.note("y")
            bar.advance(1)
        assert stream.getvalue() == ""
    monkeypatch.setenv("NO_COLOR", "1")
    console.say("plain", bold=True)
    assert terminal.getvalue() == "plain\n"


def test_what_an_agent_tells(capsys: pytest.CaptureFixture[str]) -> None:
    """[A-95] [A-65]"""
    Journal(lambda: 0.0, as_json=True).report(Event(Kind.REFUSED, EVIL, {"source": EVIL}))
    out, err = capsys.readouterr()
    assert err == f"1970-01-01T00:00:00+00:00 refused: {SHOWN}\n"
    assert out.isascii() and out.count("\n") == 1 and json.loads(out)["message"] == SHOWN


def test_the_events_of_a_fetch(capsys: pytest.CaptureFixture[str]) -> None:
    """[A-95]"""
    progress = FetchProgress(console.Bar(), as_events=True)
    progress.say(EVIL)
    progress.report("failed", error=EVIL)
    out, err = capsys.readouterr()
    assert err == f"{SHOWN}\n" and out[:-1].isprintable() and out.isascii()


def _fail(text: str) -> None:
    raise ValueError(text)


def test_a_defect_forges_no_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """[A-95]: also where a worker's process fell over it."""
    for failing in (_fail, _fail_far_away):
        with pytest.raises(ValueError) as caught:
            failing("\x1b[31m\nunrep: forged")
        console.say_defect(caught.value)
        lines = capsys.readouterr().err.split("\n")
        assert lines.count("Traceback (most recent call last):") >= 1
        assert r"ValueError: \x1b[31m\nunrep: forged" in lines
        assert all(line.isprintable() and not line.startswith("unrep: ") for line in lines)


def _fail_far_away(text: str) -> None:
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        pool.submit(_fail, text).result()


def test_a_passphrase_of_any_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """[A-97]"""
    asked: list[str] = []

    def answered(question: str, **_: object) -> str:
        asked.append(question)
        return "pä\udcff"

    monkeypatch.setattr("click.prompt", answered)
    assert console.ask_passphrase(f"Passphrase of {EVIL}") == b"p\xc3\xa4\xff" and asked == [f"Passphrase of {SHOWN}"]


@pytest.mark.parametrize("line", ["", "trust", "ship-key"])
def test_a_group_alone_shows_its_commands(line: str) -> None:
    code, out, err = run(line)
    assert code == 0 and not err and out.startswith("Usage: unrep") and re.search(r"^(Commands|Aboard):$", out, re.M)


_UNREP = (sys.executable, "-m", "unrep")


@pytest.mark.skipif(os.name == "nt" or not Path("/dev/full").exists(), reason="no /dev/full")
def test_output_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    """A full disk behind standard output is no defect of unrep; one behind standard error stops nothing."""
    with Path("/dev/full").open("wb") as full:
        lost = subprocess.run([*_UNREP, "status", "--site", tmp_path], stdout=full, stderr=subprocess.PIPE)
        untold = subprocess.run([*_UNREP, "hold", "--site", tmp_path, "--reason", "x"], stderr=full)
    assert lost.returncode == 5
    assert lost.stderr == b"unrep: standard output cannot be written: No space left on device; nothing else is lost\n"
    assert untold.returncode == 0 and (tmp_path / ".unrep" / "hold").exists()


@pytest.mark.skipif(os.name == "nt", reason="a shell of POSIX makes the pipe and closes the streams")
@pytest.mark.parametrize(("code", "words"), [(0, "status --site ."), (2, "status --site missing --json")])
def test_a_reader_who_has_gone_is_no_error(tmp_path: Path, code: int, words: str) -> None:
    """As behind `| head`: the exit code is that of the work, and Python adds no complaint."""
    script = f'{{ "$1" -m unrep {words}; echo $? >&3; }} | true'
    ended = subprocess.run(
        ["bash", "-c", f"exec 3>&1; {script}", "bash", sys.executable], cwd=tmp_path, capture_output=True, text=True
    )
    assert ended.stdout == f"{code}\n" and "Broken" not in ended.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells what is open, and a shell closes it")
def test_closed_streams_stop_nothing_and_no_file_takes_their_number(tmp_path: Path) -> None:
    """Else what a hook prints would be written into the record or the release that has the number of stderr."""
    code = (
        "from unrep.terminal.console import open_streams, progress_bar; open_streams()\n"
        "with progress_bar() as bar: bar.start('x', 1, 'B')\n"
        "import os; print([os.readlink(f'/proc/self/fd/{n}') for n in (0, 1, 2)], file=open('seen', 'w'))"
    )
    shell = ["bash", "-c", '"$1" -c "$2" <&- >&- 2>&-', "bash", sys.executable, code]
    subprocess.run(shell, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, check=True)
    assert (tmp_path / "seen").read_text() == f"{['/dev/null'] * 3}\n"


@pytest.mark.skipif(os.name == "nt", reason="a shell of POSIX makes the pipe")
def test_a_fetch_goes_on_when_its_events_are_not_read(tmp_path: Path) -> None:
    """An exit code of 0 must mean that the bundle is there."""
    (tmp_path / "bundle").write_bytes(tiny_bundle(Shape()).data)
    write_trust(tmp_path / "trust")
    script = '{ "$1" -m unrep fetch bundle --trust trust --out out --events; echo $? >&3; } | true'
    subprocess.run(
        ["bash", "-c", f"exec 3>code; {script}", "bash", sys.executable],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        check=True,
    )
    assert (tmp_path / "code").read_text() == "0\n" and (tmp_path / "out").exists()
