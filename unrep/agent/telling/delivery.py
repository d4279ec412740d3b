"""Receipts on their way home beside the agent's rounds: each way in a thread of its own [A-147], [A-148].

Nothing waits for them, so a server that answers slowly is in nobody's way. What a way has taken is in
SITE/.unrep/deliveries.json, which is lost without harm: then all that is kept is brought once more, and the office
knows receipts that come twice.
"""

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from apply.errors import AboardError
from apply.record.database import read_receipts
from apply.site import durable
from apply.site.config import OUTBOX
from apply.site.layout import Site
from bundle.errors import BundleError
from bundle.host.files import read_plain
from transfer.errors import TransferError
from transfer.links.access import Access, is_url, shown_source
from unrep.agent.journal import About, Event, Journal, Kind
from unrep.agent.settings import Settings
from unrep.agent.telling.ways_home import MAX_AT_ONCE, WayClosed, into_directory, to_address

ONCE_PATIENCE_S: Final = 30.0  # of an agent that makes one round
_MAX_FILE_BYTES: Final = 64 * 1024


@dataclass(frozen=True)
class WayState:
    """What is known of a way: the number of the latest receipt that it took, and why it took no more; "" if it did."""

    way: str
    taken: int = 0
    error: str = ""


class Delivery:
    """The ways home of one site."""

    def __init__(self, site: Site, journal: Journal) -> None:
        self._site = site
        self._journal = journal
        self._running: dict[str, threading.Thread] = {}
        self._lock = threading.Lock()
        self._states: dict[str, WayState] | None = None

    def start(self, settings: Settings) -> None:
        """Sets out on every way that is not still under way, and reports what became of the last time."""
        ways = [way for way in settings.config.report.to if way != OUTBOX]
        with self._lock:
            self._states = read_deliveries(self._site) if self._states is None else self._states
            known = {_key(way): self._states.get(_key(way), WayState(shown_source(way))) for way in ways}
            self._states = known
        for way in ways:
            self._report(known[_key(way)])
            running = self._running.get(way)
            if running is None or not running.is_alive():
                self._running[way] = threading.Thread(target=self._bring, args=(way, settings.access), daemon=True)
                self._running[way].start()

    def wait(self, patience_s: float) -> None:
        """Until all have come back, or so long."""
        for thread in self._running.values():
            thread.join(patience_s)

    def _report(self, state: WayState) -> None:
        event = Event(Kind.UNDELIVERED, f"receipts wait: {state.error}", {"source": state.way}) if state.error else None
        self._journal.report_change((About.WAY, state.way), event)

    def _bring(self, way: str, access: Access) -> None:
        error = ""
        try:
            taken = self._taken(way)
            waiting = read_receipts(self._site, taken)
            if not waiting and taken and not read_receipts(self._site, taken - 1):
                waiting = read_receipts(self._site)  # the record was begun anew, and numbers with it
            for number in self._brought(way, waiting[:MAX_AT_ONCE], access):
                self._note(way, number)
        except WayClosed:
            pass
        except OSError as failure:
            error = f"{failure.filename or shown_source(way)}: {failure.strerror or failure}"
        except (TransferError, AboardError, BundleError) as failure:
            error = str(failure)
        self._settle(way, error)

    def _brought(self, way: str, waiting: list[tuple[int, bytes]], access: Access) -> Iterator[int]:
        if not waiting:
            return iter(())
        return to_address(way, access, waiting) if is_url(way) else into_directory(self._site.root / way, waiting)

    def _taken(self, way: str) -> int:
        with self._lock:
            return (self._states or {}).get(_key(way), WayState(way)).taken

    def _note(self, way: str, taken: int) -> None:
        with self._lock:
            if self._states is not None and _key(way) in self._states:
                self._states[_key(way)] = WayState(shown_source(way), taken, self._states[_key(way)].error)

    def _settle(self, way: str, error: str) -> None:
        with self._lock:
            if self._states is None or _key(way) not in self._states:
                return
            self._states[_key(way)] = WayState(shown_source(way), self._states[_key(way)].taken, error)
            document = {key: vars(state) for key, state in self._states.items()}
            try:
                durable.write_file(self._site.deliveries_file, json.dumps(document).encode())
            except AboardError:
                return  # they are brought once more after the next start


def read_deliveries(site: Site) -> dict[str, WayState]:
    """What each way has taken, by its key; nothing where that is not known."""
    try:
        found = json.loads(read_plain(site.deliveries_file, _MAX_FILE_BYTES))
        return {str(key): _state(value) for key, value in islice(found.items(), MAX_AT_ONCE)}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


def _state(value: dict[str, Any]) -> WayState:
    return WayState(str(value["way"]), int(value["taken"]), str(value["error"]))


def _key(way: str) -> str:
    """What stands for a way in the file: an address may hold a secret."""
    return hashlib.sha256(way.encode(errors="surrogatepass")).hexdigest()[:16]
