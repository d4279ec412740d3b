"""The chain through the records of a site's runs, by which a record that was changed or removed shows [A-80].

Each record has a head: SHA-256 over the head before it, 64 hexadecimal digits, followed by the record's own text. The
head before the first is 64 zeros. Whoever changes one record must change all heads after it, and those are in receipts
ashore.
"""

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import msgspec

from apply.record.recorded_run import RecordedRun

START: Final = "0" * 64


def head_after(head: str, document: str) -> str:
    """The head of the record that follows the one with that head."""
    return sha256((head + document).encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class Link:
    """One record as it stands in the file: numbers count from 1 and none is left out. `document` is JSON."""

    number: int
    document: str
    head: str

    def run(self) -> RecordedRun | None:
        """The run that it records; None for a damaged record, which `ChainCheck` finds."""
        try:
            return msgspec.json.decode(self.document, type=RecordedRun)
        except (msgspec.MsgspecError, UnicodeError):
            return None

    def content(self) -> dict[str, Any]:
        """The same with all its keys; nothing for one that was damaged."""
        return dict(json.loads(self.document)) if self.run() else {}


class ChainCheck:
    """Goes along a chain from its first record. `broken`: the first that does not fit, as a clause; "" for none."""

    def __init__(self, number: int = 0, head: str = START) -> None:
        """number, head: of the last record that was pruned, if one was."""
        self.broken = ""
        self._number = number
        self._head = head

    def follow(self, link: Link) -> None:
        """The next record."""
        self._expect(link.number - 1)
        if link.head != head_after(self._head, link.document):
            before = f"record {link.number - 1}" if link.number > 1 else "the beginning"
            self._tell(f"record {link.number} was changed: it does not follow from {before}")
        self._number, self._head = link.number, link.head  # so that one break is reported once

    def end(self, last_number: int) -> None:
        """There are no more; `last_number` is the highest that was ever given to a record."""
        # SQLite counts it apart from the rows. Without it records removed at the end would leave no gap.
        self._expect(last_number)

    def _expect(self, number: int) -> None:
        first = self._number + 1
        if number == first:
            self._tell(f"record {first} was removed")
        elif number > first:
            self._tell(f"records {first} to {number} were removed")

    def _tell(self, broken: str) -> None:
        self.broken = self.broken or broken
