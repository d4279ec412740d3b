"""A real PostgreSQL in a directory of its own, reached through a socket there; none where Debian's is not installed."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
MISSING = "no PostgreSQL: install Debian's package postgresql to run this test on it, too"
_USER = "postgres"


def is_installed() -> bool:
    """Whether its programs are there; root cannot run a server, so the package's user has to be there, too."""
    return bool(PROGRAMS) and hasattr(os, "getuid")


class Server:
    """A server that runs. Stop and start it as often as you like."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._count = 0

    def start(self) -> None:
        self._run("pg_ctl", "-D", self._data, "-w", "-l", str(self.directory / "log"), "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", self._data, "-w", "-m", "immediate", "stop")

    def make(self) -> None:
        self._run("initdb", "-D", self._data, "-A", "trust", "-U", _USER, "--no-sync")
        settings = self.directory / "data" / "postgresql.conf"
        with settings.open("a") as file:
            file.write(f"listen_addresses = ''\nunix_socket_directories = '{self.directory}'\nfsync = off\n")

    def new_database(self) -> str:
        """The URL of an empty database."""
        self._count += 1
        name = f"fleet{self._count}"
        self._run("createdb", "-h", str(self.directory), "-U", _USER, name)
        return f"postgresql://{_USER}@/{name}?host={quote(str(self.directory), safe='')}"

    @property
    def _data(self) -> str:
        return str(self.directory / "data")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(PROGRAMS[-1] / program), *arguments]
        user = _USER if os.getuid() == 0 else None
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        done = (
            subprocess.run(
                command, user=user, env=environment, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, timeout=120
            )
            if program != "pg_ctl"
            else subprocess.run(
                command,
                user=user,
                env=environment,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=120,
            )
        )
        assert not done.returncode, f"{program}: {done.stderr!r}"


@contextmanager
def running() -> Iterator[Server]:
    """A server in a short path, for a socket's may have 107 bytes."""
    directory = Path(tempfile.mkdtemp(prefix="unrep-pg-", dir="/tmp"))
    try:
        if os.getuid() == 0:
            shutil.chown(directory, _USER)
        server = Server(directory)
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(directory, ignore_errors=True)
