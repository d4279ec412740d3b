"""The machine that a release is collected for: which wheels fit it, and how its markers read.

pip picks wheels for a foreign platform, but evaluates `; sys_platform == "win32"` for the machine that it runs on.
A release collected on Linux would lack what only Windows needs, so markers are evaluated here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName, default_environment
from packaging.requirements import Requirement

from unrep.errors import CollectError

_WINDOWS_MACHINES = {"win_amd64": "AMD64", "win_arm64": "ARM64", "win32": "x86"}
_LEGACY = {"manylinux1": "manylinux_2_5", "manylinux2010": "manylinux_2_12", "manylinux2014": "manylinux_2_17"}
_LIBC = re.compile(r"(manylinux_2|musllinux_1)_([0-9]+)_([a-z0-9_]+)")
_PYTHON = re.compile(r"(3\.[0-9]+)(\.[0-9]+)?")
OLDEST_GLIBC_MINOR = 5


@dataclass(frozen=True)
class Target:
    """Platform tags and a Python version as pip writes them; empty or None means this machine's."""

    platforms: tuple[str, ...] = ()
    python_version: str | None = None

    def __post_init__(self) -> None:
        """Raises CollectError for a tag or version that no ship has, or for tags of two systems."""
        if self.python_version and not _PYTHON.fullmatch(self.python_version):
            raise CollectError(f"--python-version {self.python_version!r}: write it like 3.11")
        systems = {tuple(_system(tag).values()): tag for tag in self.platforms}
        if len(systems) > 1:
            tags = " and ".join(systems.values())
            raise CollectError(f"--platform: {tags} are different systems: collect a release for each")

    @property
    def windows(self) -> bool:
        """Whether the release goes to Windows, where a tree can hold fewer names and no symbolic links."""
        return self.environment()["sys_platform"] == "win32"

    def environment(self) -> dict[str, str]:
        """The values that environment markers are compared with (PEP 508) aboard."""
        values = {name: str(value) for name, value in default_environment().items()}
        if self.python_version:
            found = _PYTHON.fullmatch(self.python_version)
            assert found  # noqa: S101 - checked at construction
            full = found[1] + (found[2] or ".0")
            values |= {"python_version": found[1], "python_full_version": full, "implementation_version": full}
            values |= {"implementation_name": "cpython", "platform_python_implementation": "CPython"}
        if self.platforms:
            values |= {"platform_release": "", "platform_version": "", **_system(self.platforms[0])}
        return values

    def pip_options(self) -> list[str]:
        """The options that make pip choose this machine's wheels."""
        options = [f"--platform={tag}" for given in self.platforms for tag in _compatible(given)]
        if self.python_version:
            options.append(f"--python-version={self.python_version}")
        return [*options, "--implementation=cp"] if options else []

    def __str__(self) -> str:
        """As the messages name it."""
        values = self.environment()
        machine = " or ".join(self.platforms) or f"{values['sys_platform']} {values['platform_machine']}"
        return f"{machine} and Python {self.python_version or values['python_version']}"


def applies(requirement: Requirement, environment: dict[str, str]) -> bool:
    """Whether a machine with these marker values needs it. Raises CollectError for a marker that makes no sense."""
    if requirement.marker is None:
        return True
    try:
        return requirement.marker.evaluate(dict(environment))
    except (UndefinedComparison, UndefinedEnvironmentName) as error:
        raise CollectError(
            f"{requirement.name}: its marker '{requirement.marker}' cannot be evaluated: correct or remove it"
        ) from error


def _system(tag: str) -> dict[str, str]:
    """The marker values that a platform tag settles. Raises CollectError for a tag that is not known."""
    if machine := _WINDOWS_MACHINES.get(tag):
        names = {"os_name": "nt", "sys_platform": "win32", "platform_system": "Windows"}
        return names | {"platform_machine": machine}
    if found := _LIBC.fullmatch(_modern(tag)):
        names = {"os_name": "posix", "sys_platform": "linux", "platform_system": "Linux"}
        return names | {"platform_machine": found[3]}
    raise CollectError(f"--platform {tag!r} is not known: use win_amd64, manylinux_2_28_x86_64 or the like")


def _modern(tag: str) -> str:
    """The PEP 600 spelling of the three older manylinux tags; any other tag as it is."""
    name, _, machine = tag.partition("_")
    return f"{_LEGACY[name]}_{machine}" if name in _LEGACY else tag


def _compatible(tag: str) -> Iterator[str]:
    """The tags whose wheels run on `tag`, best first: for older C libraries too (PEP 600, PEP 656)."""
    found = _LIBC.fullmatch(_modern(tag))
    if not found:
        yield tag
        return
    libc, newest, machine = found[1], int(found[2]), found[3]
    oldest = OLDEST_GLIBC_MINOR if libc == "manylinux_2" else 0
    older = {modern: legacy for legacy, modern in _LEGACY.items()}
    for minor in range(newest, oldest - 1, -1):
        name = f"{libc}_{minor}"
        yield f"{name}_{machine}"
        if name in older:
            yield f"{older[name]}_{machine}"
    yield f"linux_{machine}"
