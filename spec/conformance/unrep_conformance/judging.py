"""What an answer is worth: compared with what a case expects [N-7] to [N-9]."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from unrep_conformance.cases import Case

ACCEPT, REFUSE, LACK = "accept", "refuse", "lack"
CLASSES = ("malformed", "corrupt", "untrusted", "unsupported", "revoked", "sealed")
AGREED, CLASSLESS, LACKING, WRONG, FAILED = "agreed", "without a class", "lacking", "wrong", "failed"


@dataclass(frozen=True)
class Outcome:
    """What became of a case: one of AGREED, CLASSLESS, LACKING, WRONG, FAILED, and why."""

    case: Case
    kind: str
    why: str = ""

    @property
    def holds(self) -> bool:
        """Whether the level can hold with it."""
        return self.kind in (AGREED, CLASSLESS, LACKING)


def judge(case: Case, answer: Mapping[str, Any], levels: Collection[str]) -> Outcome:
    """`levels`: those that the reader says to have, with what they need."""
    verdict, kind = answer.get("verdict"), answer.get("class")
    if verdict not in (ACCEPT, REFUSE, LACK) or kind not in (None, *CLASSES):
        return Outcome(case, FAILED, f"its verdict is {verdict!r:.40}, its class {kind!r:.40}: there is no such thing")
    said = f"it says {_told(verdict, kind, answer)}"
    if case.level not in levels:
        passed = verdict in (ACCEPT, LACK) or kind == "unsupported"
        right = verdict != ACCEPT or answer.get("content") in (None, case.wanted.get("content"))
        return Outcome(case, LACKING) if passed and right else Outcome(case, WRONG, f"the bundle is sound; {said}")
    if verdict == LACK:
        return Outcome(case, WRONG, f"{_expected(case)}; {said}")
    if (verdict == ACCEPT) != (case.expect == ACCEPT):
        return Outcome(case, WRONG, f"{_expected(case)}; {said}")
    for key, value in case.wanted.items():
        if answer.get(key) != value:
            return Outcome(case, WRONG, f"its {key} is {answer.get(key)!r:.70}, not {value!r:.70}")
    if verdict == ACCEPT or kind == case.expect:
        return Outcome(case, AGREED)
    return Outcome(case, WRONG, f"{_expected(case)}; {said}") if kind else Outcome(case, CLASSLESS)


def _expected(case: Case) -> str:
    return "it must be accepted" if case.expect == ACCEPT else f"it must be refused as {case.expect}"


def _told(verdict: str, kind: str | None, answer: Mapping[str, Any]) -> str:
    why = answer.get("why")
    return verdict + (f" ({kind})" if kind else "") + (f": {why:.200}" if isinstance(why, str) else "")
