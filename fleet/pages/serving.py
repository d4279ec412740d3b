"""The server of the pages: on loopback unless told, and never open to others without users and encryption [L-50]."""

import ipaddress
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvicorn

from fleet.errors import AccessRefused
from fleet.pages.application import application
from fleet.pages.office import Office
from fleet.record.accounts import has_users

_BACKLOG: Final = 128
LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True)
class Listening:
    """Where the server listens. names: under which it is asked for. proxies: addresses of proxies that are believed.

    certificate, key: files for TLS; both, or neither.
    """

    host: str = "127.0.0.1"
    port: int = 8300
    names: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
    certificate: Path | None = None
    key: Path | None = None

    @property
    def is_loopback(self) -> bool:
        """Whether this machine alone can reach it."""
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return self.host == "localhost"


def check(office: Office, listening: Listening) -> None:
    """Raises AccessRefused where strangers could read along."""
    if (listening.certificate is None) != (listening.key is None):
        raise AccessRefused("TLS needs both a certificate and its key")
    reached = not listening.is_loopback or listening.proxies
    with office.database.reading() as connection:
        if reached and not has_users(connection):
            raise AccessRefused(
                f"{listening.host}: others can reach it, and there are no users; add one with 'unrep fleet user'"
            )
    if not listening.is_loopback and not listening.proxies and listening.certificate is None:
        raise AccessRefused(
            f"{listening.host}: passwords would go in the clear; give --certificate and --key, or name the --proxy "
            "that encrypts"
        )


def server(office: Office, listening: Listening) -> uvicorn.Server:
    """A server that `run` serves with until it is told to end. Raises AccessRefused."""
    check(office, listening)
    names = [*LOOPBACK_NAMES, listening.host, *listening.names]
    return uvicorn.Server(
        uvicorn.Config(
            application(office, names),
            host=listening.host,
            port=listening.port,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(listening.proxies),
            forwarded_allow_ips=list(listening.proxies),
            ssl_certfile=listening.certificate,
            ssl_keyfile=listening.key,
            limit_concurrency=200,
            timeout_keep_alive=10,
            timeout_graceful_shutdown=10,
            h11_max_incomplete_event_size=32 * 1024,
            lifespan="off",
        )
    )


def bound(listening: Listening) -> socket.socket:
    """The socket, which listens already: a port that is taken is told before anything starts. Raises AccessRefused."""
    host = listening.host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named, asyncio sends at once: a page of two packets would wait 40 ms for an answer otherwise.
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
            made.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, listening.port))
        made.listen(_BACKLOG)
    except OSError as error:
        made.close()
        raise AccessRefused(f"{listening.host}:{listening.port}: {error.strerror or error}; choose another") from error
    return made
