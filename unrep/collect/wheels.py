"""The wheels that a release carries: brought by pip for the ship's platform, complete for an install offline.

pip is asked for exactly the pins, without dependencies, because it would resolve those for the machine that it runs on.
Whether anything is missing is then read from the wheels themselves, for the ship.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import Version

from bundle.errors import InputError, NoRoom
from bundle.host.progress import Progress
from bundle.wheels.metadata import requirements_of
from unrep.collect.pins import Pin
from unrep.collect.target import Target, applies
from unrep.errors import CollectError, RegistryUnreachable

_BEGINS_ONE = "Collecting "
_NETWORK_FAULT = re.compile(r"connection broken by|fetch URL .*: (connection error|timed out|There was a problem)")


@dataclass(frozen=True)
class Wheel:
    """A wheel by its name, version and what it requires."""

    name: str
    version: Version
    requires: tuple[Requirement, ...]


def download(pins: list[Pin], target: Target, directory: Path, scratch: Path, progress: Progress) -> None:
    """Brings one wheel per pin into `directory`; there is at least one. pip's own temporary files go to `scratch`.

    Raises RegistryUnreachable without network, and NoRoom. Raises CollectError when a package has no such version or no
    wheel that fits, when a file does not have the pinned hash, or when pip fails in another way.
    """
    progress.start(f"wheels for {target}", len(pins), "wheels")
    wanted = scratch / "requirements.txt"
    wanted.write_text("".join(pin.line(with_marker=False) for pin in pins), encoding="utf-8")
    command = [sys.executable, "-I", "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"]
    command += ["--disable-pip-version-check", "--progress-bar=off", "-vv", *target.pip_options()]
    code, lines = _run([*command, "--dest", str(directory), "--requirement", str(wanted)], scratch, progress)
    progress.finish()
    if code:
        raise _full_disk(lines, directory) or _refusal(lines, target)


def require_complete(directory: Path, pins: list[Pin], environment: dict[str, str]) -> None:
    """Raises CollectError, naming each gap, unless all that the wheels in `directory` require is there."""
    wheels = {wheel.name: wheel for wheel in map(_read, sorted(directory.glob("*.whl")))}
    gaps = sorted(set(_gaps(wheels, pins, environment)))
    if gaps:
        raise CollectError(f"the requirements are not complete: {'; '.join(gaps)}: pin what is needed, each with ==")


def _run(command: list[str], scratch: Path, progress: Progress) -> tuple[int, list[str]]:
    """Runs pip, reports each package, and returns its exit code and output."""
    lines: list[str] = []
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, "TMPDIR": str(scratch)},
    ) as process:
        assert process.stdout  # noqa: S101 - a pipe was asked for
        for line in process.stdout:
            lines.append(line.strip())
            if lines[-1].startswith(_BEGINS_ONE):
                progress.advance(1)
    return process.returncode, lines


def _full_disk(lines: list[str], directory: Path) -> NoRoom | None:
    """If pip found no room: all that it writes lies on the disk of that directory."""
    if not any("No space left on device" in line for line in lines):
        return None
    return NoRoom(f"{directory}: no space left for wheels: free some and run again")


def _refusal(lines: list[str], target: Target) -> CollectError:
    """What pip's output says, in one sentence."""
    text = "\n".join(lines)
    if _NETWORK_FAULT.search(text):
        return RegistryUnreachable("pip cannot reach its package registry: check the network and pip's configuration")
    if "DO NOT MATCH THE HASHES" in text:
        package = next(
            (line.partition(" from ")[0] for line in lines if " from " in line and "==" in line), "a package"
        )
        return CollectError(f"{package}: the file that pip got does not have the pinned hash: check the --hash lines")
    if "In --require-hashes mode" in text:
        return CollectError("some requirements have a --hash and others have none: give every line its hashes")
    if "No module named pip" in text:
        return CollectError(f"{sys.executable} has no pip: install it there, or run unrep from an environment with pip")
    found = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    for line in found:
        package = line.removeprefix("No matching distribution found for ")
        if package != line:
            package = package.partition(" (from ")[0]
            return CollectError(f"{package}: no wheel for {target}: pin a version that has one, or check the name")
    return CollectError(f"pip failed: {found[-1] if found else text[-300:]}")


def _gaps(wheels: dict[str, Wheel], pins: list[Pin], environment: dict[str, str]) -> Iterator[str]:
    """Each requirement of the wheels, with the extras that are asked for, that no wheel meets."""
    asked = [(pin.name, extra) for pin in pins for extra in ("", *pin.requirement.extras)]
    seen = set(asked)
    while asked:
        name, extra = asked.pop()
        wheel = wheels[name]
        for needed in wheel.requires:
            if not applies(needed, environment | {"extra": extra}):
                continue
            met = wheels.get(canonicalize_name(needed.name))
            if met is None:
                yield f"{wheel.name} {wheel.version} needs {needed.name}{needed.specifier}"
            elif not needed.specifier.contains(met.version, prereleases=True):
                yield f"{wheel.name} {wheel.version} needs {needed.name}{needed.specifier}, not {met.version}"
            else:
                further = {(met.name, extra) for extra in needed.extras} - seen
                seen |= further
                asked += sorted(further)


def _read(path: Path) -> Wheel:
    """A wheel's own account of itself. Raises CollectError when it has none."""
    try:
        name, version, _, _ = parse_wheel_filename(path.name)
        return Wheel(name, version, tuple(map(Requirement, requirements_of(path))))
    except InputError as error:
        raise CollectError(f"{error}: pin another version") from error
    except (InvalidWheelFilename, InvalidRequirement) as error:
        raise CollectError(f"{path.name}: not a wheel that can be read ({error}): pin another version") from error
