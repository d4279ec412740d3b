"""A command at a terminal of 100 columns: what it draws there, frame by frame. Not on Windows."""

import os
import select
import shlex
import struct
import sys
import time

from tests.support.repository import REPOSITORY
from tests.support.sites.site import PATIENCE_S

COLUMNS, LINES = 100, 30


def frames(line: str) -> tuple[int, list[str]]:
    """Exit code of `unrep LINE`, and all that stood in the line of the bar, in order."""
    import fcntl
    import pty
    import termios

    pid, terminal = pty.fork()
    if pid == 0:
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        argv = [sys.executable, "-m", "unrep", *shlex.split(line)]
        os.execve(sys.executable, argv, os.environ | {"TERM": "xterm", "PYTHONPATH": str(REPOSITORY)})  # noqa: S606
    seen, end = b"", time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if not select.select([terminal], [], [], 0.2)[0]:
            continue
        try:
            chunk = os.read(terminal, 65536)
        except OSError:  # the other side has gone
            break
        if not chunk:
            break
        seen += chunk
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    drawn = seen.decode(errors="replace").replace("\r\n", "\r").split("\r")
    return os.waitstatus_to_exitcode(status), [frame.strip() for frame in drawn if frame.strip()]
