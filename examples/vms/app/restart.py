"""Stops the VMS server that runs, if one does, and starts this release's: the ship's `restart` command.

    python restart.py --listen 127.0.0.1:8000        (in unrep's environment)
    python restart.py --listen 127.0.0.1:8000 --stop

UNREP_SITE  the site; the data lies in its `vms-data` unless VMS_DATA names another directory
UNREP_VENV  the environment that holds the release's packages; without it, the Python that runs this file serves

It returns 0 once the new server answers on its port, and 1 with the end of the log when it does not.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.dont_write_bytecode = True
sys.path[0] = os.path.realpath(Path(__file__).parent)

import pid_file  # noqa: E402

STOP_DEADLINE_S = 15.0
PORT_DEADLINE_S = 2.0
START_DEADLINE_S = 60.0
LOG_TAIL_BYTES = 2000
EVERY_ADDRESS = ("", "*", "0.0.0.0")  # noqa: S104 - recognised here, bound only where the ship asks for it


def data_directory() -> Path:
    """Where database, log and process id lie: outside every release."""
    if "VMS_DATA" in os.environ:
        return Path(os.environ["VMS_DATA"]).absolute()
    if "UNREP_SITE" in os.environ:
        return Path(os.environ["UNREP_SITE"]).absolute() / "vms-data"
    sys.exit("neither VMS_DATA nor UNREP_SITE is set: name the directory that keeps the database")


def python_of(venv: str | None) -> str:
    """The interpreter of a virtual environment, or this one."""
    if not venv:
        return sys.executable
    return str(Path(venv, "Scripts", "python.exe") if os.name == "nt" else Path(venv, "bin", "python"))


def within(deadline_s: float, met: Callable[[], bool]) -> bool:
    """Whether the condition came true in time."""
    until = time.monotonic() + deadline_s
    while not met():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def answers(listen: str) -> bool:
    """Whether something accepts connections there."""
    host, _, port = listen.rpartition(":")
    host = "127.0.0.1" if host in EVERY_ADDRESS else host.strip("[]")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def stop(pid_path: Path, listen: str) -> None:
    """Ends the server that runs: politely, and after a while by force."""
    for number in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        pid = pid_file.holder(pid_path)
        if pid is None:
            return
        os.kill(pid, number)
        if within(STOP_DEADLINE_S, lambda: pid_file.holder(pid_path) is None):
            within(PORT_DEADLINE_S, lambda: not answers(listen))
            return
    sys.exit(f"the server with process id {pid} does not stop: end it by hand")


def start(data: Path, listen: str) -> None:
    """Starts this release's server apart from this process, and waits until it answers."""
    log = data / "vms.log"
    apart = (
        {"creationflags": subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP}
        if os.name == "nt"
        else {"start_new_session": True}
    )
    with log.open("ab") as out:
        server = subprocess.Popen(
            [python_of(os.environ.get("UNREP_VENV")), str(Path(sys.path[0], "serve.py")), "--listen", listen],
            cwd=data,
            env={**os.environ, "VMS_DATA": str(data)},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            **apart,
        )
    within(START_DEADLINE_S, lambda: answers(listen) or server.poll() is not None)
    if server.poll() is not None or not answers(listen):
        tail = log.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace")
        sys.exit(f"the server did not start on {listen}; the end of {log}:\n{tail}")


def main() -> None:
    """Out with the old, in with the new."""
    parser = argparse.ArgumentParser(description="Restarts the VMS server with this release.")
    parser.add_argument("--listen", default="127.0.0.1:8000", metavar="HOST:PORT")
    parser.add_argument("--stop", action="store_true", help="only stop the server that runs")
    options = parser.parse_args()
    data = data_directory()
    data.mkdir(parents=True, exist_ok=True)
    stop(data / "vms.pid", options.listen)
    if options.stop:
        return
    if answers(options.listen):
        sys.exit(f"{options.listen} is taken by another program: stop it, or choose another port with --listen")
    start(data, options.listen)


if __name__ == "__main__":
    main()
