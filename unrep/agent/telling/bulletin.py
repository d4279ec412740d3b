"""SITE/.unrep/agent.json: what the agent is doing, for `unrep status` and the mate's page [A-156].

It is written anew every minute, from a thread of its own, so that a long update does not look like a dead agent. It
decides nothing: where it cannot be written or read, the agent goes on, and status does not know.
"""

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import msgspec

from apply.errors import AboardError
from apply.site import durable
from apply.site.layout import Site
from bundle.host.files import read_plain
from unrep.renewing.home import program_directory

BEAT_S: Final = 60.0
MISSED_S: Final = 150.0  # without a beat for so long, the agent is not there
PROGRESS_EVERY_S: Final = 5.0
_MAX_BYTES: Final = 256 * 1024


class Download(msgspec.Struct, frozen=True, kw_only=True):
    """A fetch under way: bytes of this stage so far, of how many, and since when, in seconds since 1970."""

    done: int
    total: int
    since: float

    def left_s(self, now: float) -> float | None:
        """How long the rest takes at the rate so far; None where that cannot be told yet."""
        if self.done <= 0 or now <= self.since:
            return None
        return (self.total - self.done) * (now - self.since) / self.done


class Bulletin(msgspec.Struct, frozen=True, kw_only=True):
    """Times are seconds since 1970, by the machine's clock.

    sources: what was wrong with each when it was asked last, "" for nothing. next_round_at: when the agent looks again,
    0 while it is at work. stopped: it was told to stop, or made its one round. program: the directory of the unrep that
    it is.
    """

    pid: int
    started_at: float
    beat_at: float
    next_round_at: float = 0.0
    sources: dict[str, str] = {}
    download: Download | None = None
    stopped: bool = False
    program: str = ""

    def is_alive(self, now: float) -> bool:
        """Whether the agent is there."""
        return not self.stopped and abs(now - self.beat_at) < MISSED_S


def read_bulletin(site: Site) -> Bulletin | None:
    """What the agent wrote last; None where there was never one, or that cannot be read."""
    try:
        return msgspec.json.decode(read_plain(site.bulletin_file, _MAX_BYTES), type=Bulletin)
    except (OSError, ValueError, RecursionError):
        return None


class Bulletins:
    """Writes the file while the agent lives. `wall`: the time of day."""

    def __init__(self, site: Site, wall: Callable[[], float]) -> None:
        self._site = site
        self._wall = wall
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._progress_at = 0.0
        now = wall()
        self._now = Bulletin(pid=os.getpid(), started_at=now, beat_at=now, program=str(program_directory()))

    def begin(self) -> None:
        """The agent has begun."""
        self.say()
        threading.Thread(target=self._beat, daemon=True).start()

    def end(self) -> None:
        """The agent ends."""
        self._end.set()
        self.say(stopped=True, download=None, next_round_at=0.0)

    def say(self, **changes: Any) -> None:
        """Something has changed."""
        with self._lock:
            self._now = msgspec.structs.replace(self._now, beat_at=self._wall(), **changes)
            with suppress(AboardError):
                durable.write_file(self._site.bulletin_file, msgspec.json.encode(self._now))

    def download(self, done: int, total: int) -> None:
        """A fetch goes on; `done` is 0 at the beginning of a stage. Written every few seconds."""
        known = self._now.download
        since = known.since if known and done else self._wall()
        if done and time.monotonic() - self._progress_at < PROGRESS_EVERY_S:
            return
        self._progress_at = time.monotonic()
        self.say(download=Download(done=done, total=total, since=since))

    def _beat(self) -> None:
        while not self._end.wait(BEAT_S):
            self.say()
