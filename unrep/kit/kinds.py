"""The machines that a kit can be for [K-1]: what their wheels, Debian's packages and their libraries are called."""

from dataclasses import dataclass
from typing import Final

from unrep.collect.target import Target


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One platform. `python`: its version, as in 3.11. `machine`: what `uname -m` says there.

    architecture, triplet, loader: Debian's words for the machine, and its dynamic loader; "" on Windows.
    """

    name: str
    python: str
    machine: str
    wheel_tag: str
    wheels_lock: str
    architecture: str = ""
    triplet: str = ""
    loader: str = ""

    @property
    def is_windows(self) -> bool:
        return not self.architecture

    @property
    def debian_lock(self) -> str:
        """The name of the lock of Debian's packages."""
        return f"debian-{self.architecture}.lock"

    def target(self) -> Target:
        """The same for pip."""
        return Target((self.wheel_tag,), self.python)


def _linux(machine: str, architecture: str, loader: str) -> Kind:
    return Kind(
        name=f"linux_{machine}",
        python="3.11",
        machine=machine,
        wheel_tag=f"manylinux_2_36_{machine}",
        wheels_lock="linux.lock",
        architecture=architecture,
        triplet=f"{machine}-linux-gnu",
        loader=loader,
    )


_WINDOWS: Final = Kind(
    name="win_amd64", python="3.12", machine="AMD64", wheel_tag="win_amd64", wheels_lock="windows.lock"
)
KINDS: Final = {
    kind.name: kind
    for kind in (
        _linux("x86_64", "amd64", "ld-linux-x86-64.so.2"),
        _linux("aarch64", "arm64", "ld-linux-aarch64.so.1"),
        _WINDOWS,
    )
}
