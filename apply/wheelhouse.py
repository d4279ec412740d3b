"""A release's requirements and wheels, as pip may see them: spec/apply.md, [A-101].

Pip reads options in a requirements file, pages in a directory of wheels, and addresses in what a wheel requires; each
may lead it to a network, or to code that is run while it installs. So it gets neither that file nor that directory, but
a file that names each pin and each wheel, and no wheel that requires an address.
"""

import lzma
import zipfile
import zlib
from email.parser import HeaderParser
from pathlib import Path
from typing import Final

from apply.errors import StepFailed
from bundle.errors import InputError
from bundle.pins import read_pins

MAX_METADATA_BYTES: Final = 16 * 1024 * 1024
# What zipfile raises for a file that is no sound archive; each of its decompressors has an error of its own.
NO_ARCHIVE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)


def for_pip(tree: Path, requirements: Path, wheels: Path, step: str) -> str:
    """The text of a requirements file for pip: the pins of the release's own, and where each of its wheels lies.

    Raises StepFailed, naming the line or the wheel, for what is no exact pin or lies outside the tree, and for a wheel
    that cannot be read or requires an address.
    """
    try:
        pins = read_pins(requirements, within=tree)
        found = sorted(path for path in wheels.iterdir() if path.suffix == ".whl" and path.is_file())
        for wheel in found:
            _check(wheel, step)
    except InputError as error:
        raise StepFailed(step, str(error)) from error
    except OSError as error:
        raise StepFailed(step, f"{error.filename or wheels}: cannot be read: {error.strerror or error}") from error
    return "".join([*(f"--find-links {path.as_uri()}\n" for path in found), *(pin.line(True) for pin in pins)])


def _check(wheel: Path, step: str) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.infolist():
                if member.filename.endswith(".dist-info/METADATA"):
                    _check_size(wheel, member.file_size, step)
                    _check_requirements(wheel, archive.read(member).decode(errors="replace"), step)
    except NO_ARCHIVE as error:
        raise StepFailed(step, f"{wheel.name}: not a wheel that can be read ({error}); take another of it") from error


def _check_size(wheel: Path, size: int, step: str) -> None:
    if size > MAX_METADATA_BYTES:
        raise StepFailed(
            step, f"{wheel.name}: describes itself in over {MAX_METADATA_BYTES:,} bytes; take another of it"
        )


def _check_requirements(wheel: Path, metadata: str, step: str) -> None:
    for line in HeaderParser().parsestr(metadata).get_all("Requires-Dist", []):
        if "@" in line.partition(";")[0]:
            text = " ".join(line.split())
            raise StepFailed(step, f"{wheel.name}: requires an address, {text!r}; take a wheel that names a version")
