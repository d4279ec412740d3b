"""What the numbers in a receipt mean [C-6], [C-7]: outcomes, their kinds, and reason codes.

A number keeps its meaning for ever. One that this unrep does not know is shown as it is: the office may be older than
the ships.
"""

from typing import Final

OUTCOMES: Final[dict[int, str]] = dict(
    enumerate(
        (
            "applied",
            "already-current",
            "rolled-back",
            "refused",
            "interrupted",
            "degraded",
            "stranded",
            "drifted",
            "config-broken",
            "unhealthy",
            "alive",
        ),
        start=1,
    )
)
CODES: Final[dict[int, str]] = dict(
    enumerate(
        (
            "none",
            "other",
            "unhealthy",
            "switch-failed",
            "step-failed",
            "cut-short",
            "by-hand",
            "disk-full",
            "storage",
            "busy",
            "held",
            "not-ready",
            "config",
            "unguarded",
            "drifted",
            "site-invalid",
            "malformed",
            "corrupt",
            "untrusted",
            "revoked",
            "sealed",
            "unsupported",
            "wrong-product",
            "replay",
            "quarantined",
            "version-taken",
            "no-path",
            "not-allowed",
            "input",
            "stranded",
        )
    )
)
_OTHER_KINDS: Final = {"refused": "refusal"}
_OWN_KINDS: Final = frozenset({"stranded", "drifted", "config-broken", "unhealthy", "alive"})
_OUTCOME_NUMBERS: Final = {name: number for number, name in OUTCOMES.items()}
_CODE_NUMBERS: Final = {name: number for number, name in CODES.items()}


def outcome_number(name: str) -> int:
    """Of an outcome that is in the table; KeyError for another."""
    return _OUTCOME_NUMBERS[name]


def code_number(name: str) -> int:
    """Of a reason code; that of "other" for one that is not in the table."""
    return _CODE_NUMBERS.get(name, _CODE_NUMBERS["other"])


def outcome_name(number: int) -> str:
    """In words."""
    return OUTCOMES.get(number, f"outcome-{number}")


def code_name(number: int) -> str:
    """In words."""
    return CODES.get(number, f"code-{number}")


def kind_of(outcome: str) -> str:
    """`outcome` for the end of a run, else what the receipt is about [C-6]."""
    return outcome if outcome in _OWN_KINDS else _OTHER_KINDS.get(outcome, "outcome")
