"""The sources of a session: which are still asked, why the others are not, and which error that makes in the end."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from transfer.errors import CutShort, Incomplete
from transfer.links.contract import Connection
from transfer.scheduling.active_request import PooledConnection
from transfer.scheduling.source import Source


class SourceGroup:
    """All sources, in the order in which they were named. `say` reports each that is lost."""

    def __init__(self, sources: list[Source], say: Callable[[str], None]) -> None:
        self._sources = sources
        self._asked = sources  # those that this call may ask
        self._say = say

    def __iter__(self) -> Iterator[Source]:
        return iter(self._sources)

    @property
    def first(self) -> Source:
        """The one that was named first."""
        return self._sources[0]

    @property
    def alive(self) -> list[Source]:
        """Those that are still asked. One that nobody named keeps no session waiting, unless it has delivered."""
        alive = [source for source in self._asked if source.lost is None and source.is_asked]
        return alive if any(source.is_named or source.has_answered for source in alive) else []

    @property
    def received_bytes(self) -> int:
        """Every byte that came over the links, of use or not."""
        return sum(source.received_bytes for source in self._sources)

    def find(self, connection: Connection) -> tuple[Source, PooledConnection] | None:
        """The source of a connection, and what is known of it. None once it is closed."""
        for source in self._sources:
            if pooled := source.pool.find(connection):
                return source, pooled
        return None

    def add(self, source: Source) -> None:
        """One more, behind the others."""
        self._sources.append(source)

    @contextmanager
    def only(self, source: Source) -> Iterator[None]:
        """Within this, the others are not asked."""
        asked, self._asked = self._asked, [source]
        try:
            yield
        finally:
            self._asked = asked

    def lose(self, source: Source, error: Exception) -> None:
        """Asks a source no more. Raises the error if no other is left, or a kinder one that another was lost for."""
        # A source with a part of the file still serves that part while others have the rest.
        if isinstance(error, CutShort) and len(self._asked) > 1:
            source.layout.cut_short = error
        else:
            source.lost = error
            source.disconnect()
        if not self.alive:
            raise self.verdict(error)
        if len(self._sources) > 1:
            then = "it is asked no more" if source.lost else "the others are asked for what is behind that"
            self._say(f"{error}; {then}")

    def retire(self, names: set[str]) -> bool:
        """Asks those no more, since they gave what they have. Returns False, and keeps them, if there are no others."""
        others = [source for source in self.alive if source.name not in names]
        for source in self.alive if others else []:
            if source.name in names:
                source.is_asked = False
                source.disconnect()
        return bool(others)

    def verdict(self, last: Exception | None = None) -> Exception:
        """Of all that sources were lost for, what says best what to do: to wait, if that can help with one of them."""
        # A source that may serve later outweighs one that never will: exit codes and unattended retries follow this.
        errors = [one.lost for one in self._asked if one.lost] + ([last] if last else [])
        errors += [one.layout.cut_short for one in self._asked if one.layout.cut_short]
        return next((error for error in errors if isinstance(error, Incomplete)), errors[-1])
