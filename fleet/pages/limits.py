"""How often somebody may try a password [L-52]: by address, by name, and all together."""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

WINDOW_S: Final = 60.0
MOST_BY_ONE: Final = 10
MOST_BY_ALL: Final = 60
_KEPT: Final = 10_000


@dataclass
class Attempts:
    """Attempts of the last minute. Any thread may ask."""

    clock: Callable[[], float] = time.monotonic
    _of: OrderedDict[str, deque[float]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def admit(self, address: str, name: str) -> bool:
        """Whether another attempt is allowed; one that is counts. Success does not clear it: a guess may be right."""
        now = self.clock()
        bounds = {"all": MOST_BY_ALL, f"at {address}": MOST_BY_ONE, f"as {name[:100]}": MOST_BY_ONE}
        with self._lock:
            times = {key: self._recent(key, now) for key in bounds}
            if any(len(times[key]) >= most for key, most in bounds.items()):
                return False
            for one in times.values():
                one.append(now)
            return True

    def _recent(self, key: str, now: float) -> deque[float]:
        found = self._of.setdefault(key, deque())
        self._of.move_to_end(key)
        while found and found[0] <= now - WINDOW_S:
            found.popleft()
        while len(self._of) > _KEPT:
            self._of.popitem(last=False)
        return found
