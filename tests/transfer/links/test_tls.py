"""Certificates are always verified: real TLS servers with certificates of every kind."""

import datetime
from pathlib import Path

import pytest

from tests.support.contents.tiny_bundle import TRUST
from tests.support.links.bad_server import BadServer
from tests.support.links.tls_server import CONTENT, DAY, TODAY, certificate, tls_server
from transfer.config import TransferConfig
from transfer.errors import SourceRefused
from transfer.fetch.fetch import Fetch
from transfer.fetch.figures import Figures
from transfer.fetch.request import FetchRequest
from transfer.links.opening import open_sources


def fetch(url: str, output: Path) -> Figures:
    config = TransferConfig(patience_s=5.0, max_connections=1)  # a busy machine seems far away
    link = open_sources([url], output, config)
    try:
        return Fetch(FetchRequest(links=link, trust=TRUST, output=output, config=config)).run()
    finally:
        link.close()


def test_a_certificate_that_the_machine_trusts_verifies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[T-18]: SSL_CERT_FILE is OpenSSL's own way to name other authorities."""
    pem = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with tls_server(pem) as url:
        figures = fetch(url, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == CONTENT and figures.connections == 1


@pytest.mark.parametrize(
    ("host", "until", "trusted", "message"),
    [
        ("127.0.0.1", TODAY + DAY, False, "self-signed"),
        ("127.0.0.2", TODAY + DAY, True, "IP address mismatch"),
        ("127.0.0.1", TODAY - DAY, True, "expired"),
    ],
)
def test_one_that_does_not_verify_ends_the_session(
    host: str, until: datetime.datetime, trusted: bool, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[T-18]: at once, with the reason and what to look at."""
    pem = certificate(tmp_path, host, until)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with (
        tls_server(pem) as url,
        pytest.raises(SourceRefused, match=f"certificate does not verify.*{message}") as refusal,
    ):
        fetch(url, tmp_path / "out")
    assert str(refusal.value).startswith(url) and "clock" in str(refusal.value)
    assert not list(tmp_path.glob("out*"))


@pytest.mark.parametrize("scheme", ["https", "HTTPS"])
def test_a_redirect_never_leads_out_of_tls(scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[T-17]: however the scheme is spelled."""
    pem = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with BadServer(CONTENT, ["honest"]) as plain, tls_server(pem, plain.url()) as url:
        with pytest.raises(SourceRefused, match="redirected from https to http://"):
            fetch(url.replace("https", scheme) + "down", tmp_path / "out")
        assert plain.requests == []


def test_a_redirect_may_lead_into_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[T-17], [T-18]"""
    pem = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with tls_server(pem) as inner, tls_server(pem, inner) as outer:
        fetch(outer + "down", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == CONTENT


def test_no_tls_at_all_is_a_broken_connection(tmp_path: Path) -> None:
    """[T-18]: nothing is asked of a server that cannot prove who it is."""
    with BadServer(CONTENT, ["honest"]) as plain:
        config = TransferConfig(patience_s=0.3)
        link = open_sources([plain.url().replace("http", "https")], tmp_path / "out", config)
        with pytest.raises(Exception, match="run the same command again"):
            Fetch(FetchRequest(links=link, trust=TRUST, output=tmp_path / "out", config=config)).run()
        assert plain.requests == []
