"""A release's requirements and wheels, as pip may see them: spec/apply.md, [A-101].

Pip reads options in a requirements file, pages in a directory of wheels, and addresses in what a wheel requires. Each
may lead it to a network, or to code that is run while it installs. So pip gets neither that file nor that directory. It
gets a file that names each pin and each wheel. A wheel that requires an address is refused.
"""

from pathlib import Path

from apply.errors import StepFailed
from bundle.errors import InputError
from bundle.host import presence
from bundle.wheels.metadata import requirements_of
from bundle.wheels.pins import read_pins


def for_pip(tree: Path, requirements: Path, wheels: Path, step: str) -> str:
    """The text of a requirements file for pip: the release's own pins, and where each of its wheels lies.

    Raises StepFailed, naming the line, for a requirement that is no exact pin or a file outside the tree. Raises it,
    naming the wheel, for one that cannot be read or requires an address.
    """
    try:
        pins = read_pins(requirements, within=tree)
        found = sorted(path for path in wheels.iterdir() if path.suffix == ".whl" and presence.is_file(path))
    except InputError as error:
        raise StepFailed(step, str(error)) from error
    except OSError as error:
        raise StepFailed(step, f"{error.filename or wheels}: cannot be read: {error.strerror or error}") from error
    for wheel in found:
        _check(wheel, step)
    # Each wheel by its own address: given their directory, pip would also follow what pages in there link to.
    return "".join([*(f"--find-links {path.as_uri()}\n" for path in found), *(pin.line(True) for pin in pins)])


def _check(wheel: Path, step: str) -> None:
    try:
        requirements_of(wheel)
    except InputError as error:
        raise StepFailed(step, f"{error}; take another of it") from error
    except OSError as error:
        raise StepFailed(step, f"{wheel}: cannot be read: {error.strerror or error}") from error
