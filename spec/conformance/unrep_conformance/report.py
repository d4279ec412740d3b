"""What is told of a run: for a person, and as JSON [N-10]."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from unrep_conformance.cases import Suite
from unrep_conformance.judging import AGREED, CLASSLESS, FAILED, LACKING, WRONG, Outcome

CONFORMANCE = 1


@dataclass(frozen=True)
class Report:
    """A run. `levels`: those that were tried, with what they need; `not_asked`: cases after the reader was given up."""

    suite: Suite
    reader: str
    levels: Sequence[str]
    outcomes: Sequence[Outcome]
    not_asked: int
    seconds: float
    starts: int

    def count(self, level: str, *kinds: str) -> int:
        """Cases of a level that ended so."""
        return sum(outcome.case.level == level and outcome.kind in kinds for outcome in self.outcomes)

    def holds(self, level: str) -> bool:
        """Whether all cases of the level, and of those that it needs, were judged as they must be."""
        own = [outcome for outcome in self.outcomes if outcome.case.level == level]
        sound = [o for o in self.outcomes if o.case.is_sound_bundle and o.case.level not in self.levels]
        whole = bool(own) and all(outcome.holds for outcome in (*own, *sound))
        return whole and not self.not_asked and all(self.holds(need) for need in self.suite.levels[level])

    @property
    def conforms(self) -> bool:
        """Whether all levels hold that were tried, and one was."""
        return bool(self.levels) and all(self.holds(level) for level in self.levels)

    @property
    def faults(self) -> list[Outcome]:
        """What was judged otherwise, by requirement."""
        return sorted((o for o in self.outcomes if not o.holds), key=lambda o: (_number(o), o.case.name))

    def document(self) -> dict[str, Any]:
        """The report as JSON."""
        return {
            "conformance": CONFORMANCE,
            "format": 1,
            "unicode": self.suite.unicode,
            "reader": self.reader,
            "conforms": self.conforms,
            "levels": {
                level: {
                    "conforms": self.holds(level),
                    "asked": self.count(level, AGREED, CLASSLESS, WRONG, FAILED),
                    "agreed": self.count(level, AGREED),
                    "without_class": self.count(level, CLASSLESS),
                    "wrong": self.count(level, WRONG),
                    "failed": self.count(level, FAILED),
                }
                for level in self.levels
            },
            "above": {
                "passed": sum(outcome.kind == LACKING for outcome in self.outcomes),
                "wrong": sum(not o.holds and o.case.level not in self.levels for o in self.outcomes),
            },
            "not_asked": self.not_asked,
            "faults": [
                {
                    "name": outcome.case.name,
                    "level": outcome.case.level,
                    "requirements": list(outcome.case.requirements),
                    "about": outcome.case.about,
                    "kind": outcome.kind,
                    "why": outcome.why,
                }
                for outcome in self.faults
            ],
            "seconds": round(self.seconds, 1),
            "starts": self.starts,
        }

    def lines(self) -> list[str]:
        """The report for a person."""
        lines = [f"{self.reader}: bundle format 1, Unicode {self.suite.unicode}"]
        for outcome in self.faults:
            cited = " ".join(f"[{number}]" for number in outcome.case.requirements)
            lines.append(f"  {outcome.kind}  {outcome.case.name} ({outcome.case.about}) {cited}: {outcome.why}")
        lines.append(f"{'level':12}{'asked':>8}{'agreed':>8}{'no class':>10}{'wrong':>8}{'failed':>8}")
        for level in self.levels:
            figures = (self.count(level, AGREED, CLASSLESS, WRONG, FAILED), self.count(level, AGREED))
            more = (self.count(level, WRONG), self.count(level, FAILED))
            row = f"{level:12}{figures[0]:8}{figures[1]:8}{self.count(level, CLASSLESS):10}{more[0]:8}{more[1]:8}"
            lines.append(row + ("  conforms" if self.holds(level) else "  DOES NOT CONFORM"))
        if self.not_asked:
            lines.append(f"{self.not_asked} cases were not asked: the reader failed too often in a row")
        return lines


def _number(outcome: Outcome) -> tuple[str, int]:
    letter, number = (outcome.case.isolates or outcome.case.requirements[0]).split("-")
    return letter, int(number)
