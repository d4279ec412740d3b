"""Manual pages: one for each command, and man(1) reads each without a complaint."""

import os
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from tests.support.observers.command import document, run
from unrep.cli import cli, every_command
from unrep.terminal.man_pages import man_pages


def test_each_command_has_one(tmp_path: Path) -> None:
    code, out, err = run("man --out", tmp_path / "share" / "man")
    pages = {path.stem for path in (tmp_path / "share" / "man" / "man1").iterdir()}
    assert (code, err) == (0, "") and out.startswith(f"{tmp_path / 'share' / 'man' / 'man1'}: {len(pages)} pages")
    assert pages >= {"unrep", "unrep-trust", *(name.replace(" ", "-") for name, _ in every_command(cli))}
    again = document(f"man --out {tmp_path / 'share' / 'man'}")
    assert set(again["pages"]) == pages and again["left_out"] == [], "they are replaced"


@pytest.mark.skipif(os.name == "nt" or not shutil.which("man"), reason="there is no man")
def test_man_reads_them(tmp_path: Path) -> None:
    assert run("man --out", tmp_path)[0] == 0
    plain = {**os.environ, "MANWIDTH": "1000", "LC_ALL": "C.UTF-8"}
    pages = sorted(map(str, (tmp_path / "man1").iterdir()))
    command = ["man", "--warnings=w", "-l", *pages]
    shown = subprocess.run(command, capture_output=True, text=True, env=plain, check=True)
    assert shown.stderr == "" and shown.stdout.count("\nNAME\n") == shown.stdout.count("\nEXIT STATUS\n") == len(pages)
    command = ["man", "-M", str(tmp_path), "unrep-apply"]
    shown = subprocess.run(command, capture_output=True, text=True, env=plain, check=True)
    assert "--dry-run" in shown.stdout and "unrep apply vms-2.unrep --site /opt/vms --trust shore.pub" in shown.stdout


def test_text_that_would_be_a_request() -> None:
    """A dot or an apostrophe that begins a line, and backslashes anywhere."""
    command = click.Command("x", help=".TH forged\n\n'so /etc/passwd\n\na\\fBb -- it's `c` ~ ^")
    pages, left_out = man_pages(click.Context(command, info_name="x"), "1")
    lines = pages["x"].splitlines()
    requests = [line for line in lines if line.startswith((".TH", "'"))]
    assert not left_out and requests == ['.TH "X" 1 "" "unrep 1" "unrep"']
    assert r"a\efBb \-\- it\(aqs \(gac\(ga \(ti \(ha" in lines
