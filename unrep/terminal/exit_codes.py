"""The exit codes of every command, listed once, and which error ends with which code.

`for code in ExitCode: code, code.meaning` is the whole list.
"""

from enum import IntEnum
from typing import Self

import click

from apply.errors import AboardError, ConfigError, Degraded, RecordBroken, RolledBack
from bundle.errors import BaseMismatch, BundleError, InputError, NoRoom
from fleet.errors import DatabaseBusy, DatabaseFull, DatabaseNewer, FleetError
from repository.errors import Damaged, NewerRepository, RepositoryBusy, RepositoryError, StorageFailed
from transfer.errors import (
    DiskFull,
    ExtraMissing,
    NothingLeads,
    OutputBusy,
    OutputRefused,
    SourceCorrupt,
    SourceRefused,
    TransferError,
)
from unrep.errors import NobodyReads, OutputLost, SelfTestFailed, UsageRefused


class ExitCode(IntEnum):
    """What the command's exit status says. `meaning`: the same in words, for `--help` and the reference."""

    meaning: str

    def __new__(cls, number: int, meaning: str) -> Self:
        code = int.__new__(cls, number)
        code._value_ = number
        code.meaning = meaning
        return code

    DONE = 0, "done"
    INTERNAL = 1, "internal error: a defect of unrep"
    USAGE = 2, "usage: an argument, a file or the configuration must be changed"
    REFUSED = 3, "refused: the bundle, or the trust in it"
    INCOMPLETE = 4, "transfer incomplete: run the same command again"
    PREFLIGHT = 5, "preflight refused, or a disk is full: nothing was changed"
    ROLLED_BACK = 6, "the release failed and was rolled back"
    DEGRADED = 7, "degraded: needs a person"
    STRANDED = 8, "stranded: nothing leads to the release; shore has to send what is named"
    INTERRUPTED = 130, "interrupted: run the same command again"


EXIT_CODES_HELP = "Exit codes:\n\n\b\n" + "\n".join(f"{code:<4} {code.meaning}" for code in ExitCode)

# The first class that an error is an instance of decides.
_CODES: tuple[tuple[type[BaseException], ExitCode], ...] = (
    (NobodyReads, ExitCode.DONE),
    (OutputLost, ExitCode.PREFLIGHT),
    (UsageRefused, ExitCode.USAGE),
    (SelfTestFailed, ExitCode.PREFLIGHT),
    (click.ClickException, ExitCode.USAGE),
    (InputError, ExitCode.USAGE),
    (NoRoom, ExitCode.PREFLIGHT),
    (BaseMismatch, ExitCode.PREFLIGHT),
    (NothingLeads, ExitCode.STRANDED),
    (BundleError, ExitCode.REFUSED),
    (ConfigError, ExitCode.USAGE),
    (Degraded, ExitCode.DEGRADED),
    (RolledBack, ExitCode.ROLLED_BACK),
    (RecordBroken, ExitCode.REFUSED),
    (AboardError, ExitCode.PREFLIGHT),
    (Damaged, ExitCode.REFUSED),
    (NewerRepository, ExitCode.PREFLIGHT),
    (RepositoryBusy, ExitCode.PREFLIGHT),
    (StorageFailed, ExitCode.PREFLIGHT),
    (RepositoryError, ExitCode.USAGE),
    (DatabaseNewer, ExitCode.PREFLIGHT),
    (DatabaseBusy, ExitCode.PREFLIGHT),
    (DatabaseFull, ExitCode.PREFLIGHT),
    (FleetError, ExitCode.USAGE),
    (SourceRefused, ExitCode.USAGE),
    (SourceCorrupt, ExitCode.REFUSED),
    (OutputRefused, ExitCode.USAGE),
    (OutputBusy, ExitCode.PREFLIGHT),
    (DiskFull, ExitCode.PREFLIGHT),
    (ExtraMissing, ExitCode.USAGE),
    (TransferError, ExitCode.INCOMPLETE),
    (PermissionError, ExitCode.USAGE),  # a named file lies in a directory that is closed to this account
    (KeyboardInterrupt, ExitCode.INTERRUPTED),
    (click.Abort, ExitCode.INTERRUPTED),
)


def exit_code(error: BaseException) -> ExitCode:
    """The exit code of an error that a command raised; INTERNAL for one that no command raises on purpose."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), ExitCode.INTERNAL)
