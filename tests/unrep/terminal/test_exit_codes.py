"""Which error ends with which exit code."""

import click
import pytest

from apply.errors import ConfigError, Degraded, PreflightRefused, RolledBack
from bundle.errors import BaseMismatch, InputError, Untrusted
from transfer.errors import DiskFull, Incomplete, NothingLeads, SourceCorrupt, SourceRefused
from unrep.errors import CollectError, NobodyReads, SelfTestFailed
from unrep.terminal.exit_codes import ExitCode, exit_code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NobodyReads(), ExitCode.DONE),
        (ZeroDivisionError(), ExitCode.INTERNAL),
        (click.UsageError("x"), ExitCode.USAGE),
        (CollectError("x"), ExitCode.USAGE),
        (ConfigError("x"), ExitCode.USAGE),
        (InputError("x"), ExitCode.USAGE),
        (SourceRefused("x"), ExitCode.USAGE),
        (Untrusted("x"), ExitCode.REFUSED),
        (SourceCorrupt("x"), ExitCode.REFUSED),
        (Incomplete("x"), ExitCode.INCOMPLETE),
        (PreflightRefused("x"), ExitCode.PREFLIGHT),
        (BaseMismatch("x"), ExitCode.PREFLIGHT),
        (DiskFull("x"), ExitCode.PREFLIGHT),
        (SelfTestFailed("x"), ExitCode.PREFLIGHT),
        (RolledBack("x"), ExitCode.ROLLED_BACK),
        (Degraded("x"), ExitCode.DEGRADED),
        (NothingLeads("x"), ExitCode.STRANDED),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED),
        (click.Abort(), ExitCode.INTERRUPTED),
    ],
    ids=repr,
)
def test_an_error_and_its_code(error: BaseException, code: ExitCode) -> None:
    assert exit_code(error) is code


def test_every_code_says_what_it_means() -> None:
    assert {int(code) for code in ExitCode} == {*range(9), 130}
    assert all(code.meaning for code in ExitCode) and len({code.meaning for code in ExitCode}) == 10
