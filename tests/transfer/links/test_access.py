"""Credentials, certificate authorities and proxies: real servers that note what they were sent, and to whom it went."""

import os
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from urllib3.util import parse_url

from tests.support.contents.tiny_bundle import TRUST, Shape, tiny_bundle
from tests.support.links.authenticating_server import forward_proxy, gatekeeper
from tests.support.links.tls_server import CONTENT as TLS_CONTENT
from tests.support.links.tls_server import certificate, tls_server
from transfer.config import TransferConfig
from transfer.errors import AccessRefused, SourceRefused
from transfer.fetch.fetch import Fetch
from transfer.fetch.request import FetchRequest
from transfer.links.access import NOTHING, Access, read_access, read_credentials, shown, shown_source
from transfer.links.opening import open_sources

CONTENT = tiny_bundle(Shape(full_bytes=20_000)).data
CONFIG = TransferConfig(patience_s=3.0, max_connections=1)
TOKEN = "s3cr3t-t0ken"
BASIC = "Basic bWF0ZTphaG95"  # mate:ahoy


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


def auth_file(directory: Path, text: str, mode: int = 0o600) -> Path:
    path = directory / "auth"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def fetch(url: str, output: Path, access: Access = NOTHING) -> bytes:
    opened = open_sources([url], output, CONFIG, access)
    try:
        Fetch(FetchRequest(links=opened, trust=TRUST, output=output, config=CONFIG)).run()
    finally:
        opened.close()
    return output.read_bytes()


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        (f"127.0.0.1 bearer {TOKEN}", f"Bearer {TOKEN}"),
        ("# for shore\n\n127.0.0.1 basic mate:ahoy\nshore.example bearer other\n", BASIC),
        ("\ufeff127.0.0.1 BASIC mate:ahoy\r\n", BASIC),
    ],
)
def test_credentials_of_a_file_are_shown_to_the_server(tmp_path: Path, line: str, wanted: str) -> None:
    """[T-96]"""
    access = read_access(auth_file(tmp_path, line))
    with gatekeeper(CONTENT, wanted) as server:
        assert fetch(server.url(), tmp_path / "out", access) == CONTENT
        with pytest.raises(SourceRefused, match="401"):
            fetch(server.url(), tmp_path / "other")


def test_credentials_for_all_hosts_go_over_https_alone(tmp_path: Path) -> None:
    """[T-96]: in the clear they would be anybody's on the way; and who misses them there is told what to do."""
    access = read_access(auth_file(tmp_path, f"bearer {TOKEN}"))
    with gatekeeper(CONTENT, f"Bearer {TOKEN}") as server:
        with pytest.raises(SourceRefused, match=r"401.*go over https alone: put 127\.0\.0\.1 before them") as refusal:
            fetch(server.url(), tmp_path / "out", access)
        assert server.values("authorization") == {None} and TOKEN not in str(refusal.value)
    assert access.authorization(parse_url("https://any.example/b")) == f"Bearer {TOKEN}"
    assert access.authorization(parse_url("HTTP://any.example/b")) is None
    assert not access.withheld(parse_url("https://any.example/b")) and not NOTHING.withheld(parse_url("http://h/b"))


def test_a_line_for_one_host_is_for_no_other(tmp_path: Path) -> None:
    """[T-96]: nor for another port, if it names one."""
    with gatekeeper(CONTENT) as server:
        for text in ("shore.example bearer x", "127.0.0.1:1 bearer x", "sub.127.0.0.1 basic a:b"):
            fetch(server.url(), tmp_path / text[:9], read_access(auth_file(tmp_path, text)))
        assert server.values("authorization") == {None}
        text = f"127.0.0.1:{server.port} bearer mine\n127.0.0.1 bearer theirs"
        fetch(server.url(), tmp_path / "named", read_access(auth_file(tmp_path, text)))
        assert server.values("authorization") == {None, "Bearer mine"}


def test_credentials_never_follow_a_redirect_to_another_server(tmp_path: Path) -> None:
    """[T-96]: even if the file has a line for that host: only who was named as a source is shown anything."""
    with gatekeeper(CONTENT) as other, gatekeeper(CONTENT) as server:
        access = read_access(auth_file(tmp_path, f"127.0.0.1:{server.port} bearer {TOKEN}\n127.0.0.1 bearer theirs"))
        assert fetch(server.url("to/" + quote(other.url())), tmp_path / "out", access) == CONTENT
        assert server.values("authorization") == {f"Bearer {TOKEN}"}
        assert other.seen and other.values("authorization") == {None}
        assert fetch(server.url("to/" + quote(server.url())), tmp_path / "same", access) == CONTENT
        assert server.values("authorization") == {f"Bearer {TOKEN}"}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    """[T-96]"""
    with pytest.raises(AccessRefused, match="chmod 600"):
        read_credentials(auth_file(tmp_path, "bearer x", mode))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        f"token {TOKEN}",
        f"{TOKEN}",
        f"basic {TOKEN}",
        f"host more bearer {TOKEN}",
        f"bearer {TOKEN}\nbearer x",
        f"bearer \x07{TOKEN}",
        f"bearer {TOKEN}é",
    ],
)
def test_a_file_that_is_none_is_refused_and_what_is_in_it_not_shown(tmp_path: Path, text: str) -> None:
    """[T-96]"""
    with pytest.raises(AccessRefused, match="auth") as refusal:
        read_credentials(auth_file(tmp_path, text))
    assert TOKEN not in str(refusal.value)


def test_credentials_are_in_no_message_and_no_representation(tmp_path: Path) -> None:
    """[T-96]: nor is the query of a URL, which may hold a key."""
    access = read_access(auth_file(tmp_path, f"bearer {TOKEN}"))
    assert TOKEN not in repr(access)
    with gatekeeper(CONTENT, "Bearer another") as server, pytest.raises(SourceRefused) as refusal:
        fetch(server.url(f"b?X-Signature={TOKEN}"), tmp_path / "out", access)
    assert TOKEN not in str(refusal.value) and "b?..." in str(refusal.value)
    assert shown(f"https://h/b?{TOKEN}") == "https://h/b?..." and shown("https://h/b") == "https://h/b"
    with pytest.raises(SourceRefused, match="--auth-file") as refusal:
        fetch(f"http://mate:{TOKEN}@127.0.0.1:1/b", tmp_path / "out")
    assert TOKEN not in str(refusal.value)
    with pytest.raises(SourceRefused, match="not a valid URL") as refusal:
        fetch(f"http://mate:{TOKEN}@[/b", tmp_path / "out")
    assert TOKEN not in str(refusal.value)
    assert shown_source(f"http://u:p@h/b?{TOKEN}") == "http://h/b?..." and shown_source("dir/what?") == "dir/what?"


def test_authorities_of_a_file_are_trusted_instead_of_the_systems(tmp_path: Path) -> None:
    """[T-97], [T-18]"""
    pem = certificate(tmp_path)
    with tls_server(pem) as url:
        assert fetch(url, tmp_path / "out", read_access(ca_file=pem)) == TLS_CONTENT
        (tmp_path / "sub").mkdir()
        other = certificate(tmp_path / "sub")
        with pytest.raises(SourceRefused, match="certificate does not verify"):
            fetch(url, tmp_path / "other", read_access(ca_file=other))
    with pytest.raises(AccessRefused, match="no such file"):
        read_access(ca_file=tmp_path / "missing")


def test_a_file_of_authorities_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    """[T-97]"""
    with pytest.raises(AccessRefused, match="no certificate authorities"):
        read_access(ca_file=auth_file(tmp_path, "not a certificate"))


def test_http_and_https_go_through_a_proxy(tmp_path: Path) -> None:
    """[T-98]: TLS through a tunnel, with the certificate of the server verified as ever."""
    pem = certificate(tmp_path)
    with forward_proxy() as proxy, gatekeeper(CONTENT, BASIC) as server, tls_server(pem) as secure:
        lines = f"basic mate:ahoy\n127.0.0.1:{server.port} basic mate:ahoy"
        access = read_access(auth_file(tmp_path, lines), pem, f"http://127.0.0.1:{proxy.port}")
        assert fetch(server.url(), tmp_path / "plain", access) == CONTENT
        assert {one.target for one in proxy.seen} == {server.url()}
        proxy.seen.clear()
        assert fetch(secure, tmp_path / "tls", access) == TLS_CONTENT
        assert {one.method for one in proxy.seen} == {"CONNECT"}
        assert proxy.values("authorization") == {None}, "it is inside the tunnel"


def test_a_proxy_of_the_environment_is_used_but_for_those_it_exempts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[T-98]: HTTP_PROXY, HTTPS_PROXY, NO_PROXY; --proxy comes before them."""
    with forward_proxy() as proxy, forward_proxy() as named, gatekeeper(CONTENT) as server:
        monkeypatch.setenv("http_proxy", f"127.0.0.1:{proxy.port}")
        fetch(server.url(), tmp_path / "a", read_access())
        assert proxy.seen
        proxy.seen.clear()
        fetch(server.url(), tmp_path / "b", read_access(proxy=f"http://127.0.0.1:{named.port}"))
        assert named.seen and not proxy.seen
        monkeypatch.setenv("no_proxy", "shore.example,127.0.0.1")
        fetch(server.url(), tmp_path / "c", read_access())
        assert not proxy.seen


def test_a_proxy_that_wants_credentials_gets_those_for_it_alone(tmp_path: Path) -> None:
    """[T-98], [T-96]"""
    pem = certificate(tmp_path)
    with forward_proxy(BASIC) as proxy, gatekeeper(CONTENT) as server, tls_server(pem) as secure:
        address = f"http://127.0.0.1:{proxy.port}"
        access = read_access(auth_file(tmp_path, f"127.0.0.1:{proxy.port} basic mate:ahoy"), pem, address)
        fetch(server.url(), tmp_path / "plain", access)
        fetch(secure, tmp_path / "tls", access)
        assert server.values("proxy-authorization") == server.values("authorization") == {None}
        for url in (server.url(), secure):
            with pytest.raises(SourceRefused, match="407"):
                fetch(url, tmp_path / "refused", read_access(ca_file=pem, proxy=address))


@pytest.mark.parametrize("proxy", ["http://mate:ahoy@proxy:1", "socks5://proxy:1", "https://proxy", "http://[", ""])
def test_what_is_no_proxy_is_refused(proxy: str) -> None:
    """[T-98]"""
    with pytest.raises(AccessRefused, match="--proxy") as refusal:
        read_access(proxy=proxy)
    assert "ahoy" not in str(refusal.value)
