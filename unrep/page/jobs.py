"""What a button has begun and takes minutes: one thing at a time, in a thread of its own.

Killed at any moment it is ended by the next run, like any run. So nothing of it is kept but what it said last.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

LIFE_S: Final = 12 * 3600.0  # whoever presses a button in the evening reads in the morning what came of it


@dataclass(frozen=True)
class News:
    """What came of the last thing that a person did here. `lines`: sentences, the first is the most important."""

    kind: Literal["good", "bad", "under way"]
    lines: tuple[str, ...]


Work = Callable[[Callable[[str], None]], News]  # takes what it tells meanwhile; raises nothing


class Jobs:
    """For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._news: News | None = None
        self._told_at = time.monotonic()

    @property
    def is_busy(self) -> bool:
        """Whether something is under way."""
        with self._lock:
            return self._thread is not None

    @property
    def news(self) -> News | None:
        """What was told last, if that is not long ago."""
        with self._lock:
            is_old = self._thread is None and time.monotonic() - self._told_at > LIFE_S
            return None if is_old else self._news

    def tell(self, news: News) -> None:
        """What was done at once."""
        with self._lock:
            self._news, self._told_at = news, time.monotonic()

    def forget(self) -> None:
        """A person has read what was told last."""
        with self._lock:
            if self._thread is None:
                self._news = None

    def begin(self, first: str, work: Work) -> bool:
        """Begins it, unless something is under way. `first`: what is told until it says more itself."""
        with self._lock:
            if self._thread:
                return False
            self._news = News("under way", (first,))
            self._thread = threading.Thread(target=self._run, args=(work,), name="mate")
            self._thread.start()
            return True

    def wait(self) -> None:
        """Until nothing is under way."""
        with self._lock:
            thread = self._thread
        if thread:
            thread.join()

    def _run(self, work: Work) -> None:
        news = News("bad", ("it ended unexpectedly; look at 'unrep history'",))
        try:
            news = work(lambda sentence: self.tell(News("under way", (sentence,))))
        finally:
            with self._lock:
                self._thread, self._news, self._told_at = None, news, time.monotonic()
