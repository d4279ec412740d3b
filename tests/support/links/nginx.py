"""A real nginx over a directory, on a free port of 127.0.0.1: `with nginx(root, tmp_path / "nginx") as server`.

Nothing of the system's configuration is used, and nothing is written outside the directory that the caller gives.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

DEADLINE_S = 10.0
CONFIGURATION = """\
{user}
daemon off;
pid "{prefix}/nginx.pid";
error_log "{prefix}/error.log";
worker_processes 1;
events {{ worker_connections 256; }}
http {{
    log_format requests escape=json '{{"connection":$connection,"method":"$request_method","uri":"$request_uri",'
        '"status":$status,"range":"$http_range","bytes_sent":$bytes_sent,"body_bytes_sent":$body_bytes_sent}}';
    access_log "{prefix}/access.log" requests;
    client_body_temp_path "{prefix}/body";
    proxy_temp_path "{prefix}/proxy";
    fastcgi_temp_path "{prefix}/fastcgi";
    uwsgi_temp_path "{prefix}/uwsgi";
    scgi_temp_path "{prefix}/scgi";
    default_type application/octet-stream;
    server {{
        listen 127.0.0.1:{port};
        root "{root}";
        {directives}
    }}
}}
"""


@dataclass(frozen=True)
class Request:
    """One line of the access log; `bytes_sent` counts headers too, `range` is empty when none was asked for."""

    connection: int
    method: str
    uri: str
    status: int
    range: str
    bytes_sent: int
    body_bytes_sent: int


class Nginx:
    """A running server."""

    def __init__(self, port: int, prefix: Path) -> None:
        self.port = port
        self._log = prefix / "access.log"

    def url(self, path: str = "") -> str:
        """The address of a file under the document root."""
        return f"http://127.0.0.1:{self.port}/{path}"

    def requests(self, at_least: int = 0) -> list[Request]:
        """The requests so far, in the order in which they ended.

        nginx writes a line after the client has its answer: waits until `at_least` lines are there.
        """
        until = time.monotonic() + DEADLINE_S
        while True:
            lines = self._log.read_text(encoding="utf-8").splitlines(keepends=True)
            found = [Request(**json.loads(line)) for line in lines if line.endswith("\n")]
            if len(found) >= at_least:
                return found
            assert time.monotonic() < until, f"{len(found)} requests in nginx's log, not {at_least}"
            time.sleep(0.01)


@contextmanager
def nginx(root: Path, prefix: Path, *, ranges: bool = True, directives: str = "") -> Iterator[Nginx]:
    """Serves `root`; `prefix` is an empty or missing directory for nginx's own files.

    With `ranges=False` it answers 200 with the whole file to every range. `directives`: more lines of its `server`.
    Skips the test where there is no nginx.
    """
    binary = shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}{os.pathsep}/usr/sbin")
    if binary is None:
        pytest.skip("nginx is not installed: tests/support/machines/debian_packages.sh installs it on Debian")
    prefix.mkdir(parents=True, exist_ok=True)
    port = free_port()
    configuration = prefix / "nginx.conf"
    configuration.write_text(
        CONFIGURATION.format(
            # As root, nginx would hand its work to a user who cannot read a test's files.
            user="user root root;" if hasattr(os, "geteuid") and os.geteuid() == 0 else "",
            prefix=prefix,
            port=port,
            root=root,
            directives=directives if ranges else f"max_ranges 0; {directives}",
        ),
        encoding="utf-8",
    )
    command = [binary, "-p", str(prefix), "-c", str(configuration), "-e", str(prefix / "error.log")]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
        try:
            _wait_for(port, process, prefix / "error.log")
            yield Nginx(port, prefix)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(DEADLINE_S)
            except subprocess.TimeoutExpired:
                process.kill()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes], error_log: Path) -> None:
    until = time.monotonic() + DEADLINE_S
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.01)
        else:
            return
    log = error_log.read_text(encoding="utf-8") if error_log.exists() else "no error log"
    raise AssertionError(f"nginx does not answer on port {port}: {log}")
