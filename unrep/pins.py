"""Requirements files in which every package stands at one exact version; anything looser is refused by name.

Understood, as pip reads them: comments, continued lines, `-r other.txt`, extras, markers and `--hash`. Other options
say where this machine gets packages, not what the release holds: they belong in pip's own configuration.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from unrep.errors import CollectError
from unrep.target import applies

_COMMENT = re.compile(r"(^|\s)#.*$")
_INCLUDE = re.compile(r"(?:-r|--requirement)\s*=?\s*(.+)")
_HASH = re.compile(r"\s--hash[=\s]\s*")


@dataclass(frozen=True)
class Pin:
    """One requirement at one exact version, with the hashes of the files that are allowed to serve it."""

    requirement: Requirement
    hashes: tuple[str, ...]

    @property
    def name(self) -> str:
        """The package's name in its normal form."""
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> str:
        """The exact version."""
        return next(iter(self.requirement.specifier)).version

    def line(self, with_marker: bool) -> str:
        """The requirement as a line for pip."""
        marker = self.requirement.marker
        extras = f"[{','.join(sorted(self.requirement.extras))}]" if self.requirement.extras else ""
        text = f"{self.requirement.name}{extras}{self.requirement.specifier}"
        text += f" ; {marker}" if marker and with_marker else ""
        return "".join([text, *(f" --hash={value}" for value in self.hashes)]) + "\n"


def read_pins(path: Path) -> list[Pin]:
    """Reads a requirements file and what it includes, sorted by name.

    Raises CollectError for a file that cannot be read, for a line that is no requirement, and, naming each, for
    requirements that are not pinned with `==`.
    """
    pins: list[Pin] = []
    loose: list[str] = []
    for place, line in _lines(path, including=()):
        text, *hashes = _HASH.split(line)
        requirement = _requirement(place, text)
        if _is_pinned(requirement):
            pins.append(Pin(requirement, tuple(sorted(value.strip() for value in hashes))))
        else:
            loose.append(f"{text.strip()} ({place})")
    if loose:
        raise CollectError(
            f"not pinned: {', '.join(loose)}: write NAME==VERSION, so that the same release can be made again"
        )
    return sorted(pins, key=lambda pin: (pin.name, pin.line(with_marker=True)))


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


def _lines(path: Path, including: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Where a requirement stands, and its text; included files in place."""
    real = os.path.realpath(path)
    if real in including:
        raise CollectError(f"{path}: includes itself: remove the -r line that leads back to it")
    for number, line in _logical_lines(path):
        place = f"{path.name} line {number}"
        if found := _INCLUDE.fullmatch(line):
            yield from _lines(path.parent / found[1], (*including, real))
        elif line.startswith("-"):
            raise CollectError(
                f"{place}: {line!r} has no place in a release's requirements: leave it out, "
                "or set it in pip's configuration"
            )
        else:
            yield place, line


def _logical_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The number of each line's beginning, and the line without comments and with its continuations."""
    text = _read_text(path)
    begun, parts = 1, list[str]()
    for number, raw in enumerate([*text.splitlines(), ""], 1):
        if not parts:
            begun = number
        continued = raw.endswith("\\") and not raw.lstrip().startswith("#")
        parts.append(raw.removesuffix("\\"))
        if not continued:
            line = _COMMENT.sub("", " ".join(parts)).strip()
            parts.clear()
            if line:
                yield begun, line


def _read_text(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise CollectError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CollectError(f"{path}: is not UTF-8 text: save it as UTF-8") from error
    if "\0" in text:  # as UTF-16 reads
        raise CollectError(f"{path}: is not UTF-8 text: save it as UTF-8")
    return text


def _requirement(place: str, text: str) -> Requirement:
    try:
        return Requirement(text)
    except InvalidRequirement as error:
        raise CollectError(f"{place}: {text!r} is not a requirement such as Django==4.2.16") from error


def _is_pinned(requirement: Requirement) -> bool:
    specifiers = list(requirement.specifier)
    return len(specifiers) == 1 and specifiers[0].operator in ("==", "===") and not specifiers[0].version.endswith(".*")
