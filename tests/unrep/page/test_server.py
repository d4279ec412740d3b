"""The mate's page over its socket: who may ask, what a form must prove, and what the buttons do. [A-190] to [A-196]"""

import http.client
import re
import shutil
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from apply.hold import read_hold
from bundle.host.clock import SystemClock
from tests.support.machines.wine_junctions import UNDER_WINE
from tests.support.sites.mate_page import PIN, mates_ship, shown
from tests.support.sites.site import PATIENCE_S, Ship, shore, until
from transfer.errors import OutputRefused
from transfer.serving import limited
from unrep.mate import pin
from unrep.mate.pin import FREE_GUESSES
from unrep.page import forms, jobs
from unrep.page.guard import FORM, MOST_BODY_BYTES
from unrep.page.server import MOST_CONNECTIONS, PageServer

Answer = tuple[int, dict[str, str], str]


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    return mates_ship(tmp_path, "1.0.0", "1.0.1")


@pytest.fixture
def server(ship: Ship) -> Iterator[PageServer]:
    with shown(ship) as server:
        yield server


def asked(
    server: PageServer, method: str, path: str, body: str = "", headers: dict[str, str | None] | None = None
) -> Answer:
    """Status, headers, text. `headers`: instead of those of a browser on this page; None leaves one out."""
    host = f"127.0.0.1:{server.server_port}"
    usual: dict[str, str | None] = {"Host": host}
    if method == "POST":
        usual |= {"Origin": f"http://{host}", "Content-Type": FORM, "Content-Length": str(len(body))}
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=PATIENCE_S)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in (usual | (headers or {})).items():
        for one in [] if value is None else value.split("\n"):
            connection.putheader(name, one)
    connection.endheaders(body.encode() if body else None)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, text


def got(server: PageServer, path: str = "/") -> str:
    status, _, text = asked(server, "GET", path)
    assert status == 200, text
    return text


def form(server: PageServer, action: str, pin: str = PIN, **more: str) -> str:
    """What a browser sends of the form on that page."""
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', got(server, f"/{action}")))
    return urlencode(fields | {"pin": pin} | more)


def pressed(server: PageServer, action: str) -> str:
    """Presses a button, gives the PIN, waits until it is done, and returns the page."""
    status, headers, _ = asked(server, "POST", f"/{action}", form(server, action))
    assert (status, headers["location"]) == (303, "/")
    server.jobs.wait()
    return got(server)


class TestWhoMayAsk:
    """[A-190], [A-191]"""

    def test_it_listens_on_this_machine_alone(self, server: PageServer) -> None:
        assert server.server_address[0] == "127.0.0.1"

    @pytest.mark.parametrize(
        "host",
        [
            "evil.example",
            "evil.example:{port}",
            "127.0.0.1",
            "127.0.0.1:1",
            "127.0.0.1.evil.example:{port}",
            "localhost.:{port}",
            "[::1]:{port}",
            "127.1:{port}",
            "",
            None,
            "127.0.0.1:{port}\nevil.example",
        ],
    )
    def test_by_another_name_nothing_is_shown_or_done(self, host: str | None, server: PageServer, ship: Ship) -> None:
        """A name of somebody else's that leads here: DNS rebinding."""
        headers = {"Host": host and host.format(port=server.server_port)}
        for method, path, body in (("GET", "/", ""), ("GET", "/page.css", ""), ("POST", "/hold", form(server, "hold"))):
            status, _, text = asked(server, method, path, body, headers)
            assert status == 403 and "1.0.1" not in text and "opened on this computer" in text
        assert read_hold(ship.site) is None

    def test_its_own_names(self, server: PageServer) -> None:
        for name in ("127.0.0.1", "localhost"):
            assert asked(server, "GET", "/", "", {"Host": f"{name}:{server.server_port}"})[0] == 200

    def test_a_second_page_on_the_port(self, server: PageServer, ship: Ship) -> None:
        with pytest.raises(OutputRefused, match=r"cannot be listened on.*page\.port"):
            PageServer(ship.site, server.server_port, SystemClock())


class TestAForm:
    """[A-192], [A-193]"""

    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
            {"Origin": None},
            {"Origin": "https://127.0.0.1:{port}"},
            {"Origin": "http://localhost:{port}"},
            {"Origin": "http://127.0.0.1:{port}\nhttp://evil.example"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Origin": None, "Sec-Fetch-Site": "none"},
        ],
    )
    def test_from_elsewhere(self, headers: dict[str, str | None], server: PageServer, ship: Ship) -> None:
        sent = {name: value and value.format(port=server.server_port) for name, value in headers.items()}
        assert asked(server, "POST", "/hold", form(server, "hold"), sent)[0] == 403
        assert read_hold(ship.site) is None

    def test_a_browser_that_names_no_origin_says_whence(self, server: PageServer, ship: Ship) -> None:
        headers: dict[str, str | None] = {"Origin": None, "Sec-Fetch-Site": "same-origin"}
        assert asked(server, "POST", "/hold", form(server, "hold"), headers)[0] == 303 and read_hold(ship.site)

    @pytest.mark.parametrize("token", ["", "x", "1-2-3", "9" * 10_000, "a-b-c", "é"])
    def test_with_another_token(self, token: str, server: PageServer, ship: Ship) -> None:
        status, _, _ = asked(server, "POST", "/hold", urlencode({"token": token[:3000], "pin": PIN}))
        assert status == 409 and read_hold(ship.site) is None

    def test_with_that_of_another_form_or_server(self, server: PageServer, ship: Ship) -> None:
        stolen = server.forms.token("back")
        assert asked(server, "POST", "/hold", urlencode({"token": stolen, "pin": PIN}))[0] == 409
        foreign = forms.Forms(time.monotonic).token("hold")
        assert asked(server, "POST", "/hold", urlencode({"token": foreign, "pin": PIN}))[0] == 409
        assert read_hold(ship.site) is None

    def test_sent_twice(self, server: PageServer) -> None:
        body = form(server, "hold")
        assert asked(server, "POST", "/hold", body)[0] == 303
        assert asked(server, "POST", "/hold", body)[0] == 303, "there is no such button now; nothing is done"
        body = form(server, "back")
        assert asked(server, "POST", "/back", body)[0] == 303
        server.jobs.wait()
        assert asked(server, "POST", "/back", body)[0] in (409, 404)

    def test_of_last_night(self, server: PageServer, ship: Ship, monkeypatch: pytest.MonkeyPatch) -> None:
        body = form(server, "hold")
        monkeypatch.setattr(forms, "LIFE_S", -1.0)
        status, _, text = asked(server, "POST", "/hold", body)
        assert status == 409 and "stood open for too long" in text and read_hold(ship.site) is None

    @pytest.mark.parametrize(
        "headers",
        [
            {"Content-Type": "text/plain"},
            {"Content-Type": "multipart/form-data; boundary=x"},
            {"Content-Length": None},
            {"Content-Length": "-1"},
            {"Content-Length": "12\n12"},
            {"Content-Length": str(MOST_BODY_BYTES + 1)},
            {"Content-Length": "9" * 30},
            {"Content-Length": None, "Transfer-Encoding": "chunked"},
        ],
    )
    def test_of_another_shape(self, headers: dict[str, str | None], server: PageServer, ship: Ship) -> None:
        assert asked(server, "POST", "/hold", form(server, "hold"), headers)[0] == 400
        assert read_hold(ship.site) is None

    def test_to_nowhere(self, server: PageServer) -> None:
        for path in ("/nothing", "/../hold", "//evil.example/", "/hold?x"):
            assert asked(server, "POST", path, form(server, "hold"))[0] == 404
            assert asked(server, "GET", path)[0] == 404
        assert asked(server, "PUT", "/hold")[0] == 501 and asked(server, "GET", "http://evil.example/")[0] == 404


class TestThePin:
    """[A-185], [A-195]"""

    def test_a_wrong_one_does_nothing_and_slows_down(self, server: PageServer, ship: Ship) -> None:
        for _ in range(FREE_GUESSES):
            status, _, text = asked(server, "POST", "/hold", form(server, "hold", "000001"))
            assert status == 403 and "That is not the PIN. Try again." in text
        right = form(server, "hold")  # beforehand, for a second is short on a busy machine
        status, headers, text = asked(server, "POST", "/hold", form(server, "hold", "000001"))
        assert (status, headers["retry-after"]) == (403, "1") and "Wait 1 seconds" in text
        status, _, text = asked(server, "POST", "/hold", right)
        assert status == 429 and "Too many wrong PINs" in text and read_hold(ship.site) is None

    def test_the_delay_survives_a_restart(self, ship: Ship, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pin, "delay_s", lambda failures: 600.0 * (failures > FREE_GUESSES))
        for number in range(FREE_GUESSES + 2):
            with shown(ship) as server:
                status, _, _ = asked(server, "POST", "/hold", form(server, "hold", "000001"))
                assert status == (403 if number <= FREE_GUESSES else 429)

    def test_without_one_nothing_can_be_done(self, server: PageServer, ship: Ship) -> None:
        ship.site.pin_file.unlink()
        assert "No PIN is set" in got(server, "/hold") and 'name="pin"' not in got(server, "/hold")
        body = urlencode({"token": server.forms.token("hold"), "pin": ""})
        assert asked(server, "POST", "/hold", body)[0] == 403 and read_hold(ship.site) is None


class TestTheButtons:
    """[A-194], [A-195]"""

    def test_hold_and_its_end(self, server: PageServer, ship: Ship) -> None:
        page = pressed(server, "hold")
        assert "On hold" in page and "End the hold" in page and read_hold(ship.site)
        page = pressed(server, "resume")
        assert "All is well" in page and "The hold has ended" in page and read_hold(ship.site) is None

    def test_nobody_waits_for_an_application_that_hangs(self, server: PageServer, ship: Ship) -> None:
        """[A-218]: its checks are asked for the first page alone."""
        hangs = f"[[health]]\ntype = 'command'\nargv = ['{sys.executable}', '-c', 'import time; time.sleep(20)']\n"
        with (ship.root / "unrep.toml").open("a") as config:
            config.write(f"{hangs}timeout_s = 30\n")
        began = time.monotonic()
        for path in ("/hold", "/back"):
            assert asked(server, "GET", path)[0] == 200
        assert time.monotonic() - began < 10

    def test_go_back(self, server: PageServer, ship: Ship) -> None:
        page = pressed(server, "back")
        assert "The ship went back to 1.0.0, which is running." in page and ship.current == "1.0.0"
        assert "A person went back from 1.0.1" in page and "All is well" in page
        assert "there is no earlier version to go back to" in page and 'href="/back"' not in page
        assert asked(server, "GET", "/back")[0] == 409
        ship.check_sound()

    def test_take_in_a_stick(self, server: PageServer, ship: Ship, tmp_path: Path) -> None:
        page = got(server, "/stick")
        assert "No stick is found" in page and 'name="pin"' not in page
        shutil.copy(shore().bundle("1.0.2", 3, "1.0.1"), tmp_path / "usb" / "b.unrep")
        page = pressed(server, "stick")
        assert "1.0.2 was installed from the stick, and is running." in page and "You may remove the stick." in page
        assert ship.current == "1.0.2" and len(list((tmp_path / "usb" / "unrep-out").iterdir())) == 3
        page = pressed(server, "stick")
        assert "Nothing new is on the stick: 1.0.2 is running already." in page

    def test_a_bad_release_on_a_stick(self, server: PageServer, ship: Ship, tmp_path: Path) -> None:
        shutil.copy(shore().bundle("dead", 3, "1.0.1"), tmp_path / "usb" / "b.unrep")
        page = pressed(server, "stick")
        assert "The new version did not work" in page and "Tell shore" in page and ship.current == "1.0.1"
        assert "You may remove the stick." in page

    def test_news_is_put_away(self, server: PageServer, ship: Ship, tmp_path: Path) -> None:
        """[A-217]: what failed, once shore was told, and what was done last, once it was read."""
        assert asked(server, "GET", "/told")[0] == 404 and 'href="/told"' not in got(server)
        shutil.copy(shore().bundle("dead", 3, "1.0.1"), tmp_path / "usb" / "b.unrep")
        assert "I have told shore" in pressed(server, "stick")
        assert asked(server, "POST", "/told", form(server, "told", "000001"))[0] == 403
        assert "The new version did not work" in got(server)
        page = pressed(server, "told")
        assert "All is well" in page and "Version dead did not work here" in page
        assert 'href="/told"' not in page and "You may remove the stick" not in page
        with shown(ship) as another:
            assert "All is well" in got(another), "it lasts"
        assert "I have read this" in pressed(server, "hold")
        page = pressed(server, "told")
        assert "until you press" not in page and "On hold" in page

    def test_a_stick_for_another_ship(self, server: PageServer, ship: Ship, tmp_path: Path) -> None:
        shutil.copy(shore().bundle("1.0.9", 10, "1.0.8"), tmp_path / "usb" / "b.unrep")
        page = pressed(server, "stick")
        assert (
            "does not fit this ship. 1.0.1 stays. Read to shore what is below." in page
            and "have shore send 1.0.9" in page
        )

    def test_the_stick_that_was_shown_is_the_one(self, server: PageServer, tmp_path: Path, ship: Ship) -> None:
        shutil.copy(shore().bundle("1.0.2", 3, "1.0.1"), tmp_path / "usb" / "b.unrep")
        asked(server, "POST", "/stick", form(server, "stick", stick="another"))
        server.jobs.wait()
        assert "No stick is found" in got(server) and ship.current == "1.0.1"

    def test_what_was_told_is_gone_after_a_night(
        self, server: PageServer, ship: Ship, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert "is on hold, until you press" in pressed(server, "hold")
        monkeypatch.setattr(jobs, "LIFE_S", -1.0)
        assert "until you press" not in got(server) and "On hold" in got(server)

    def test_one_thing_at_a_time(self, server: PageServer, ship: Ship) -> None:
        ship.order("wait-restart")
        body = form(server, "hold")
        asked(server, "POST", "/back", form(server, "back"))
        until((ship.app / "waiting").exists)
        page = got(server)
        assert "Please wait" in page and "href=" not in page.partition("<nav")[2].partition("</nav>")[0]
        assert asked(server, "GET", "/hold")[0] == 303
        assert asked(server, "GET", "/")[1]["refresh"] == "3"
        assert asked(server, "POST", "/hold", body)[0] == 303 and read_hold(ship.site), "a hold needs no turn"
        ship.relieve("wait-restart")

    def test_a_configuration_that_is_of_no_use_is_told(self, server: PageServer, ship: Ship) -> None:
        ship.write_config("[swich]\n")
        server.forget()
        status, _, text = asked(server, "GET", "/")
        assert status == 503 and "Call shore, and read this out" in text and "unknown key" in text


class TestWhatAnswersSay:
    """[A-196]"""

    def test_every_answer_has_them(self, server: PageServer) -> None:
        for method, path in (("GET", "/"), ("GET", "/hold"), ("GET", "/nothing"), ("POST", "/hold"), ("HEAD", "/")):
            _, headers, text = asked(server, method, path)
            assert "default-src 'none'" in headers["content-security-policy"]
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert headers["cache-control"] == "no-store" and headers["x-frame-options"] == "DENY"
            assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "same-origin"
            assert (not text) == (method == "HEAD")

    def test_nothing_leads_away_and_no_script_is_there(self, server: PageServer, ship: Ship) -> None:
        text = got(server) + got(server, "/hold") + got(server, "/page.css")
        assert not re.search(r"<script|javascript:|\bon\w+=|https?://|@import|url\(", text)

    def test_what_others_wrote_is_text(self, server: PageServer, ship: Ship) -> None:
        (ship.site.hold_file).write_text("<script>alert(1)</script>\x1b[31m")
        server.forget()
        page = got(server)
        assert "&lt;script&gt;" in page and "<script" not in page and "\x1b" not in page


class TestSlowAndMany:
    """[A-196]"""

    def test_a_form_that_never_comes(self, server: PageServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limited, "HEAD_S", 0.3)
        head = (
            f"POST /hold HTTP/1.1\r\nHost: 127.0.0.1:{server.server_port}\r\n"
            f"Origin: http://127.0.0.1:{server.server_port}\r\nContent-Type: {FORM}\r\nContent-Length: 100\r\n\r\nto"
        )
        with socket.create_connection(("127.0.0.1", server.server_port), timeout=PATIENCE_S) as slow:
            slow.sendall(head.encode())
            assert slow.recv(1000) == b""

    def test_a_head_without_end(self, server: PageServer) -> None:
        with socket.create_connection(("127.0.0.1", server.server_port), timeout=PATIENCE_S) as client:
            fields = b"".join(b"X-%d: %s\r\n" % (number, b"y" * 1000) for number in range(20))
            client.sendall(b"GET / HTTP/1.1\r\n" + fields + b"\r\n")
            assert b" 431 " in client.recv(1000).split(b"\r\n")[0]

    @pytest.mark.skipif(UNDER_WINE, reason="Wine's select(2) fails where another thread closes a socket")
    def test_idle_ones_keep_nobody_out(self, server: PageServer) -> None:
        idle = [socket.create_connection(("127.0.0.1", server.server_port)) for _ in range(3 * MOST_CONNECTIONS)]
        try:
            assert "All is well" in got(server)
            assert threading.active_count() < 2 * MOST_CONNECTIONS + 20
        finally:
            for one in idle:
                one.close()
