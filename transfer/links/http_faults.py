"""What an exception of urllib3, or of what is below it, means for a session."""

import re
from collections.abc import Callable
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from ssl import SSLCertVerificationError

from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    InvalidHeader,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
)

from transfer.errors import BadAnswer, Dropped, Silent, SourceRefused
from transfer.links.http_connections import MAX_HEAD_BYTES, BodyTooLong, HeadTooLong, NothingLeft

_REFUSED_BY_PROXY = re.compile(r"Tunnel connection failed: (4\d\d.{0,40})")


def fault_of(error: Exception) -> Exception:
    """A LinkFault for what may pass, SourceRefused for what will not; neither names the source."""
    cause = _cause(error, lambda e: isinstance(e, (OSError, HTTPException)) and not isinstance(e, HTTPError))
    match error:
        case TimeoutError():
            return Silent("nothing arrives")
        case NameResolutionError():
            return Dropped("its name cannot be resolved to an address")
        case ReadTimeoutError() | ConnectTimeoutError() if not isinstance(error, NewConnectionError):
            return Silent("nothing arrives")  # NewConnectionError, such as a refusal, counts as a time-out in urllib3
        case _ if isinstance(cause, SSLCertVerificationError):
            return SourceRefused(
                f"the server's certificate does not verify: {cause.verify_message}; check the address, this machine's "
                "clock and its certificate authorities"
            )
        case LocationParseError():
            return SourceRefused("not a valid URL")
        case _ if isinstance(cause, HeadTooLong):
            return BadAnswer(f"sends more than {MAX_HEAD_BYTES:,} bytes before its answer")
        case _ if isinstance(cause, BodyTooLong):
            return BadAnswer("sends much more than was asked for")
        case _ if isinstance(cause, NothingLeft):
            return Dropped("no more may be received from it")
        case InvalidHeader():
            return BadAnswer("sends headers that contradict each other")
        case ProtocolError() | HTTPException() if isinstance(cause, HTTPException) and not isinstance(
            cause, (RemoteDisconnected, IncompleteRead)
        ):
            return BadAnswer(f"does not speak HTTP as it should ({type(cause).__name__})")
    if refused := _REFUSED_BY_PROXY.search(str(cause)):
        return SourceRefused(f"the proxy answers {refused[1]}; check --proxy, and what --auth-file has for it")
    reason = cause.strerror if isinstance(cause, OSError) and cause.strerror else "the connection ended too early"
    return Dropped(reason[0].lower() + reason[1:])


def _cause(error: BaseException, fits: Callable[[BaseException], bool]) -> BaseException | None:
    """The innermost exception that fits, in the order in which urllib3 wraps them."""
    found = None
    seen: BaseException | None = error
    while seen is not None:
        wrapped = next((a for a in reversed(seen.args) if isinstance(a, BaseException)), None)
        found = seen if fits(seen) else found
        seen = wrapped or seen.__cause__ or seen.__context__
    return found
