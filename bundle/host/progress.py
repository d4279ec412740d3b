"""Progress, as a protocol: long work reports it, and `unrep.terminal.console` shows it."""

from typing import Protocol


class Progress(Protocol):
    """One stage of long work at a time."""

    def start(self, label: str, total: int, unit: str) -> None:
        """A stage begins. `total` counts in `unit` ("files", "B" for bytes); 0 where nobody knows it."""

    def advance(self, amount: int) -> None:
        """So many more are done."""

    def skip(self, amount: int) -> None:
        """So many were done before this stage: they are no part of its speed."""

    def finish(self) -> None:
        """The stage is over."""


class Quiet:
    """Reports nothing."""

    def start(self, label: str, total: int, unit: str) -> None:
        pass

    def advance(self, amount: int) -> None:
        pass

    def skip(self, amount: int) -> None:
        pass

    def finish(self) -> None:
        pass
