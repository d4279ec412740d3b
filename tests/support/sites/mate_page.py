"""The mate's page over real sites in each of its situations, and a browser that looks at it.

python -m tests.support.sites.mate_page DIRECTORY     writes pictures of all of them
"""

import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from apply.errors import RolledBack
from apply.hold import set_hold
from apply.record.release import Release
from apply.record.stranded import Stranded
from apply.stranded import record_stranded
from bundle.host.clock import SystemClock
from tests.support.links.running import running
from tests.support.observers.browser import browser
from tests.support.sites.site import PATIENCE_S, Ship, shore, until
from unrep.mate.pin import set_pin
from unrep.page.server import PageServer

PIN = "471102"
WIDE, NARROW = {"width": 1280, "height": 860}, {"width": 340, "height": 740}
DOCUMENTED = {"width": 720, "height": 480}
SITUATIONS = ("well", "busy", "hold", "back", "stranded", "trouble", "empty")


def mates_ship(directory: Path, *names: str) -> Ship:
    """A site with a PIN, and a configuration that knows shore and where a stick appears."""
    ship = Ship.sailing(directory, *names) if names else Ship(directory)
    shutil.copy(shore().trust_file, ship.root / "shore.pub")
    configure(ship)
    ship.site.make_directories()
    set_pin(ship.site, PIN)
    (directory / "usb").mkdir(exist_ok=True)
    return ship


def configure(ship: Ship, **window: float) -> None:
    """Its configuration, with another health window."""
    ship.configure('[agent]\ntrust = "shore.pub"\n[page]\nsticks = ["../usb"]\n', **window)
    ship.write_config('product = "vms"\n' + (ship.root / "unrep.toml").read_text())


@contextmanager
def answering(ship: Ship) -> Iterator[None]:
    """The application answers over HTTP, and that is its one health check: what a real ship has, and pictures show."""

    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_well = (ship.root / "current" / "health.txt").read_text() == "ok"
            self.send_response(200 if is_well and not (ship.app / "fail-health").exists() else 503)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Health) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        written = (ship.root / "unrep.toml").read_text()
        check = f'[[health]]\ntype = "http"\nurl = "http://127.0.0.1:{server.server_port}/health"\n'
        head, _, rest = written.partition("[[health]]")
        window = rest[rest.index("[health_window]") :].replace("deadline_s = 20", "deadline_s = 0.5")
        ship.write_config(head + check + window)
        yield
        server.shutdown()


@contextmanager
def shown(ship: Ship) -> Iterator[PageServer]:
    """The page of a ship, until the block ends."""
    with running(PageServer(ship.site, 0, SystemClock())) as server:
        try:
            yield server
        finally:
            server.jobs.wait()


@contextmanager
def in_situation(kind: str, directory: Path) -> Iterator[PageServer]:
    """The page of a ship to which that has happened."""
    ship = mates_ship(directory, *(() if kind == "empty" else ("1.0.0", "1.0.1")))
    with answering(ship):
        yield from _made(kind, ship)


def _made(kind: str, ship: Ship) -> Iterator[PageServer]:
    after: Callable[[], None] = lambda: None  # noqa: E731
    if kind == "busy":
        ship.order("wait-prepare")
        update = threading.Thread(target=ship.apply, args=(shore().bundle("1.0.2", 3, "1.0.1"),))
        update.start()
        until((ship.app / "waiting").exists)

        def after() -> None:
            ship.relieve("wait-prepare")
            update.join(PATIENCE_S)

    elif kind == "hold":
        set_hold(ship.site, "until we are through the canal")
    elif kind == "back":
        with suppress(RolledBack):
            ship.apply(shore().bundle("sick", 3, "1.0.1", version="1.0.2"))
    elif kind == "stranded":
        reason = (
            "stranded: nothing leads from 1.0.1 (tree 94ad 0fd7) to 1.0.9; have shore send 1.0.9 (seq 10) from base "
            "1.0.1 (tree 94ad 0fd7)"
        )
        newest = Release(version="1.0.9", seq=10, tree="ab" * 32, platform="any", bundle="")
        record_stranded(
            ship.site, "vms", newest, Stranded(version="1.0.9", seq=10, epoch=0, tree="ab" * 32, since=1, reason=reason)
        )
    elif kind == "trouble":
        ship.order("fail-health")
    try:
        with shown(ship) as server:
            yield server
    finally:
        after()


def main(target: Path) -> None:
    """Writes the pictures: of each situation wide and narrow, light and dark; those of the documentation are "page"."""
    target.mkdir(exist_ok=True)
    views = [("page", DOCUMENTED, "light"), *(("wide", WIDE, scheme) for scheme in ("light", "dark"))]
    views += [("narrow", NARROW, scheme) for scheme in ("light", "dark")]
    with browser() as chromium:
        for kind in SITUATIONS:
            directory = target / f"{kind}.ship"
            directory.mkdir()
            with in_situation(kind, directory) as server:
                for size, viewport, scheme in views:
                    page = chromium.new_page(viewport=viewport, color_scheme=scheme)
                    name = f"{size}-{scheme}.png" if size != "page" else "page.png"
                    page.goto(server.url)
                    page.screenshot(path=target / f"{kind}-{name}", full_page=size != "page")
                    if kind == "hold":
                        page.goto(f"{server.url}back")
                        page.screenshot(path=target / f"question-{name}", full_page=size != "page")
                    page.close()
            shutil.rmtree(directory)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
