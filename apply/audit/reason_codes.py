"""Which reason code of a receipt an error has [C-7], and which words of it matter most to whoever reads 40 of them."""

from typing import Final

from apply.errors import (
    AboardError,
    BaseDrifted,
    ConfigError,
    DiskFull,
    Held,
    NotReady,
    Postponed,
    SiteBusy,
    SiteInvalid,
    StepFailed,
    StorageFailed,
    SwitchFailed,
    TrialEnded,
    Unguarded,
)
from apply.record.state import Quarantined, Replay, VersionTaken, WrongProduct
from bundle.errors import (
    BaseMismatch,
    BundleError,
    Corrupt,
    InputError,
    Malformed,
    NoSection,
    Revoked,
    Sealed,
    Unsupported,
    Untrusted,
)

# The first class that an error is an instance of decides.
_CODES: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (ConfigError, "config"),
    (SiteBusy, "busy"),
    (NotReady, "not-ready"),
    (Held, "held"),
    (Postponed, "not-allowed"),
    (Unguarded, "unguarded"),
    (BaseDrifted, "drifted"),
    (BaseMismatch, "drifted"),
    (SiteInvalid, "site-invalid"),
    (DiskFull, "disk-full"),
    (StorageFailed, "storage"),
    (StepFailed, "step-failed"),
    (SwitchFailed, "switch-failed"),
    (WrongProduct, "wrong-product"),
    (Replay, "replay"),
    (Quarantined, "quarantined"),
    (VersionTaken, "version-taken"),
    (Malformed, "malformed"),
    (Corrupt, "corrupt"),
    (Untrusted, "untrusted"),
    (Revoked, "revoked"),
    (Sealed, "sealed"),
    (Unsupported, "unsupported"),
    (NoSection, "no-path"),
    (InputError, "input"),
    (AboardError, "other"),
    (BundleError, "other"),
)


def code_of(error: BaseException) -> str:
    """The reason code; "none" for an interruption, which is an outcome of its own."""
    if isinstance(error, TrialEnded):
        return code_of(error.cause) if error.cause else error.code
    return next((code for kind, code in _CODES if isinstance(error, kind)), "none")


def brief_of(error: BaseException) -> str:
    """Why, without what the other fields of a receipt say."""
    return error.brief if isinstance(error, TrialEnded) else str(error)
