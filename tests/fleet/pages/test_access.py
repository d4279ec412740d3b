"""[L-50] to [L-54] Who may see and change what, and what a ship's POST can do."""

import base64
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet.errors import AccessRefused
from fleet.pages.limits import MOST_BY_ONE, Attempts
from fleet.pages.office import Office as PagesOffice
from fleet.pages.serving import Listening, bound, check
from fleet.record.accounts import remove_user, set_user
from fleet.rollout.advancing import current
from tests.support.fleet.office import Office
from tests.support.fleet.pages import PASSWORD, Browser, lively, served, with_users
from tests.support.fleet.ships import Ship


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    made = with_users(lively(tmp_path_factory.mktemp("office"), time.time()))
    yield made
    made.database.close()


@pytest.fixture
def browser(office: Office) -> Iterator[Browser]:
    with served(office) as found:
        yield found


def test_nobody_sees_anything_without_a_session(browser: Browser) -> None:
    for path in ("/", "/ships/MV%20Mercy", "/releases", "/rollout", "/figures"):
        answer = browser.get(path)
        assert (answer.status, answer.headers["location"]) == (303, "/login")
    assert browser.get("/metrics").status == browser.get("/export/ships.csv").status == 401
    assert browser.get("/healthz").status == 200 and "Name" in browser.text("/login")


def test_a_session_begins_with_the_password_and_ends(browser: Browser) -> None:
    assert browser.log_in("rita", "wrong").status == 401 and browser.log_in("nobody").status == 401
    answer = browser.log_in("rita")
    assert (
        answer.status == 303
        and "HttpOnly" in answer.headers["set-cookie"]
        and "SameSite=lax" in answer.headers["set-cookie"]
    )
    text = browser.text("/rollout")
    assert "rita, reader" in text and "Ask a releaser" in text
    stolen = dict(browser.cookies)
    browser.send("/logout", form=field(text))
    browser.cookies = stolen
    assert browser.get("/").status == 303, "the token is of no use any more"


def field(text: str) -> str:
    return text.partition('name="form" value="')[2].partition('"')[0]


def test_a_reader_changes_nothing(browser: Browser, office: Office) -> None:
    browser.log_in("rita")
    assert browser.send("/rollout", do="resume", form=field(browser.text("/rollout"))).status == 403
    assert state(office) == "paused"


def state(office: Office) -> str:
    found = current(office.database)
    assert found
    return found.rollout.state


def test_a_releaser_lets_it_go_on_and_stops_it(browser: Browser, office: Office) -> None:
    browser.log_in("paul")
    form = field(browser.text("/rollout"))
    assert browser.send("/rollout", do="resume", form=form).status == 303 and state(office) == "running"
    assert browser.send("/rollout", do="pause", form=form, why="<b>wait</b>").status == 303
    found = current(office.database)
    assert found and (found.rollout.state, found.rollout.why, found.rollout.by) == ("paused", "<b>wait</b>", "paul")
    assert "&lt;b&gt;wait" in browser.text("/rollout")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_form_of_another_site_does_nothing(browser: Browser, office: Office, headers: dict[str, str]) -> None:
    """[L-53]"""
    browser.log_in("paul")
    form = field(browser.text("/rollout"))
    fields = {"do": "resume", "form": form}
    answer = browser.ask("POST", "/rollout", fields=fields, encode_multipart=False, headers=headers)
    assert answer.status == 403 and state(office) == "paused"
    assert browser.send("/rollout", do="resume", form="made up").status == 403 and state(office) == "paused"
    assert browser.ask("GET", "/rollout?do=resume").status == 200 and state(office) == "paused"


def test_other_names_of_the_host_are_refused(browser: Browser) -> None:
    """A page elsewhere whose name was made to lead here."""
    assert browser.get("/login", headers={"Host": "evil.example"}).status == 400


def test_programs_read_with_a_password(browser: Browser) -> None:
    basic = {"Authorization": "Basic " + base64.b64encode(f"rita:{PASSWORD}".encode()).decode()}
    assert browser.get("/metrics", headers=basic).status == 200
    assert browser.get("/", headers=basic).status == 303, "pages are for browsers"
    for value in ("Basic !", "Basic " + base64.b64encode(b"rita:wrong").decode(), "Bearer x"):
        assert browser.get("/metrics", headers={"Authorization": value}).status == 401


def test_a_hundred_attempts_are_mostly_not_even_looked_at(browser: Browser) -> None:
    """[L-52]"""
    found: Counter[int] = Counter()

    def guess() -> None:
        other = Browser(browser.url)
        for number in range(10):
            found[other.log_in("paul", f"guess number {number}").status] += 1

    threads = [threading.Thread(target=guess) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {401: MOST_BY_ONE, 429: 100 - MOST_BY_ONE}
    assert browser.log_in("paul").headers["retry-after"] == "60"


def test_attempts_count_by_address_by_name_and_in_all() -> None:
    now = [0.0]
    attempts = Attempts(clock=lambda: now[0])
    assert sum(attempts.admit("a", f"user {n}") for n in range(20)) == 10
    assert sum(attempts.admit(f"{n}", "anna") for n in range(20)) == 10
    assert sum(attempts.admit(f"x{n}", f"y{n}") for n in range(100)) == 40
    now[0] = 61
    assert attempts.admit("a", "anna")


def test_users_are_checked_and_changed(office: Office) -> None:
    with office.database.writing() as connection:
        with pytest.raises(AccessRefused, match="10 characters"):
            set_user(connection, "eve", "reader", "short", 0)
        with pytest.raises(AccessRefused, match="is no name"):
            set_user(connection, " ", "reader", PASSWORD, 0)
        assert set_user(connection, "eve", "reader", PASSWORD, 0) and not set_user(
            connection, "eve", "releaser", PASSWORD, 0
        )
        remove_user(connection, "eve")
        with pytest.raises(AccessRefused, match="none of that name"):
            remove_user(connection, "eve")


@pytest.mark.parametrize(
    ("listening", "why"),
    [
        ({"host": "0.0.0.0"}, "no users"),
        ({"host": "192.0.2.7"}, "no users"),
        ({"proxies": ("127.0.0.1",)}, "no users"),
        ({"certificate": Path("x")}, "both"),
    ],
)
def test_without_users_it_is_for_this_machine_alone(tmp_path: Path, listening: dict[str, Any], why: str) -> None:
    """[L-50]"""
    made = Office.begun(tmp_path, None, versions=0)
    pages = PagesOffice(made.ashore.repository, made.database, "vms")
    with pytest.raises(AccessRefused, match=why):
        check(pages, Listening(**listening))
    check(pages, Listening())
    with_users(made)
    with pytest.raises(AccessRefused, match=r"in the clear|both"):
        check(pages, Listening(**({"host": "0.0.0.0"} | listening | {"proxies": ()})))
    check(pages, Listening(host="0.0.0.0", proxies=("127.0.0.1",)))


def test_a_port_that_is_taken_is_named() -> None:
    with bound(Listening(port=0)) as first, pytest.raises(AccessRefused, match="choose another"):
        taken = first.getsockname()[1]
        bound(Listening(port=taken))


def test_no_page_waits_for_the_readers_acknowledgement() -> None:
    """asyncio sends the packets of an answer at once if the socket names its protocol. Else each page takes 40 ms."""
    with bound(Listening(port=0)) as made:
        assert made.proto == socket.IPPROTO_TCP


def test_a_ship_posts_its_receipt(tmp_path: Path, where: str | Path) -> None:
    """[L-54]"""
    made = with_users(Office.begun(tmp_path, where, versions=1))
    mercy, stranger = made.ship("Mercy"), Ship("stranger")
    first, second = mercy.says("alive", time.time()), mercy.says("alive", time.time())
    forged = bytes([*second[:-1], second[-1] ^ 1])
    posted = {"headers": {"Content-Type": "application/vnd.unrep.receipt"}}
    with served(made) as browser:

        def post(data: bytes) -> int:
            return browser.ask("POST", "/receipts", body=data, **posted).status

        assert [post(data) for data in (first, first, forged, second)] == [200, 200, 403, 200]
        assert post(stranger.says("alive", time.time())) == 403, "so that it asks again once it is added"
        assert post(b"no receipt") == 400 and post(b"x" * 400) == 413
        mercy.number, mercy.mark = 1, b"12345678"
        assert post(mercy.says("alive", time.time())) == 200, "a fork is kept, and not sent for ever"
        assert browser.get("/receipts").status == 405
        (ship,) = made.standings()
        assert (ship.heard is not None, ship.forks, ship.missing) == (True, 1, 0)
    with made.database.reading() as connection:
        rows = connection.exec_driver_sql("SELECT why FROM apart").all()
    assert [row[0] for row in rows] == ["fork"], "strangers fill nothing"
