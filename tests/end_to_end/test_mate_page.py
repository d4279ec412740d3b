"""The mate's page in a real browser, without scripts: a stick, a bad release and a hold, by one who knows it alone."""

import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from apply.hold import read_hold
from tests.support.observers.browser import IS_MISSING, browser
from tests.support.sites.mate_page import NARROW, PIN, SITUATIONS, in_situation, mates_ship, shown
from tests.support.sites.site import Ship, shore
from unrep.page.server import PageServer

pytestmark = pytest.mark.skipif(
    IS_MISSING,
    reason="needs Debian's chromium and the package playwright: the mate's page is not tried in a browser",
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    # A name of somebody else's that leads to this machine, as DNS rebinding makes one.
    with browser("--host-resolver-rules=MAP evil.example 127.0.0.1") as started:
        yield started


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    return mates_ship(tmp_path, "1.0.0", "1.0.1")


@pytest.fixture
def server(ship: Ship) -> Iterator[PageServer]:
    with shown(ship) as server:
        yield server


@pytest.fixture
def page(chromium: Any, server: PageServer) -> Iterator[Any]:
    """A browser that runs no scripts, on the page; what it refuses to load fails the test, as do requests elsewhere."""
    context = chromium.new_context(java_script_enabled=False)
    opened = context.new_page()
    strange: list[str] = []
    opened.on("console", lambda message: strange.append(message.text) if "Policy" in message.text else None)
    opened.on("request", lambda request: strange.append(request.url) if server.url not in request.url else None)
    opened.goto(server.url)
    yield opened
    context.close()
    assert [text for text in strange if not text.startswith("data:")] == []


def pressed(page: Any, server: PageServer, button: str, pin: str = PIN) -> str:
    """Presses a button, gives the PIN, and returns what is shown once it is done."""
    page.get_by_role("link", name=button).click()
    page.get_by_label("Your PIN").fill(pin)
    page.get_by_role("button").click()
    server.jobs.wait()
    page.goto(server.url)
    return str(page.inner_text("main"))


def test_a_stick_a_bad_release_and_a_hold(page: Any, server: PageServer, ship: Ship, tmp_path: Path) -> None:
    """[A-190], [A-194], [A-195]"""
    stick = tmp_path / "usb" / "from shore.unrep"
    shutil.copy(shore().bundle("1.0.2", 3, "1.0.1"), stick)
    text = pressed(page, server, "Take in a stick")
    assert "1.0.2 was installed from the stick, and is running." in text and "You may remove the stick." in text
    shutil.copy(shore().bundle("dead", 4, "1.0.2"), stick)
    text = pressed(page, server, "Take in a stick")
    assert "The new version did not work" in text and "vms 1.0.2 is running well. Tell shore." in text
    text = pressed(page, server, "Hold this version")
    assert read_hold(ship.site) and "On hold since" in text
    text = pressed(page, server, "End the hold")
    assert read_hold(ship.site) is None
    text = pressed(page, server, "Go back to 1.0.1")
    assert "The ship went back to 1.0.1, which is running." in text and ship.current == "1.0.1"
    ship.check_sound()


def test_by_the_keyboard_alone(page: Any, server: PageServer, ship: Ship) -> None:
    """[A-196]: the PIN has the focus as soon as it is asked for."""
    names = []
    for _ in range(3):
        page.keyboard.press("Tab")
        names.append(page.locator(":focus").inner_text())
    assert names == ["Take in a stick", "Hold this version", "Go back to 1.0.0"]
    page.keyboard.press("Shift+Tab")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.locator("input:focus").wait_for()
    page.keyboard.type(PIN)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert "On hold" in page.inner_text("h1") and read_hold(ship.site)


def test_a_wrong_pin(page: Any, server: PageServer, ship: Ship) -> None:
    page.get_by_role("link", name="Hold this version").click()
    for _ in range(2):
        page.get_by_label("Your PIN").fill("000001")
        page.get_by_role("button").click()
        assert page.get_by_role("alert").inner_text() == "That is not the PIN. Try again."
    page.get_by_label("Your PIN").fill(PIN)
    page.get_by_role("button").click()
    assert page.url == server.url and read_hold(ship.site)


def test_reloading_what_was_sent_does_it_once(page: Any, server: PageServer, ship: Ship) -> None:
    """[A-193]"""
    pressed(page, server, "Go back to 1.0.0")
    page.go_back()
    page.reload()
    server.jobs.wait()
    assert sum(run["command"] == "rollback" for run in ship.runs) == 1


@pytest.mark.parametrize("kind", SITUATIONS)
def test_it_fits_a_narrow_screen(kind: str, chromium: Any, tmp_path: Path) -> None:
    """[A-196]"""
    with in_situation(kind, tmp_path) as server:
        page = chromium.new_page(viewport=NARROW)
        page.goto(server.url)
        width = page.evaluate("document.documentElement.scrollWidth")
        small = page.evaluate("[...document.querySelectorAll('.button')].filter(b => b.clientHeight < 44).length")
        page.close()
    assert (width, small) == (NARROW["width"], 0)


def test_another_name_for_this_machine(chromium: Any, server: PageServer) -> None:
    """[A-191]: DNS rebinding."""
    page = chromium.new_page()
    answer = page.goto(f"http://evil.example:{server.server_port}/")
    assert answer.status == 403 and "1.0.1" not in page.content()
    page.close()


def test_a_page_of_another_origin(chromium: Any, server: PageServer, ship: Ship) -> None:
    """[A-192], [A-196]: it can neither send a form in the mate's name nor show the page in a frame of its own."""
    token = server.forms.token("hold")  # even if it had one, and the PIN
    form = (
        f'<form method="post" action="{server.url}hold"><input name="token" value="{token}">'
        f'<input name="pin" value="{PIN}"></form><iframe src="{server.url}"></iframe>'
        '<script>addEventListener("load", () => document.forms[0].submit())</script>'
    )

    class Evil(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(form.encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Evil) as evil:
        threading.Thread(target=evil.serve_forever, daemon=True).start()
        page = chromium.new_page()
        refusals = []
        page.on("console", lambda message: refusals.append(message.text))
        page.goto(f"http://127.0.0.1:{evil.server_port}/")
        page.wait_for_url(f"{server.url}hold")
        assert "opened on this computer" in page.content()
        page.close()
        evil.shutdown()
    assert any("frame" in text for text in refusals) and read_hold(ship.site) is None
