"""The office's pages, served by the real server, in a thread; and a fleet with something of everything to look at.

python -m tests.support.fleet.pages DIRECTORY    # pictures of every page: wide and narrow, light and dark
"""

import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3

from fleet.pages.office import Office as PagesOffice
from fleet.pages.serving import Listening, bound, server
from fleet.record.accounts import set_user
from fleet.rollout.advancing import advance, begin
from fleet.rollout.decision import DAY_S, Conditions
from tests.support.fleet.office import Office
from tests.support.observers.browser import browser

WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 360, "height": 740}
PASSWORD = "correct horse battery"
PAGES = {
    "fleet": "/",
    "ship": "/ships/MV%20Mercy",
    "releases": "/releases",
    "release": "/releases/1.0.2",
    "rollout": "/rollout",
    "figures": "/figures",
}


@dataclass
class Browser:
    """A client that keeps cookies and follows nothing."""

    url: str
    cookies: dict[str, str] = field(default_factory=dict)
    pool: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(retries=False))

    def ask(self, method: str, path: str, **more: Any) -> urllib3.BaseHTTPResponse:
        headers = dict(more.pop("headers", {}))
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = self.pool.request(method, self.url + path, headers=headers, redirect=False, timeout=30, **more)
        for value in answer.headers.getlist("set-cookie"):
            name, _, rest = value.partition("=")
            self.cookies[name] = rest.partition(";")[0].strip('"')
        return answer

    def get(self, path: str, **more: Any) -> urllib3.BaseHTTPResponse:
        return self.ask("GET", path, **more)

    def text(self, path: str) -> str:
        answer = self.get(path)
        assert answer.status == 200, f"{path}: {answer.status} {answer.data[:500]!r}"
        return answer.data.decode()

    def send(self, path: str, **fields: str) -> urllib3.BaseHTTPResponse:
        """A form."""
        return self.ask("POST", path, fields=fields, encode_multipart=False)

    def log_in(self, name: str, password: str = PASSWORD) -> urllib3.BaseHTTPResponse:
        return self.send("/login", name=name, password=password)


@contextmanager
def served(office: Office, **listening: Any) -> Iterator[Browser]:
    """The pages of an office, until the block ends."""
    where = Listening(port=0, **listening)
    made = server(PagesOffice(office.ashore.repository, office.database, "vms"), where)
    with bound(where) as socket:
        thread = threading.Thread(target=made.run, args=([socket],))
        thread.start()
        try:
            yield Browser(f"http://127.0.0.1:{socket.getsockname()[1]}")
        finally:
            made.should_exit = True
            thread.join(30)


def with_users(office: Office) -> Office:
    """The same with a reader, rita, and a releaser, paul."""
    with office.database.writing() as connection:
        set_user(connection, "rita", "reader", PASSWORD, office.now)
        set_user(connection, "paul", "releaser", PASSWORD, office.now)
    return office


def lively(root: Path, now: float, where: str | Path | None = None) -> Office:
    """A fleet with something of everything, and a rollout that stopped."""
    office = Office.begun(root, where, versions=3)
    office.now = now
    office.ashore.settle('price_per_mb = 12.5\ncurrency = "USD"')
    names = ["MV Mercy", "MV Hope", "MV <b>Bold</b> & Sons", "MS Long Name of the Northern Seas", "MT Grace"]
    names += [f"MV Number {number}" for number in range(1, 16)]
    for number, name in enumerate(names):
        office.ship(name, "canary" if number < 4 else "stable")
        for step in range(3 if number % 4 else 2):
            figures: dict[str, Any] = {
                "deploy_ms": 9_000 + 700 * number,
                "outage_ms": 900 + 80 * number,
                "paid": 4_000 * (number + 1),
            }
            office.says(name, "applied", f"1.0.{step}", days_ago=150 - 45 * step - number, free_mib=40_960, **figures)
        office.says(name, "alive", days_ago=(number * 7) % 33, free_mib=40_000, hold=int(number == 6))
    office.ship("MV Newcomer")
    office.says("MV Number 3", "stranded", "1.0.2", runs="1.0.0", days_ago=1)
    office.says("MV Number 5", "drifted", "", days_ago=2, code=14, reason="3 files differ")
    begun = office.shore.release("1.0.2")
    assert begun
    office.ashore.promote("1.0.2", "canary")
    begin(office.database, begun, ["canary", "stable"], Conditions(4, 7 * DAY_S, 0, 1), "anna", now - 3 * DAY_S)
    mover = lambda version, ring: None  # noqa: E731
    advance(office.database, mover, now - 3 * DAY_S)
    for name, code, reason in (
        ("MV Mercy", 2, "GET /health: HTTP 500 =1+1"),
        ("MV <b>Bold</b> & Sons", 4, "<i>no</i>"),
    ):
        office.says(name, "rolled-back", "1.0.2", runs="1.0.1", days_ago=1, code=code, reason=reason, outage_ms=61_000)
    advance(office.database, mover, now)
    return office


def main(target: Path) -> None:
    """Writes the pictures."""
    import time

    target.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as root:
        office = with_users(lively(Path(root), time.time()))
        with served(office) as client, browser() as started:
            client.log_in("paul")
            for size, viewport in (("wide", WIDE), ("narrow", NARROW)):
                for scheme in ("light", "dark"):
                    context = started.new_context(viewport=viewport, color_scheme=scheme)
                    page = context.new_page()
                    page.goto(f"{client.url}/login")
                    page.screenshot(path=target / f"login-{size}-{scheme}.png")
                    context.add_cookies([{"name": k, "value": v, "url": client.url} for k, v in client.cookies.items()])
                    for name, path in PAGES.items():
                        page.goto(client.url + path)
                        page.screenshot(path=target / f"{name}-{size}-{scheme}.png", full_page=True)
                    context.close()
        office.database.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
