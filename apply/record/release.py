"""A release at a site, and one that failed there."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from apply.record.high_water import HighWater, Mark
from bundle.format.root import Platform

if TYPE_CHECKING:  # at run time whoever hands it in has loaded the reader
    from bundle.read.reader import VerifiedRoot


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """A release at the site; `tree` and `bundle` (the root's hash) in hex. `proven` once it was healthy here."""

    version: str
    seq: int
    epoch: int = 0
    tree: str
    platform: Platform
    bundle: str
    proven: bool = False

    @classmethod
    def of(cls, verified: "VerifiedRoot") -> "Release":
        """The release that a verified root describes."""
        root = verified.root
        return cls(
            version=root.version,
            seq=root.seq,
            epoch=root.epoch,
            tree=root.tree.hex(),
            platform=root.platform,
            bundle=verified.root_hash.hex(),
        )

    @property
    def mark(self) -> Mark:
        """Its place in the order of releases: a later epoch comes after every seq of an earlier one."""
        return self.epoch, self.seq


class Quarantine(msgspec.Struct, frozen=True):
    """A tree that failed here, and up to which mark it stays out."""

    version: str
    tree: str
    epoch: int
    seq: int
    reason: str

    @property
    def mark(self) -> Mark:
        """See Release.mark."""
        return self.epoch, self.seq

    @property
    def is_by_hand(self) -> bool:
        """Whether a person went back from it, whatever its health."""
        return self.reason.startswith("rolled back by hand ") or self.reason.endswith(" was taken back by hand")

    def holds(self, release: Release) -> bool:
        """Whether the quarantine excludes this release."""
        return self.tree == release.tree and release.mark <= (self.epoch, self.seq)


def quarantine(release: Release, reason: str) -> Quarantine:
    """That release, and why it stays out."""
    return Quarantine(release.version, release.tree, release.epoch, release.seq, reason)


def still_of_use(
    quarantined: Iterable[Quarantine], high_water: HighWater | None, aboard: Sequence[Release]
) -> tuple[Quarantine, ...]:
    """Those that still keep something out, or from being gone back to [A-154].

    What lies below the high-water mark is refused anyway.
    """
    trees = {release.tree for release in aboard}
    mark = high_water.mark if high_water else (0, 0)
    return tuple(failed for failed in quarantined if failed.mark >= mark or failed.tree in trees)
