"""Progress by protocol: long work reports it, the terminal bar lives at the edge (`unrep.terminal.console`)."""

from typing import Protocol


class Progress(Protocol):
    """One stage of long work at a time."""

    def start(self, label: str, total: int, unit: str) -> None:
        """A stage begins; `total` counts in `unit` ("files", "B" for bytes)."""

    def advance(self, amount: int) -> None:
        """So many more are done."""

    def finish(self) -> None:
        """The stage is over."""


class Quiet:
    """Reports nothing."""

    def start(self, label: str, total: int, unit: str) -> None:
        pass

    def advance(self, amount: int) -> None:
        pass

    def finish(self) -> None:
        pass
