"""The releases of the demonstration: a small harbour service, with its charts, in three versions."""

import random
from pathlib import Path

CHARTS = 6
CHART_BYTES = 200_000
MODULES = 30
LINES = 120

_WORDS = ("anchor", "berth", "buoy", "cargo", "crane", "draft", "ebb", "fairlead", "hawser", "keel", "mooring", "quay")

_SERVE = '''"""Serves the harbour page and /health of this release."""
import http.server
import pathlib
import sys

sys.dont_write_bytecode = True
RELEASE = pathlib.Path(__file__).resolve().parent
VERSION = (RELEASE / "VERSION").read_text().strip()
HEALTHY = (RELEASE / "HEALTHY").read_text().strip() == "yes"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        healthy = HEALTHY or self.path != "/health"
        body = f"harbour {VERSION}\\n" if healthy else "the chart table does not open\\n"
        self.send_response(200 if healthy else 500)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer.allow_reuse_address = True
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
'''

_RESTART = '''"""Stops the server that runs, if one does, and starts this release's (or, with --stop, none)."""
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

port, pid_file = int(sys.argv[1]), pathlib.Path(os.environ["UNREP_SITE"]) / "harbour.pid"


def answers():
    try:
        socket.create_connection(("127.0.0.1", port), 0.2).close()
    except OSError:
        return False
    return True


def wait_until(condition):
    until = time.monotonic() + 10
    while not condition() and time.monotonic() < until:
        time.sleep(0.02)


if pid_file.exists():
    try:
        os.kill(int(pid_file.read_text()), signal.SIGTERM)
        wait_until(lambda: not answers())
    except (OSError, ValueError):
        pass
    pid_file.unlink()
if "--stop" not in sys.argv:
    apart = {"creationflags": 0x00000208} if os.name == "nt" else {"start_new_session": True}
    here = pathlib.Path(__file__).resolve().parent
    server = subprocess.Popen(
        [sys.executable, str(here / "serve.py"), str(port)],
        cwd=pid_file.parent, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **apart,
    )
    pid_file.write_text(str(server.pid))
    wait_until(answers)
'''


def write_release(directory: Path, version: str, healthy: bool) -> None:
    """Writes a version of the harbour service; the same version always has the same bytes."""
    step = int(version.rsplit(".", 1)[1])
    rng = random.Random(1)  # noqa: S311 - made-up content
    (directory / "charts").mkdir(parents=True)
    (directory / "harbour").mkdir()
    _write(directory / "VERSION", version)
    _write(directory / "HEALTHY", "yes" if healthy else "no")
    _write(directory / "serve.py", _SERVE)
    _write(directory / "restart.py", _RESTART)
    for number in range(MODULES):
        lines = [f"# {' '.join(rng.choices(_WORDS, k=9))}" for _ in range(LINES)]
        if step and number % 5 == 0:
            lines.insert(LINES // 2, f"# corrected in {version}")
        _write(directory / "harbour" / f"module_{number:02}.py", "\n".join(lines))
    for number in range(CHARTS + step):
        chart = bytearray(rng.randbytes(CHART_BYTES))
        for at in range(0, len(chart) if step else 0, CHART_BYTES // 40):
            chart[at] ^= step
        (directory / "charts" / f"chart_{number:02}.bin").write_bytes(chart)


def _write(path: Path, text: str) -> None:
    path.write_bytes(text.encode() + b"\n")
