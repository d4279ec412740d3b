"""A TCP connection under one deadline, by the monotonic clock, for all addresses of a host."""

import socket
import time


def connect(host: str, port: int, deadline: float) -> socket.socket:
    """A connection to the first of the host's addresses that accepts one. Raises OSError."""
    failure = OSError(f"{host} has no address")
    # Each address in turn, under the one deadline: a name may have an IPv6 address where nothing listens.
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(remaining_s(deadline))
            connection.connect(address)
        except OSError as error:
            connection.close()
            failure = error
        else:
            return connection
    raise failure


def remaining_s(deadline: float) -> float:
    """What is left until then. Raises TimeoutError for nothing."""
    remaining_s = deadline - time.monotonic()
    if remaining_s <= 0:
        raise TimeoutError
    return remaining_s
