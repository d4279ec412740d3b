"""The contract with whatever carries bytes: a server, a stick, in tests a simulated satellite.

A link knows nothing of bundles and decides nothing. It makes connections, each of which reads one range at a time.
What happens on all connections of all links of a session is told as events in one order. Trying again is the business
of `transfer.scheduling.scheduler`. A link may lie: callers verify what they get.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from transfer.links.budget import Meter


class Connection(Protocol):
    """One connection, on its way or open; its events name it."""

    def ask(self, offset: int, length: int, chunk_bytes: int) -> None:
        """Asks for `length` bytes from `offset` on, in chunks of at most `chunk_bytes`. Returns at once.

        To be called once after `Opened`, and once after each `Ended`. The file may end within the range, then the
        answer is shorter.
        """

    def close(self) -> None:
        """Ends it, whatever it does; what was not taken is not paid for, apart from what is under way.

        Events that had happened by then may still come. May be repeated.
        """


@dataclass(frozen=True)
class Opened:
    """The connection stands."""

    connection: Connection


@dataclass(frozen=True)
class Answered:
    """An answer has begun. `total_bytes`: the length of the whole file, as the source says."""

    connection: Connection
    total_bytes: int


@dataclass(frozen=True)
class Arrived:
    """The next bytes of the range, never any from behind it."""

    connection: Connection
    data: bytes


@dataclass(frozen=True)
class Ended:
    """The answer is over; the connection may be asked again."""

    connection: Connection


@dataclass(frozen=True)
class Failed:
    """The connection is gone; all bytes that arrived before were handed over.

    `fault`: a LinkFault for what may pass, SourceRefused for what will not, anything else for a mistake in a link.
    """

    connection: Connection
    fault: Exception


Event = Opened | Answered | Arrived | Ended | Failed


class Link(Protocol):
    """One source of the bytes of one file."""

    @property
    def name(self) -> str:
        """What messages call it: the URL or path."""

    @property
    def connections(self) -> int:
        """How many connections were made so far; 0 for a medium that needs none."""

    @property
    def max_connections(self) -> int:
        """How many connections at once can be of use."""

    @property
    def meter(self) -> Meter:
        """Every byte that came over its connections, as they come; it is told what they count for."""

    @property
    def max_head_bytes(self) -> int:
        """How many bytes may come before those of an answer, at most."""

    @property
    def is_free(self) -> bool:
        """Whether its bytes cost nothing, as those of a stick."""

    def dial(self) -> Connection:
        """Begins to make a connection; `Opened` or `Failed` follows, or nothing for as long as nothing answers."""


@runtime_checkable
class PacedLink(Protocol):
    """What a link has, beside the rest, that fills the way to the ship by itself, so that no other adds to it."""

    fills_path: bool

    @property
    def is_heard(self) -> bool:
        """Whether the far end has answered anything."""

    @property
    def settled_bytes_per_s(self) -> float | None:
        """What the way carries, once its pace is found; None before."""


def fills_path(link: Link) -> bool:
    """Whether a link is such a one."""
    return isinstance(link, PacedLink) and link.fills_path


class LinkSet(Protocol):
    """The links of a session, in the order in which they were named."""

    @property
    def links(self) -> Sequence[Link]:
        """One for each source that could be opened."""

    def discover(self) -> Sequence[Link]:
        """Opens those that answers have told of since the last call, which nobody named [T-185]. `links` has them."""

    @property
    def paths(self) -> Sequence[Path]:
        """Files and directories on disks, to be looked through for pieces before any link is asked [T-93]."""

    def wait(self, timeout_s: float) -> Event | None:
        """The next event on any of their connections, or None after so long without any, or a while sooner."""

    def close(self) -> None:
        """Lets go of every connection."""
