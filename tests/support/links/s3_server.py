"""A real S3-compatible server over HTTP, moto's, in a process of its own, with an empty bucket `fleet`.

What is in it goes with it. A test that needs one is skipped where s3fs or moto is missing.
"""

import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from tests.support.links.nginx import free_port

BUCKET = "fleet"
STARTS_WITHIN_S = 60


@dataclass
class S3Server:
    """One server at one port, which may be stopped and started anew."""

    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def settings(self) -> dict[str, str]:
        """The environment of a client."""
        keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1"}
        return {"AWS_ENDPOINT_URL": self.endpoint, "AWS_MAX_ATTEMPTS": "1", **keys}

    def start(self) -> None:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + STARTS_WITHIN_S
        while True:
            try:
                urllib.request.urlopen(urllib.request.Request(f"{self.endpoint}/{BUCKET}", method="PUT"), timeout=5)
            except OSError:
                assert time.monotonic() < until, "the S3 server does not answer"
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()


@contextmanager
def s3_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """One that runs, with the environment set for its clients."""
    pytest.importorskip("s3fs")
    pytest.importorskip("moto.server")
    server = S3Server()
    for name, value in server.settings.items():
        monkeypatch.setenv(name, value)
    server.start()
    try:
        yield server
    finally:
        server.stop()
