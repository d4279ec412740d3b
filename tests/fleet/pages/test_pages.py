"""[L-40] to [L-44] What the pages show, and what they never do."""

import csv
import io
import re
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from fleet.rollout.advancing import begin, pause
from fleet.rollout.decision import DAY_S, Conditions
from tests.support.fleet.office import Office
from tests.support.fleet.pages import PAGES, Browser, lively, served
from tests.support.fleet.ships import NOW, Ship


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    office = lively(tmp_path_factory.mktemp("office"), time.time())
    with served(office) as browser:
        yield browser
    office.database.close()


@pytest.mark.parametrize(
    "path", [*PAGES.values(), "/login", "/?q=%3Cscript%3E", "/ships/nobody", "/releases/9.9", "/x"]
)
def test_every_page_needs_no_script_and_nothing_from_outside(pages: Browser, path: str) -> None:
    answer = pages.get(path)
    text = answer.data.decode()
    assert answer.status in (200, 404) and text.startswith("<!DOCTYPE html>")
    assert not re.search(r"<script|\son\w+=|javascript:|\bstyle=", text.replace("&lt;script", ""))
    assert not re.findall(r'(?:src|href|action)="(?!/|#|\?|data:,")[^"]*"', text)
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff" and answer.headers["cache-control"] == "no-store"


def test_markup_of_ships_is_text(pages: Browser) -> None:
    for path in ("/", "/rollout", "/ships/MV%20%3Cb%3EBold%3C%2Fb%3E%20%26%20Sons"):
        text = pages.text(path)
        assert "<b>Bold" not in text and "MV &lt;b&gt;Bold&lt;/b&gt; &amp; Sons" in text
    assert "&lt;i&gt;no&lt;/i&gt;" in pages.text("/") and "'=" not in pages.text("/")


MARKUP = ("<script>alert(1)</script>", '"><img src=x>', "=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3")


def test_markup_and_formulas_are_text_in_every_page_and_list(tmp_path: Path) -> None:
    """[L-40], [L-25] As names of ships, as reasons, and by whom a rollout was begun."""
    office = Office.begun(tmp_path, None, versions=2)
    for number, text in enumerate(MARKUP):
        office.ship(text, "canary" if number else "stable")
        office.says(text, "applied", "1.0.0", days_ago=2, program=text[:15])
        office.says(text, "rolled-back", "1.0.1", days_ago=1, reason=text, code=2)
    found = office.shore.release("1.0.1")
    assert found
    begin(office.database, found, ["canary", "stable"], Conditions(1, DAY_S, 0, 1), MARKUP[0], office.now)
    pause(office.database, MARKUP[0], MARKUP[2])
    ships = [f"/ships/{quote(text, safe='')}" for text in MARKUP]
    with served(office) as browser:
        for path in ("/", "/releases", "/releases/1.0.1", "/rollout", "/figures", *ships, f"/?q={quote(MARKUP[1])}"):
            text = browser.text(path)
            assert "<script" not in text and "<img" not in text
        for name in ("ships", "receipts", "apart", "rollouts"):
            for row in csv.DictReader(io.StringIO(browser.text(f"/export/{name}.csv"))):
                assert not [cell for cell in row.values() if cell.startswith(("=", "+", "-", "@", "\t"))], row
    office.database.close()


@pytest.mark.parametrize("trouble", ["locked", "gone"])
def test_a_record_in_trouble_says_so_and_is_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    """[L-43], [L-54] A ship keeps its receipt until an answer says that it is on record."""
    monkeypatch.setattr("fleet.record.database.LOCK_TIMEOUT_S", 0.2)
    office = Office.begun(tmp_path, tmp_path / "fleet.db", versions=1)
    receipt = office.ship("MV Mercy").says("alive")
    with served(office) as browser:
        lock = sqlite3.connect(tmp_path / "fleet.db", isolation_level=None)
        if trouble == "locked":
            lock.execute("BEGIN EXCLUSIVE")
        else:
            lock.close()
            (tmp_path / "fleet.db").rename(tmp_path / "away.db")
        for path in ("/", "/ships/MV%20Mercy", "/figures", "/rollout", "/metrics", "/healthz"):
            answer = browser.get(path)
            assert answer.status in (500, 503) and b"Traceback" not in answer.data, path
            assert b"another process holds it" in answer.data or b"cannot be" in answer.data, path
        assert browser.ask("POST", "/receipts", body=receipt).status == 503
        if trouble == "locked":
            lock.execute("ROLLBACK")
            lock.close()
        else:
            assert not (tmp_path / "fleet.db").exists()
            (tmp_path / "away.db").rename(tmp_path / "fleet.db")
        assert browser.ask("POST", "/receipts", body=receipt).status == 200
        assert "1 of 1 ships" in browser.text("/")
    office.database.close()


def test_the_worst_ship_stands_first_and_filters_narrow(pages: Browser) -> None:
    names = re.findall(r'<th scope="row"><a[^>]*>([^<]+)</a>', pages.text("/"))
    assert names[:2] == ["MV Number 3", "MV Number 5"] and len(names) == 21
    assert re.findall(r"row\"><a[^>]*>([^<]+)<", pages.text("/?state=unheard")) == ["MV Newcomer"]
    assert "1 of 21 ships" in pages.text("/?q=mercy&ring=canary") and "0 of 21" in pages.text("/?q=mercy&ring=stable")
    late = re.findall(r'row"><a[^>]*>([^<]+)<', pages.text("/?state=late"))
    assert {"MV Mercy", "MV Number 3"} < set(late) and f"<b>{len(late)}</b> not on their release" in pages.text("/")
    assert "no such state" in pages.text("/?state=%22%3E")


def test_a_ship_says_why_it_went_back_and_what_it_fetches_next(pages: Browser) -> None:
    text = pages.text("/ships/MV%20Mercy")
    assert "unhealthy: GET /health: HTTP 500" in text and "outage 61.0 s" in text and "A delta: 1.0.2" in text
    assert "fetched 4.0 kB, 0.05 USD" in text and "in all</dt><dd>8.0 kB, 0.10 USD" in text
    assert "alive" not in text and "alive" in pages.text("/ships/MV%20Mercy?all=1")


def test_a_release_says_what_it_costs_each_base(pages: Browser) -> None:
    text = pages.text("/releases/1.0.2")
    assert text.count('class="tile') >= 3 and "none, in full" in text and "USD each" in text
    full = pages.text("/releases/1.0.2?base=full")
    assert "Bytes in full" in full and "app/main.txt" in full and "base=zz" not in full
    assert "<svg" not in pages.text("/releases/1.0.2?base=zz")


def test_the_rollout_says_why_it_stopped(pages: Browser) -> None:
    text = pages.text("/rollout")
    assert "paused, for 2 ships failed on it" in text and "<button name" not in text and "unrep fleet user add" in text


def test_figures_have_tables_for_who_cannot_see_them(pages: Browser) -> None:
    text = pages.text("/figures")
    assert text.count("<svg") == text.count("<details>") >= 6 and "Nothing yet." in text


def test_lists_are_the_same_as_the_commands_give(pages: Browser) -> None:
    answer = pages.get("/export/ships.csv")
    lines = answer.data.decode().splitlines()
    assert lines[0].startswith("name,ring,state") and len(lines) == 22
    assert "attachment" in answer.headers["content-disposition"]
    assert len(pages.text("/export/receipts.jsonl").splitlines()) > 50
    assert pages.get("/export/account.csv").status == 404


def test_a_page_while_receipts_are_taken_in(tmp_path: Path, where: str | Path) -> None:
    """[L-44]"""
    office = Office.begun(tmp_path, where, versions=1)
    ships = [office.ship(f"ship {number}") for number in range(10)]
    said = [receipt for ship in ships for receipt in ship.alive(300)]
    with served(office) as browser:
        taking = threading.Thread(target=office.take, args=(said,))
        taking.start()
        while taking.is_alive():
            assert "<h1>Fleet</h1>" in browser.text("/")
        taking.join()
        assert "10 of 10 ships" in browser.text("/?state=silent") or "10 of 10" in browser.text("/")


def test_an_empty_fleet(tmp_path: Path) -> None:
    office = Office.begun(tmp_path, None, versions=0)
    with served(office) as browser:
        for path in ("/", "/releases", "/rollout", "/figures", "/metrics", "/export/ships.csv"):
            browser.text(path)


def test_a_record_that_is_damaged_says_so(tmp_path: Path) -> None:
    office = Office.begun(tmp_path, tmp_path / "fleet.db", versions=1)
    office.ships["x"] = Ship("x")
    with served(office) as browser:
        with office.database.writing() as connection:
            connection.exec_driver_sql("DROP TABLE receipt")
        answer = browser.get("/")
        assert (answer.status == 500 and b"restore it from a backup" in answer.data) or b"see that" in answer.data
        assert b"Traceback" not in answer.data and browser.get("/receipts").status in (404, 405)
    assert NOW
