"""The pins of a release that is being collected: `bundle.wheels.pins`, refused in the words of `unrep collect`."""

from pathlib import Path

from bundle.errors import InputError
from bundle.wheels import pins
from bundle.wheels.pins import Pin
from unrep.collect.target import applies
from unrep.errors import CollectError

__all__ = ["Pin", "applying", "read_pins"]


def read_pins(path: Path) -> list[Pin]:
    """As `bundle.wheels.pins.read_pins`. Raises CollectError."""
    try:
        return pins.read_pins(path)
    except InputError as error:
        raise CollectError(str(error)) from error


def applying(pins: list[Pin], environment: dict[str, str]) -> list[Pin]:
    """The pins that a machine needs.

    Raises CollectError when two of them name one package, and for a marker that makes no sense.
    """
    chosen: dict[str, Pin] = {}
    for pin in pins:
        if not applies(pin.requirement, environment):
            continue
        other = chosen.setdefault(pin.name, pin)
        if other is not pin:
            raise CollectError(f"{pin.name} is required twice, at {other.version} and {pin.version}: keep one line")
    return list(chosen.values())
