"""What a form proves: that it came from this very page, not long ago, and is sent once [A-193].

A token is made for one action, and signed with a key that lives as long as this process. No page of another origin can
read one, so none can send a form in the mate's name.
"""

import hashlib
import hmac
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

LIFE_S: Final = 12 * 3600.0  # a page may stand open over a night watch
_MOST_USED: Final = 4096  # tokens that are remembered as used
_MOST_CHARACTERS: Final = 200


class Forms:
    """Makes tokens and takes them back, each once. For any thread. `now`: seconds of a clock that is never set."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._key = secrets.token_bytes(32)
        self._used: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def token(self, action: str) -> str:
        """For a form that does that."""
        made = f"{int(self._now())}-{secrets.token_hex(8)}"
        return f"{made}-{self._sign(action, made)}"

    def accept(self, action: str, token: str) -> bool:
        """Whether the token is for that action, is not too old, and comes for the first time."""
        made, _, signature = token[:_MOST_CHARACTERS].rpartition("-")
        if not hmac.compare_digest(self._sign(action, made).encode(), signature.encode(errors="replace")):
            return False
        if self._now() - int(made.partition("-")[0]) > LIFE_S:
            return False
        with self._lock:
            if token in self._used:
                return False
            self._used[token] = None
            while len(self._used) > _MOST_USED:
                self._used.popitem(last=False)
        return True

    def _sign(self, action: str, made: str) -> str:
        return hmac.new(self._key, f"{action} {made}".encode(errors="replace"), hashlib.sha256).hexdigest()
