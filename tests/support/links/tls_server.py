"""An HTTPS server of one file, and certificates of its own: `with tls_server(certificate(directory)) as url`."""

import datetime
import ipaddress
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.support.contents.tiny_bundle import Shape, tiny_bundle

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
