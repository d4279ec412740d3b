"""[L-40], [L-42] The pages in Debian's Chromium: by keyboard, narrow, on paper, without a script; and axe-core."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("playwright", reason="needs the package playwright: the fleet's pages are not tried in a browser")

from tests.support.fleet.pages import NARROW, PAGES, WIDE, Browser, lively, served, with_users
from tests.support.observers import browser as observed
from tests.support.repository import REPOSITORY

pytestmark = pytest.mark.skipif(observed.IS_MISSING, reason="needs Debian's chromium")
AXE = REPOSITORY / "build" / "axe" / "package" / "axe.min.js"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    office = with_users(lively(tmp_path_factory.mktemp("office"), time.time()))
    with served(office) as browser:
        browser.log_in("paul")
        yield browser
    office.database.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with observed.browser() as started:
        yield started


def opened(browser: Any, client: Browser, path: str, **settings: Any) -> Any:
    context = browser.new_context(**settings)
    context.add_cookies([{"name": name, "value": value, "url": client.url} for name, value in client.cookies.items()])
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.said = []
    page.on("console", lambda message: page.said.append(message.text))
    page.goto(client.url + path)
    assert all(url.startswith((client.url, "data:")) for url in asked), asked
    assert page.said == []
    return page


@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES)
def test_narrow_pages_do_not_scroll_sideways(browser: Any, client: Browser, path: str) -> None:
    page = opened(browser, client, path, viewport=NARROW, java_script_enabled=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", [*PAGES.values(), "/login"], ids=[*PAGES, "login"])
def test_axe_finds_nothing(browser: Any, client: Browser, path: str, scheme: str) -> None:
    """Neither serious nor minor."""
    if not AXE.exists():
        pytest.skip("axe-core is not there; 'make axe' gets it")
    page = opened(browser, client, path, viewport=WIDE, color_scheme=scheme, bypass_csp=True)
    page.add_script_tag(path=AXE)
    found = page.evaluate("axe.run()")["violations"]
    shown = [(one["id"], one["impact"], [node["html"][:120] for node in one["nodes"][:3]]) for one in found]
    page.context.close()
    assert shown == []


def test_all_is_reached_by_keyboard_and_seen(browser: Any, client: Browser) -> None:
    page = opened(browser, client, "/", viewport=WIDE)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    page.keyboard.press("Enter")
    reached = []
    for _ in range(14):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.tagName"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert {"A", "INPUT", "SELECT", "BUTTON"} <= set(reached)
    page.context.close()


def test_a_releaser_stops_and_resumes_without_a_script(browser: Any, client: Browser) -> None:
    page = opened(browser, client, "/rollout", viewport=NARROW, java_script_enabled=False)
    page.get_by_role("button", name="Let it go on").click()
    page.get_by_text("running").first.wait_for(timeout=10_000)
    page.get_by_label("Why").fill("wait for Mercy")
    page.get_by_role("button", name="Pause the rollout").click()
    page.get_by_text("paused, wait for Mercy").wait_for(timeout=10_000)
    page.context.close()


def test_paper_has_no_forms(browser: Any, client: Browser) -> None:
    page = opened(browser, client, "/", viewport=WIDE)
    page.emulate_media(media="print")
    assert not page.locator("nav").first.is_visible() and not page.locator("form.filter").is_visible()
    assert page.locator("table").first.is_visible()
    page.context.close()


def test_who_is_new_finds_the_way_by_links_alone(browser: Any, client: Browser) -> None:
    """Which ships are behind, why did one go back, what did it cost; and where the rollout is stopped."""
    page = opened(browser, client, "/", viewport=WIDE, java_script_enabled=False)
    page.get_by_role("link", name="not on their release").click()
    assert page.get_by_role("row").count() > 2
    page.get_by_role("link", name="went-back").click()
    page.get_by_role("row").nth(1).get_by_role("link").click()
    assert "went back from its ring" in page.locator(".lead").inner_text()
    assert "step-failed" in page.locator(".timeline li").first.inner_text()
    assert "USD" in page.locator(".timeline").inner_text()
    page.get_by_role("link", name="Rollout").click()
    assert page.locator("form.act button").count() == 1
    page.context.close()
