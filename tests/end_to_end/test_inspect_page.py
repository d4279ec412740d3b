"""[L-45] `unrep inspect --html`: a page of one bundle that needs nothing else."""

import re
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy", reason="needs the extra unrep[fleet]")

from tests.support.contents.repositories import Ashore
from tests.support.observers.command import run


def test_a_page_of_one_bundle(tmp_path: Path) -> None:
    ashore = Ashore(tmp_path)
    for number in range(2):
        ashore.release(number)
    bundle = tmp_path / "repo" / "bundles" / "1.0.1-1.unrep"
    code, out, err = run("inspect", bundle, "--html", tmp_path / "page.html")
    assert code == 0 and err == "" and "file by file" in out
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert text.count('<svg class="treemap"') == 2 and "app/main.txt" in text and "unrep verify" in text
    assert not re.search(r"<script|\bon\w+=|@import|url\(", text)
    assert not re.findall(r'(?:src|href)="(?!data:,")[^"]*"', text)
    assert run("inspect", bundle, "--html", tmp_path / "no" / "page.html")[0] == 2
