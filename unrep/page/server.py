"""The server of the mate's page: on 127.0.0.1 alone, by `transfer.serving.limited` [A-190] to [A-196].

GET  /                                  how it stands
GET  /stick /hold /resume /back /told   asks for the PIN
POST /stick /hold /resume /back /told   does it, or begins it, and leads back to /
GET  /page.css
"""

import math
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs

from apply.errors import AboardError
from apply.site.config import SiteConfig
from apply.site.layout import Site
from bundle.errors import BundleError
from bundle.host.clock import WallClock
from transfer.errors import OutputRefused
from transfer.serving.limited import LimitedHandler, LimitedServer
from unrep.agent.telling.standing import look_at
from unrep.mate.acknowledged import acknowledge
from unrep.mate.pin import NoPin, PinGuard, PinRefused, TooSoon, WrongPin, has_pin
from unrep.page import work
from unrep.page.appearance import (
    STYLE,
    Action,
    acknowledgement,
    actions,
    main_page,
    question_page,
    stick_name,
    told_page,
)
from unrep.page.forms import Forms
from unrep.page.guard import body_bytes, is_from_page, own_host
from unrep.page.jobs import Jobs, News
from unrep.page.media import sticks
from unrep.page.situation import Kind, Situation, situation
from unrep.terminal.options.site import configuration

ADDRESS: Final = "127.0.0.1"
MOST_CONNECTIONS: Final = 32
_FRESH_S: Final = 5.0  # how old what the page says may be: each look asks the application
_HTML: Final = "text/html; charset=utf-8"
_NO_STICK: Final = "No stick is found. Put it in, wait ten seconds, and try again."
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class PageServer(LimitedServer):
    """Listens once it is made; `serve_forever` answers until `shutdown`. `jobs`: what a button has begun.

    `config_file`: instead of the site's own. Raises OutputRefused for a port that cannot be listened on.
    """

    daemon_threads = True

    def __init__(self, site: Site, port: int, clock: WallClock, config_file: Path | None = None) -> None:
        self.site = site
        self._config_file = config_file
        self.clock = clock
        self.jobs = Jobs()
        self.forms = Forms(clock.now)
        self.pins = PinGuard(site, clock)
        self._looking = threading.Lock()
        self._seen: tuple[float, News | None, Situation] | None = None
        try:
            super().__init__((ADDRESS, port), PageHandler, MOST_CONNECTIONS)
        except OSError as error:
            said = f"{ADDRESS}:{port}: cannot be listened on: {error.strerror}"
            raise OutputRefused(f"{said}; name another --port, or page.port in unrep.toml") from error

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"http://{ADDRESS}:{self.server_port}/"

    def config(self) -> SiteConfig:
        """The site's configuration as it is now. Raises AboardError or BundleError."""
        return configuration(self.site.root, self._config_file)

    def now(self) -> Situation:
        """How the site stands, a few seconds ago at most. Raises AboardError or BundleError."""
        with self._looking:  # of several pages that are open, one asks the application
            news, seen = self.jobs.news, self._seen
            job = news.lines[0] if news and self.jobs.is_busy else ""
            if seen and seen[1] is news and self.clock.now() - seen[0] < _FRESH_S:
                return seen[2]
            self.config()  # one that is of no use is told before all else
            found = situation(self.site, look_at(self.site, self.clock.wall(), self._config_file, ask=not job), job)
            self._seen = self.clock.now(), news, found
            return found

    def recorded(self) -> Situation:
        """How the site stands by its record alone: whoever wants to act does not wait for an application that hangs.

        Raises AboardError or BundleError.
        """
        self.config()
        return situation(self.site, look_at(self.site, self.clock.wall(), self._config_file, ask=False), "")

    def actions(self) -> list[Action]:
        """What can be done now. Raises AboardError or BundleError."""
        now = self.recorded()
        told = acknowledgement(now, self.jobs.news)
        return [*actions(now), *([told] if told else [])]

    def forget(self) -> None:
        """What was seen does not count any more."""
        self._seen = None


class PageHandler(LimitedHandler):
    """One connection."""

    server: PageServer

    def serve(self, with_body: bool) -> None:
        """A page."""
        if not self.begin_answer():
            self._send(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, _problem("The request was too long."))
        elif not own_host(self.headers, self.server.server_port):
            self._refuse_stranger()
        elif self.path == "/page.css":
            self._send(HTTPStatus.OK, STYLE, "text/css; charset=utf-8")
        else:
            self._answer(self._show)

    def take(self) -> None:
        """A form."""
        self.close_connection = True  # whatever else comes after a form is not looked at
        if not self.begin_answer():
            self._send(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, _problem("The request was too long."))
            return
        host = own_host(self.headers, self.server.server_port)
        length = body_bytes(self.headers)
        if not host or not is_from_page(self.headers, host):
            self._refuse_stranger()
        elif length < 0:
            self._send(HTTPStatus.BAD_REQUEST, _problem("That was no form of this page."))
        else:
            fields = parse_qs(self.rfile.read(length).decode(errors="replace"), max_num_fields=16)
            self._answer(lambda: self._do({name: values[0] for name, values in fields.items()}))

    def _answer(self, answer: Callable[[], None]) -> None:
        """Answers, whatever is wrong with the site. A page that says nothing helps nobody."""
        try:
            answer()
        except (AboardError, BundleError) as error:
            self._send(
                HTTPStatus.SERVICE_UNAVAILABLE, told_page("Help is needed", f"Call shore, and read this out: {error}")
            )

    def _show(self) -> None:
        server = self.server
        if self.path == "/":
            now, is_busy = server.now(), server.jobs.is_busy
            wait_s = 3 if is_busy or now.kind is Kind.BUSY else 60
            page = main_page(now, server.jobs.news, is_busy)
            self._send(HTTPStatus.OK, page, more={"Refresh": str(wait_s)})
            return
        action = self._action()
        if action is None:
            self._send(HTTPStatus.NOT_FOUND, _problem("There is no such page."))
        elif server.jobs.is_busy:
            self._lead_back()
        else:
            self._ask(HTTPStatus.OK, action)

    def _action(self) -> Action | None:
        return next((one for one in self.server.actions() if self.path == f"/{one.name}"), None)

    def _ask(self, status: HTTPStatus, action: Action, wrong: str = "", wait_s: float = 0.0) -> None:
        """The page that asks for the PIN; the reason, where there is nothing to ask for."""
        server, found = self.server, []
        if action.name == "back" and not server.recorded().back_to:
            self._send(HTTPStatus.CONFLICT, _problem("There is no earlier version to go back to."))
            return
        if action.name == "stick":
            found = sticks(server.site, server.config())
            if not found:
                self._send(HTTPStatus.OK, told_page("Take in a stick", _NO_STICK, again="stick"))
                return
        page = question_page(action, server.forms.token(action.name), wrong, found, has_pin=has_pin(server.site))
        self._send(status, page, more={"Retry-After": str(math.ceil(wait_s))} if wait_s else {})

    def _do(self, fields: Mapping[str, str]) -> None:
        server, action = self.server, self._action()
        if action is None:
            # As where two forms were open, and the first has ended the hold already.
            self._lead_back() if self.path in ("/hold", "/resume", "/told") else self._send(
                HTTPStatus.NOT_FOUND, _problem("There is no such page.")
            )
            return
        if not server.forms.accept(action.name, fields.get("token", "")):
            told = "This was sent already, or the page has stood open for too long. Look at the page, and try again."
            self._send(HTTPStatus.CONFLICT, told_page("Nothing was done", told))
            return
        try:
            server.pins.check(fields.get("pin", ""))
        except PinRefused as refused:
            status = HTTPStatus.TOO_MANY_REQUESTS if isinstance(refused, TooSoon) else HTTPStatus.FORBIDDEN
            self._ask(status, action, _wrong(refused), refused.wait_s)
            return
        server.forget()
        self._begin(action, fields.get("stick", ""))
        self._lead_back()

    def _begin(self, action: Action, which: str) -> None:
        server = self.server
        site, config = server.site, server.config()
        if action.name == "hold":
            server.jobs.tell(work.hold(site))
        elif action.name == "resume":
            server.jobs.tell(work.resume(site))
        elif action.name == "told":
            if keys := server.now().told:
                acknowledge(site, keys)
                server.forget()
            server.jobs.forget()
        elif action.name == "back":
            server.jobs.begin(f"The ship goes back to {server.now().back_to}.", work.back_work(site, config))
        else:
            # By what was shown, for another may have been put in meanwhile.
            place = next((place for place in sticks(site, config) if stick_name(place) == which), None)
            if place is None:
                server.jobs.tell(News("bad", (_NO_STICK,)))
            else:
                server.jobs.begin("The stick is read. Leave it in.", work.stick_work(site, config, place))

    def _lead_back(self) -> None:
        self._send(HTTPStatus.SEE_OTHER, b"", more={"Location": "/"})

    def _refuse_stranger(self) -> None:
        self.close_connection = True
        told = f"This page answers to {self.server.url} alone, opened on this computer."
        self._send(HTTPStatus.FORBIDDEN, told.encode(), "text/plain; charset=utf-8")

    def _send(self, status: HTTPStatus, body: bytes, kind: str = _HTML, more: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**_HEADERS, **(more or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _problem(sentence: str) -> bytes:
    return told_page("Nothing was done", sentence)


def _wrong(refused: PinRefused) -> str:
    """Why a PIN did not do, for whoever has typed it."""
    if isinstance(refused, NoPin):
        return f"Nothing was done: {refused}."
    wait_s = math.ceil(refused.wait_s)
    wait = f"{wait_s} seconds" if wait_s < 120 else f"{math.ceil(wait_s / 60)} minutes"
    if isinstance(refused, WrongPin):
        return "That is not the PIN. " + (f"Wait {wait}, then try again." if wait_s else "Try again.")
    return f"Too many wrong PINs. Wait {wait}, then try again."
