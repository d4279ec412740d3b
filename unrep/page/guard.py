"""Who may ask: this machine, by its own name, from the page itself [A-191], [A-192].

A name of another host that leads here (DNS rebinding) is not ours, and so is a form that another site sends.
"""

from email.message import Message
from typing import Final

FORM: Final = "application/x-www-form-urlencoded"
MOST_BODY_BYTES: Final = 4096


def own_host(headers: Message, port: int) -> str:
    """The host that was asked for, if it is ours; "" otherwise."""
    asked = headers.get_all("Host") or []
    names = [f"{name}:{port}" for name in ("127.0.0.1", "localhost")] + (["127.0.0.1", "localhost"] * (port == 80))
    return asked[0] if len(asked) == 1 and asked[0] in names else ""


def is_from_page(headers: Message, host: str) -> bool:
    """Whether a form was sent by our own page, as the browser says; one that says nothing is no browser."""
    origins = headers.get_all("Origin") or []
    sites = headers.get_all("Sec-Fetch-Site") or []
    if sites not in ([], ["same-origin"]):
        return False
    return origins == [f"http://{host}"] or (not origins and sites == ["same-origin"])


def body_bytes(headers: Message) -> int:
    """How long the form is; -1 for one that is none, or too long."""
    lengths = headers.get_all("Content-Length") or []
    if headers.get("Transfer-Encoding") or headers.get_content_type() != FORM or len(lengths) != 1:
        return -1
    length = lengths[0]
    is_length = length.isascii() and length.isdecimal() and len(length) < 8
    return int(length) if is_length and int(length) <= MOST_BODY_BYTES else -1
