"""What can go wrong aboard, by who must act and how an update reacts.

    AboardError
    |-- ConfigError             the site's configuration is wrong: a person corrects the key that is named
    |-- PreflightRefused        refused before anything changed: remove the cause, run the command again
    |   |-- SiteBusy            another unrep works on this site: wait for it
    |   |-- StorageFailed       a path cannot be read, written, removed or made durable
    |   |   |-- InUse           ... because a process has it open: end that, or wait for a later run
    |   |   `-- DiskFull        ... because its file system (or quota) is full: free space
    |   |-- NotReady            the ship lacks what a release needs: mend the key that is named
    |   |-- Postponed           the release is ready, and may not be switched now: it waits for its window
    |   |-- Held                the master keeps the running version: `unrep resume` first
    |   |-- Unguarded           somebody else could change what root is about to do: chmod or chown as it says
    |   |-- BaseDrifted         an installed version is not what its manifest says
    |   `-- SiteInvalid         the site's layout is not one that unrep made, or may touch
    |-- StepFailed              a step around the switch failed: the update decides what follows
    |-- SwitchFailed            `current` could not be pointed to a version
    |   `-- DiskRefusedSwitch   ... because the disk is full or failing: no fault of the version
    |-- LogFailed               the system's log did not take an event: the run goes on
    |-- RecordBroken            the record of runs was changed behind unrep's back: a person finds out by whom
    `-- TrialEnded              a version was on trial, and does not serve as it should
        |-- RolledBack          ... it failed, and the one before it serves again
        `-- Degraded            ... that could not be ended, either way: a person is needed

Each message is one sentence that names the file, key or command. A low layer cannot know when it is called: code that
writes after the switch catches StorageFailed itself, for there it no longer means "nothing changed".
"""

from typing import Any


class AboardError(Exception):
    """Anything that this package raises on purpose. `document`: of the run that it ended, set by `apply.audit.run`."""

    document: dict[str, Any] | None = None


class ConfigError(AboardError):
    """The configuration cannot be read, or a key of it is unknown, of the wrong type or out of range."""


class PreflightRefused(AboardError):
    """The update was refused, and nothing at the site has changed."""


class SiteBusy(PreflightRefused):
    """Another run holds the site's lock."""


class NotReady(PreflightRefused):
    """A command, service, Python or check of the site's configuration is of no use here [A-140]."""


class Held(PreflightRefused):
    """A person has said that the running version stays for now."""


class StorageFailed(PreflightRefused):
    """The operating system refused to read, write, remove or sync the path that is named."""


class InUse(StorageFailed):
    """A process has something open below the directory that is to be removed."""


class DiskFull(StorageFailed):
    """The file system that holds the named path has no room left, or its quota is used up."""


class Postponed(PreflightRefused):
    """The release stands complete, and whoever asked for it says that it may not be switched any more [A-62]."""


class Unguarded(PreflightRefused):
    """Others than root may write what decides what root does."""


class BaseDrifted(PreflightRefused):
    """A file of an installed version differs from that version's manifest."""


class SiteInvalid(PreflightRefused):
    """Something at the site is not what unrep puts there, such as a real directory named `current`."""


class StepFailed(AboardError):
    """One step of an update failed.

    step: the step's name, such as "prepare" or "restart". reason: the sentence that says why.
    """

    def __init__(self, step: str, reason: str) -> None:
        super().__init__(f"{step}: {reason}")
        self.step = step
        self.reason = reason


class SwitchFailed(AboardError):
    """`current` may still be the old version or be the new one already: read it, never assume."""


class DiskRefusedSwitch(SwitchFailed):
    """The disk took no new `current`, or could not make it durable: full, failing or read-only."""


class LogFailed(AboardError):
    """journald or the Windows event log did not take an event."""


class RecordBroken(AboardError):
    """A record of a run was changed or removed, or does not agree with its receipt."""


class TrialEnded(AboardError):
    """A trial did not end well.

    brief: why, in few words. code: of that reason [C-7]. cause: the error that decides the code instead, if any.
    """

    def __init__(
        self, message: str, *, brief: str = "", code: str = "unhealthy", cause: Exception | None = None
    ) -> None:
        super().__init__(message)
        self.brief = brief or message
        self.code = code
        self.cause = cause


class RolledBack(TrialEnded):
    """The new version failed, and the one before it serves again."""


class Degraded(TrialEnded):
    """A person is needed: no version could be made healthy, or the disk did not take the switch or the verdict."""
