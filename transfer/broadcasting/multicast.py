"""UDP multicast, IPv4: the only sockets of a broadcast."""

import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address
from types import TracebackType

from transfer.broadcasting.headers import Sender
from transfer.errors import OutputRefused, SourceRefused

RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024  # asked for; the system may give less
_MAX_DATAGRAM_BYTES = 65_536
_PAUSE_S = 0.1


@dataclass(frozen=True)
class Group:
    """A multicast address and port."""

    address: str
    port: int

    def __str__(self) -> str:
        return f"{self.address}:{self.port}"


def parse_group(text: str) -> Group:
    """Reads ADDRESS:PORT. Raises ValueError unless it is a multicast address of IPv4 and a port."""
    address, _, port = text.rpartition(":")
    try:
        is_group = IPv4Address(address).is_multicast and 0 < int(port) < 65_536
    except ValueError:
        is_group = False
    if not is_group:
        raise ValueError(f"{text!r} is no multicast group of IPv4 with a port, such as 239.1.2.3:4000")
    return Group(address, int(port))


class MulticastSender:
    """Sends datagrams to a group, as a context manager. `interface`: the address of the one to use; None: the system's.

    `ttl`: how many routers may pass them on, and one more. Raises OutputRefused if the system does not have it so.
    """

    def __init__(self, group: Group, interface: str | None, ttl: int, say: Callable[[str], None]) -> None:
        self._group = group
        self._say = say
        self._has_sent = self._is_failing = False
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, ttl)
            if interface:
                self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(interface))
        except OSError as error:
            self._socket.close()
            raise OutputRefused(f"{group}: cannot be sent to by {interface}: {error.strerror}") from error

    def __enter__(self) -> "MulticastSender":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._socket.close()

    def send(self, datagram: bytes) -> None:
        """Sends one. Raises OutputRefused if the first cannot be sent; a later one that cannot is lost."""
        try:
            self._socket.sendto(datagram, (self._group.address, self._group.port))
        except OSError as error:
            if not self._has_sent:
                raise OutputRefused(
                    f"{self._group}: cannot be sent to: {error.strerror}; name the right one with --interface"
                ) from error
            if not self._is_failing:
                self._say(f"{self._group}: datagrams are lost: {error.strerror}; going on")
            self._is_failing = True
        else:
            self._has_sent, self._is_failing = True, False


class MulticastReceiver:
    """Receives the datagrams of a group, as a context manager. Raises SourceRefused if the group cannot be joined."""

    def __init__(self, group: Group, interface: str | None) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._timeout_s: float | None = None
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            # Bound to the group, nothing else that comes to the port is received; Windows does not have that.
            self._socket.bind(("" if sys.platform == "win32" else group.address, group.port))
            member = socket.inet_aton(group.address) + socket.inet_aton(interface or "0.0.0.0")  # noqa: S104 - any
            self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        except OSError as error:
            self._socket.close()
            raise SourceRefused(
                f"{group}: cannot be joined: {error.strerror}; name another port, or the right --interface"
            ) from error

    def __enter__(self) -> "MulticastReceiver":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._socket.close()

    def receive(self, seconds: float) -> tuple[bytes, Sender] | None:
        """The next datagram and its sender's address and port, or None if none came in that time."""
        if seconds != self._timeout_s:
            self._socket.settimeout(seconds)
            self._timeout_s = seconds
        try:
            data, sender = self._socket.recvfrom(_MAX_DATAGRAM_BYTES)
        except TimeoutError:
            return None
        except OSError:  # the network is down, and may come up again
            time.sleep(min(seconds, _PAUSE_S))
            return None
        return data, sender
