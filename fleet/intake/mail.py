"""Receipts in mail: mailboxes of any size, Maildir folders and single messages [L-12].

A mailbox is read line by line, one message in memory at a time. A message beyond the bound is named and passed over.
"""

import email
import email.policy
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import BinaryIO, Final

MAX_MESSAGE_BYTES: Final = 16 << 20
MAX_PARTS: Final = 1_000
_BEGINS: Final = b"From "


def messages(file: BinaryIO) -> Iterator[bytes | None]:
    """The messages of a mailbox (mbox); None for one that is too long. A line that begins `>From ` stays as it is."""
    lines: list[bytes] = []
    size, after_blank = 0, True
    while line := file.readline(1 << 20):
        if after_blank and line.startswith(_BEGINS):
            if size:
                yield b"".join(lines) if size <= MAX_MESSAGE_BYTES else None
            lines, size = [], 0
        else:
            size += len(line)
            if size <= MAX_MESSAGE_BYTES:
                lines.append(line)
            else:
                lines.clear()
        after_blank = line in (b"\n", b"\r\n")
    if size:
        yield b"".join(lines) if size <= MAX_MESSAGE_BYTES else None


def attachments(message: bytes) -> Iterator[tuple[str, bytes]]:
    """The names and contents of a message's attachments, those of messages within it, too."""
    parsed = email.message_from_bytes(message, policy=email.policy.compat32)
    for count, part in enumerate(parsed.walk()):
        if count >= MAX_PARTS:
            return
        name = _name(part)
        if name and not part.is_multipart():
            content = part.get_payload(decode=True)
            if isinstance(content, bytes):
                yield name, content


def is_mailbox(beginning: bytes) -> bool:
    """Whether a file that begins so is a mailbox."""
    return beginning.startswith(_BEGINS)


def is_maildir(folder: Path, names: set[str]) -> bool:
    """Whether a folder with these names in it is a Maildir."""
    return {"cur", "new"} <= names


def _name(part: Message) -> str:
    try:
        return part.get_filename() or ""
    except (ValueError, LookupError, TypeError):  # a parameter in a character set that does not exist
        return ""
