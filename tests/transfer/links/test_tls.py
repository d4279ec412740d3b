"""Certificates are always verified: real TLS servers with certificates of every kind."""

import datetime
import ipaddress
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.support.contents.tiny_bundle import TRUST, Shape, tiny_bundle
from tests.support.links.bad_server import BadServer
from transfer.config import TransferConfig
from transfer.errors import SourceRefused
from transfer.fetch.fetch import Fetch
from transfer.fetch.figures import Figures
from transfer.fetch.request import FetchRequest
from transfer.links.opening import open_sources

CONTENT = tiny_bundle(Shape(full_bytes=20_000)).data
TODAY = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


def certificate(directory: Path, host: str = "127.0.0.1", until: datetime.datetime = TODAY + DAY) -> Path:
    """A self-signed certificate and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a server of this test")])
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(TODAY - 10 * DAY)
        .not_valid_after(until)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = directory / f"{host}.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(signed.public_bytes(Encoding.PEM) + private)
    return path


class Ranges(BaseHTTPRequestHandler):
    """Ranges of CONTENT; /down redirects to the address that the server was given."""

    protocol_version = "HTTP/1.1"
    down = ""

    def do_GET(self) -> None:
        if self.path == "/down":
            self.send_response(302)
            self.send_header("Location", self.down)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        first, last = (int(n) for n in self.headers["Range"].removeprefix("bytes=").split("-"))
        body = CONTENT[first : last + 1]
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{first + len(body) - 1}/{len(CONTENT)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def tls_server(pem: Path, down: str = "") -> Iterator[str]:
    """Its address, with a slash at the end."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Ranges,), {"down": down}))
    server.handle_error = lambda *_: None  # type: ignore[method-assign] # a client that hangs up is the point
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


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
