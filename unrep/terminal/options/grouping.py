"""Options that belong together, added to a command as one."""

from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def group(*options: Callable[[F], F]) -> Callable[[F], F]:
    """A decorator that adds options to a command; its help shows them in this order."""

    def decorate(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def gathered(parameter: str, kind: type[Any], *options: Callable[[F], F]) -> Callable[[F], F]:
    """The same, but the command gets their values as one: `kind`, a dataclass with a field for each, as `parameter`."""
    names = [field.name for field in fields(kind)]

    def decorate(command: F) -> F:
        @wraps(command)
        def gathering(*args: Any, **values: Any) -> Any:
            made = kind(**{name: values.pop(name) for name in names})
            return command(*args, **{parameter: made}, **values)

        return group(*options)(gathering)  # type: ignore[arg-type]  # it stands in for the command

    return decorate
