"""What exceptions of urllib3, and below it, mean for a session: each by the kind of error and in plain words."""

from http.client import BadStatusLine, IncompleteRead, RemoteDisconnected
from ssl import SSLCertVerificationError

import pytest
from urllib3.exceptions import HTTPError, InvalidHeader, LocationParseError, NewConnectionError, ProtocolError, SSLError

from transfer.errors import BadAnswer, Dropped, LinkFault, Silent, SourceRefused
from transfer.links.http_connections import BodyTooLong, HeadTooLong, NothingLeft
from transfer.links.http_faults import fault_of


def certificate_error() -> SSLCertVerificationError:
    error = SSLCertVerificationError("certificate verify failed")
    error.verify_message = "certificate has expired"
    return error


@pytest.mark.parametrize(
    ("error", "expected", "message"),
    [
        (TimeoutError("timed out"), Silent, "nothing arrives"),
        (ConnectionResetError(104, "Connection reset by peer"), Dropped, "connection reset by peer"),
        (ProtocolError("aborted", RemoteDisconnected("closed")), Dropped, "the connection ended too early"),
        (ProtocolError("broken", IncompleteRead(b"", 10)), Dropped, "the connection ended too early"),
        (ProtocolError("broken", BadStatusLine("SSH-2.0")), BadAnswer, "does not speak HTTP as it should"),
        (ProtocolError("broken", HeadTooLong()), BadAnswer, "16,384 bytes before its answer"),
        (ProtocolError("broken", BodyTooLong()), BadAnswer, "much more than was asked for"),
        (ProtocolError("broken", NothingLeft()), Dropped, "no more may be received"),
        (InvalidHeader("two lengths"), BadAnswer, "headers that contradict each other"),
        (LocationParseError("http://["), SourceRefused, "not a valid URL"),
        (SSLError(certificate_error()), SourceRefused, "certificate has expired; check the address"),
        (OSError("Tunnel connection failed: 407 Proxy Auth"), SourceRefused, "the proxy answers 407 Proxy Auth"),
        (OSError("Tunnel connection failed: 502 Bad Gateway"), Dropped, "the connection ended too early"),
    ],
)
def test_each_kind_of_failure(error: Exception, expected: type[Exception], message: str) -> None:
    """[T-16], [T-18], [T-19], [T-98], [T-134]"""
    fault = fault_of(error)
    assert type(fault) is expected and message in str(fault)
    assert isinstance(fault, LinkFault) != (expected is SourceRefused)


def test_a_refused_connection_is_no_silence() -> None:
    """[T-21]: though urllib3 counts it as a time-out."""
    refused = ConnectionRefusedError(111, "Connection refused")
    error: HTTPError = NewConnectionError(None, "failed to connect")  # type: ignore[arg-type]
    error.__cause__ = refused
    fault = fault_of(error)
    assert type(fault) is Dropped and str(fault) == "connection refused"
