"""What a beginner is asked at a terminal for what no option names; where nobody is asked, the default counts."""

from collections.abc import Callable
from dataclasses import dataclass

from bundle.errors import BundleError, Refused
from unrep.errors import UsageRefused
from unrep.terminal.console import ask, say

Check = Callable[[str], object]  # raises for an answer that is none


@dataclass(frozen=True)
class Questions:
    """`are_asked`: whether somebody is there and wants to be."""

    are_asked: bool

    def text(self, given: str | None, question: str, check: Check, default: str = "", *, unseen: bool = False) -> str:
        """The given text if there is one, else what is answered, again until it is an answer. Raises what `check` does
        for a given text, and for the default where nobody is asked."""
        if given or not self.are_asked:
            text = given or default
            check(text)
            return text
        while True:
            typed = ask(question, default, unseen=unseen)
            try:
                check(typed)
            except (BundleError, Refused, UsageRefused) as error:
                say(str(error))
            else:
                return typed
