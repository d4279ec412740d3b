"""Options that belong together, added to a command as one."""

from collections.abc import Callable
from typing import TypeVar

F = TypeVar("F", bound=Callable[..., None])


def group(*options: Callable[[F], F]) -> Callable[[F], F]:
    """A decorator that adds options to a command; its help shows them in this order."""

    def decorate(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate
