"""Requirements files in which every package stands at one exact version. Anything looser is refused by name.

Understood, as pip reads them: comments, continued lines, `-r other.txt`, extras, markers and `--hash`. Other options
say where this machine gets packages, not what the release holds: they belong in pip's own configuration.

Pip never sees the file itself, only lines that are made of what was understood. A line may hold nothing that pip would
read as more than one requirement, or as an option, or fill in from its environment [A-101].
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from bundle.errors import InputError
from bundle.host.files import read_given

MAX_FILES: Final = 64  # which include each other
_COMMENT = re.compile(r"(^|\s)#.*$")
_INCLUDE = re.compile(r"(?:-r|--requirement)\s*=?\s*(.+)")
_HASH = re.compile(r"\s--hash[=\s]\s*")
_HASH_VALUE = re.compile(r"sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]*")
# What pip would take for an option, an escape or a variable.
_MEANS_MORE = re.compile(r"[\s\"']-|[^\t\x20-\x7e]|[\\$#]")


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


def read_pins(path: Path, within: Path | None = None) -> list[Pin]:
    """Reads a requirements file and what it includes, sorted by name. `within`: a directory that they must not leave.

    Raises InputError for a file that cannot be read or lies outside, for a line that is no requirement, and, naming
    each, for requirements that are not pinned with `==`.
    """
    pins: list[Pin] = []
    loose: list[str] = []
    for place, line in _Files(within).lines(path):
        text, *hashes = _HASH.split(line)
        requirement = _requirement(place, text)
        if _is_pinned(requirement):
            pins.append(Pin(requirement, tuple(sorted(_hash(place, value.strip()) for value in hashes))))
        else:
            loose.append(f"{text.strip()} ({place})")
    if loose:
        raise InputError(
            f"not pinned: {', '.join(loose)}: write NAME==VERSION, so that the same release can be made again"
        )
    return sorted(pins, key=lambda pin: (pin.name, pin.line(with_marker=True)))


class _Files:
    """A requirements file, and those that it includes."""

    def __init__(self, within: Path | None) -> None:
        self._within = within and Path(os.path.realpath(within))
        self._read = 0

    def lines(self, path: Path, including: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
        """Where a requirement stands, and its text. Included files in place."""
        real = os.path.realpath(path)
        self._check(path, real, including)
        for number, line in _logical_lines(path):
            place = f"{path.name} line {number}"
            if found := _INCLUDE.fullmatch(line):
                yield from self.lines(path.parent / found[1], (*including, real))
            elif line.startswith("-"):
                raise InputError(
                    f"{place}: {line!r} has no place in a release's requirements: leave it out, "
                    "or set it in pip's configuration"
                )
            else:
                yield place, line

    def _check(self, path: Path, real: str, including: tuple[str, ...]) -> None:
        self._read += 1
        if real in including:
            raise InputError(f"{path}: includes itself: remove the -r line that leads back to it")
        if self._read > MAX_FILES:
            raise InputError(f"{path}: is one of more than {MAX_FILES} files that include each other: merge them")
        if self._within and not Path(real).is_relative_to(self._within):
            raise InputError(f"{path}: lies outside the release: put what -r names into it")


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
        text = read_given(path).decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 text: save it as UTF-8") from error
    if "\0" in text:  # as UTF-16 reads
        raise InputError(f"{path}: is not UTF-8 text: save it as UTF-8")
    return text


def _requirement(place: str, text: str) -> Requirement:
    if _MEANS_MORE.search(text.strip()):
        raise InputError(f"{place}: {text!r} is not a requirement alone: write NAME==VERSION, and its marker if any")
    try:
        return Requirement(text)
    except (InvalidRequirement, RecursionError) as error:  # of a marker in thousands of brackets
        raise InputError(f"{place}: {text[:100]!r} is not a requirement such as Django==4.2.16") from error


def _hash(place: str, value: str) -> str:
    if not _HASH_VALUE.fullmatch(value):
        raise InputError(f"{place}: --hash={value!r} is no hash: write sha256: and 64 digits, as 'pip hash' does")
    return value


def _is_pinned(requirement: Requirement) -> bool:
    specifiers = list(requirement.specifier)
    exact = len(specifiers) == 1 and specifiers[0].operator in ("==", "===")
    return exact and not requirement.url and bool(_VERSION.fullmatch(specifiers[0].version))
