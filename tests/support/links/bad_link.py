"""A bad satellite link in front of a server on this machine: `with weather(port, seed=1, mtbf_s=5) as link`.

The options are those of `ChaosProxy` in chaosproxy.py, whose docstring is their manual. The proxy runs on a thread of
this process, so nothing can be left behind.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.links.chaosproxy import ChaosProxy

DEADLINE_S = 10.0


class Weather:
    """The link's near end: connect to `port` on 127.0.0.1."""

    def __init__(self, proxy: ChaosProxy, loop: asyncio.AbstractEventLoop) -> None:
        self._proxy = proxy
        self._loop = loop
        self.port: int = self._call(proxy.start).port

    def url(self, path: str = "") -> str:
        """An address behind the link."""
        return f"http://127.0.0.1:{self.port}/{path}"

    def stats(self) -> dict[str, Any]:
        """The figures so far: `link_down` bytes paid for, `delivered_down`, `connections`, `drops`, `events`, …"""

        async def read() -> Any:
            return self._proxy.stats()

        figures: dict[str, Any] = self._call(read)
        return figures

    def stop(self) -> None:
        """Cuts every connection and closes the port."""
        self._call(self._proxy.stop)

    def _call(self, function: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(function(), self._loop).result(DEADLINE_S)


@contextmanager
def weather(upstream_port: int, **options: Any) -> Iterator[Weather]:
    """Puts a link with these options in front of a port, and takes it away at the end."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="weather", daemon=True)
    thread.start()
    try:
        link = Weather(ChaosProxy(("127.0.0.1", upstream_port), **options), loop)
        try:
            yield link
        finally:
            link.stop()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(DEADLINE_S)
        loop.close()


def earliest_s(events: list[dict[str, Any]], bytes_per_s: float, length: int) -> float:
    """When the last byte could have come at the earliest, given the outages of the link."""
    now, left_s = 0.0, length / bytes_per_s
    for event in events:
        if event["kind"] in ("refuse", "blackhole"):
            if event["t"] - now >= left_s:
                break
            left_s -= event["t"] - now
            now = event["t"] + event["dur"]
    return now + left_s
