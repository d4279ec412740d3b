"""What is damaged in the base and stands whole in another version aboard: it need not come over the link [A-127]."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from apply.errors import SiteInvalid, StorageFailed
from apply.rebuild.copies import Copies
from apply.rebuild.installed import damaged_places, holdings, open_installed
from apply.record.release import Release
from apply.site.layout import Site
from bundle.format.manifest import TreeManifest
from bundle.read.evaluate import Evaluation
from bundle.read.tree import DirectoryBase


@dataclass(frozen=True)
class Spare:
    """Another version, and what is copied from it."""

    tree: DirectoryBase
    copies: Copies


def find_spares(
    site: Site, releases: Iterable[Release], manifest: TreeManifest, missing: Collection[int]
) -> tuple[list[Spare], set[int]]:
    """Whole files for the missing places of a manifest, each hashed, and the places for which there is none."""
    left, spares = set(missing), []
    for release in holdings(site, releases):
        if not left:
            break
        try:
            tree = open_installed(site, release)
        except (SiteInvalid, StorageFailed):
            continue
        sources = tree.manifest.places.of(manifest.places).tolist()
        found = {place: sources[place - 1] for place in sorted(left) if sources[place - 1]}
        damaged = set(damaged_places(tree, places=sorted(set(found.values()))))
        copies = Copies(manifest)
        for place, source in found.items():
            if source not in damaged:
                copies.add(place, source)
        if copies.places:
            spares.append(Spare(tree, copies))
            left -= set(copies.places)
    return spares, left


class SparedEvaluation:
    """A delta makes what it can, without damaged files of its base. What it cannot make comes from other versions.

    As `Evaluation`, for a base without the lost files. `spares` are copied by whoever writes the tree.
    """

    def __init__(self, delta: Evaluation, spares: list[Spare]) -> None:
        self._delta = delta
        self.draft = delta.draft
        self.spares = spares
        self.spared = frozenset(place for spare in spares for place in spare.copies.places)

    def objects(self) -> Iterator[tuple[int, Iterator[bytes]]]:
        """(place, chunks) of every object that the recipes make, as `Evaluation.objects`."""
        return self._delta.chosen(self._delta.made)

    def digest(self, place: int) -> bytes:
        """As that of `Evaluation`."""
        return self._delta.digest(place)

    def finished(self) -> TreeManifest:
        """As that of `Evaluation`."""
        return self._delta.finished()

    @property
    def room_bytes(self) -> int:
        """Bytes on disk that running it takes at one time."""
        return self._delta.room_bytes

    def base_places(self) -> set[int]:
        """The places of the base whose objects are used."""
        return self._delta.base_places()


def missing_from(evaluation: Evaluation, left: TreeManifest) -> set[int]:
    """The places that a delta cannot make from what is left of its base."""
    return set(evaluation.draft.needed(left)) - evaluation.made
