"""What can go wrong in a transfer, by who must act and how a session reacts.

    TransferError            what leaves this package; what was fetched and verified stays in every case
    |-- SourceRefused        the source cannot serve: not there, not allowed, no ranges, not named clearly
    |   |-- AccessRefused    ... nor its proxy, or the credentials for it
    |   `-- AnotherAnswers   ... or something in its place that does not
    |-- SourceCorrupt        the source sends bytes that are not the signed ones, and would again
    |-- OutputRefused        the output is something else, or cannot be written
    |-- OutputBusy           another fetch is writing the output
    |-- DiskFull             no room for the output
    |-- ExtraMissing         needs a package that is not installed
    `-- Incomplete           not finished: the same command goes on where this one stopped
        |-- CutShort         the file at the source ends before the bundle does
        `-- ConsentNeeded    it would cost more than was agreed to
            `-- BudgetSpent  ... in bytes over all runs
    NothingLeads             a bundle's NoSection: nothing that is offered leads from what the site holds to the release
    LinkFault                what passes from a link to `transfer.scheduling.scheduler`, never beyond
    |-- Dropped              the connection is gone, or never came to be: waiting can help
    |   `-- Silent           ... because nothing arrived for too long
    `-- BadAnswer            the answer breaks the rules; a damaged one may be right the next time
        |-- OtherFile        the file at the source has another length than the bundle
        `-- PastEnd          the file at the source ends before the range

Each message is one sentence that names the source or the file and says what to do.
"""

from typing import Any

from bundle.errors import NoSection


class TransferError(Exception):
    """Anything that this package raises on purpose. `document`: figures of the attempt, put in by who reports them."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.document: dict[str, Any] = {}


class SourceRefused(TransferError):
    """The source as it was named cannot serve this fetch; waiting does not help."""


class AccessRefused(SourceRefused):
    """Credentials, certificate authorities or a proxy, as they were named, cannot be used."""


class AnotherAnswers(SourceRefused):
    """What answers does not answer as the source of a range would, or leads elsewhere."""


class SourceCorrupt(TransferError):
    """The source holds a damaged or different file under this name."""


class OutputRefused(TransferError):
    """The output, or the partial file beside it, belongs to something else or cannot be written."""


class OutputBusy(TransferError):
    """Another process holds the lock of this output."""


class DiskFull(TransferError):
    """The file system of the output has no room left, or its quota is used up."""


class ExtraMissing(TransferError):
    """An optional dependency of this package is not installed."""


class Incomplete(TransferError):
    """The transfer stopped before its end; run again, it goes on."""


class ConsentNeeded(Incomplete):
    """Going on would cost bytes that the caller has not agreed to."""


class BudgetSpent(ConsentNeeded):
    """What is left may not be received any more."""


class CutShort(Incomplete):
    """The source has only the first `end_bytes` bytes of the file."""

    def __init__(self, message: str, end_bytes: int) -> None:
        super().__init__(message)
        self.end_bytes = end_bytes


class NothingLeads(NoSection):
    """Nothing that is offered leads from what the site holds to the release that it is to run."""


class LinkFault(Exception):
    """Anything that a link reports about one attempt; the message says it without naming the source."""


class Dropped(LinkFault):
    """The connection was refused, reset or cut. `wait_s`: how long the source asks to be left alone, in seconds."""

    def __init__(self, message: str, wait_s: float = 0.0) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class Silent(Dropped):
    """Nothing arrived within the idle time."""


class BadAnswer(LinkFault):
    """The source answered, but not what was asked."""


class OtherFile(BadAnswer):
    """The source says that its file is longer than the bundle that it begins with."""


class PastEnd(BadAnswer):
    """The source has no bytes at this offset: its file is cut short, after `end_bytes` if it says so."""

    def __init__(self, message: str, end_bytes: int | None = None) -> None:
        super().__init__(message)
        self.end_bytes = end_bytes
