"""What the repository has, read at one moment: releases, channels, and the ways between releases."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from bundle.read.route import NOTHING, Route, Step, cheapest_route
from bundle.receipts.receipt import HELD_BYTES, TREE_BYTES
from repository.layout import Repository
from repository.record.database import Bundle, Record, Release
from repository.settings import Settings


@dataclass(frozen=True)
class Shore:
    """channels: the release that each names, those of repo.toml that name none left out. bundles: published ones."""

    settings: Settings
    releases: list[Release]
    channels: Mapping[str, Release]
    bundles: list[Bundle]
    strange: frozenset[bytes] = frozenset()

    @classmethod
    def read(cls, repository: Repository, settings: Settings) -> "Shore":
        """Raises RepositoryError."""
        with Record(repository.database_file) as record:
            releases = record.releases()
            by_version = {release.version: release for release in releases}
            channels = {channel.name: by_version[channel.release] for channel in record.channels()}
            strange = frozenset(record.strange_trees())
            return cls(settings, releases, channels, record.bundles("published"), strange)

    def release(self, version: str) -> Release | None:
        """The release of that version."""
        return next((release for release in self.releases if release.version == version), None)

    def named(self, tree: bytes) -> str:
        """The version of a tree, given by its first bytes; for one that is of no release here its hex digits."""
        release = self._by_tree.get(tree[:HELD_BYTES])
        return release.version if release else tree.hex()

    def tree(self, held: bytes) -> bytes | None:
        """The whole hash of a tree that a ship names by its first bytes, if it is known here."""
        release = self._by_tree.get(held[:HELD_BYTES])
        if release is not None:
            return release.tree
        return next((tree for tree in self.strange if held and tree.startswith(held)), None)

    def way(self, held: Iterable[bytes], target: Release) -> Route[Bundle] | None:
        """The cheapest way of a ship that holds these trees, given by their first bytes; None where nothing leads."""
        order = {release.version: release.order for release in self.releases}
        steps = [step for step in self._steps if order[step.by.release] <= target.order]
        starts = [tree for one in held if (tree := self.tree(one)) is not None]
        return cheapest_route(steps, starts, target.tree)

    @cached_property
    def _by_tree(self) -> dict[bytes, Release]:
        return {release.tree[:HELD_BYTES]: release for release in self.releases}

    @cached_property
    def _steps(self) -> list[Step[Bundle]]:
        trees = {release.version: release.tree for release in self.releases}
        found = []
        for bundle in self.bundles:
            costs = {**bundle.bases, **({NOTHING: bundle.full} if bundle.full else {})}
            found += [Step(base, trees[bundle.release], (count,), bundle) for base, count in costs.items()]
        return found


def is_tree(short: bytes, release: Release) -> bool:
    """Whether the first bytes of a tree's hash are those of a release's tree."""
    return bool(short) and short == release.tree[:TREE_BYTES]
