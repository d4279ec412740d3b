"""A release that stands somewhere already comes under unrep's care, and nothing is downloaded: `unrep adopt` [A-180].

The directory is verified file by file and copied, each file hashed once more as it is written. From there on all is as
for an update: record, intent, switch, health, and whatever a kill leaves is ended by the next run. The directory itself
stays as it is, unless it is the very place where the site would have that version: then it is taken as it stands.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from apply.audit.log import open_log
from apply.audit.run import Report, Run, reporting, working
from apply.errors import BaseDrifted, PreflightRefused
from apply.making import Made, Making, keep_source_times
from apply.offer import Offer, open_offer
from apply.rebuild import preflight
from apply.rebuild.choice import choose, choose_full
from apply.rebuild.installed import damaged_places, holdings, open_installed
from apply.rebuild.reconstruct import reconstruct
from apply.rebuild.room import look_for_savings
from apply.record.database import Record
from apply.record.state import SiteState
from apply.site import durable
from apply.site.config import SiteConfig
from apply.site.guarded import check_guarded
from apply.site.layout import Site
from apply.site.trusted import updated_trust
from apply.update import Update
from bundle.archives.engines import present_features
from bundle.errors import BaseMismatch, Corrupt, InputError, NoSection, Unsupported
from bundle.format.manifest import Entry, TreeManifest
from bundle.host import presence
from bundle.host.memory_limit import limited_memory
from bundle.host.progress import Progress, Quiet
from bundle.host.temporary_files import room_for_temporary_files
from bundle.read.evaluate import open_evaluation
from bundle.read.frame_run import exhaust
from bundle.read.reader import Unlock, VerifiedBundle
from bundle.read.tree import DirectoryBase, scan
from bundle.trust.trust import Trust

_NAMED: Final = 5
_CACHE: Final = "__pycache__"


class NotTheRelease(BaseDrifted):
    """The directory holds other files than the release."""


def adopt(
    directory: Path,
    bundle: Path,
    site: Path,
    trust: Trust | None,
    config: SiteConfig,
    progress: Progress = Quiet(),  # noqa: B008
    *,
    unlock: Unlock | None = None,
    product: str = "",
) -> Report:
    """Takes the release in `directory` into the care of a site: `applied`, or `already-current`.

    Of the bundle the header is enough, if nothing but the release is in the directory [A-181]. Raises InputError for a
    directory that cannot be meant, NotTheRelease naming the files that differ; otherwise as `apply.update.update`.
    """
    place = Site.at(site)
    run = Run("adopt", place, progress, open_log(place, config))
    standing = _checked(directory, place)
    with reporting(run):
        trusted = updated_trust(place, trust, run.command)
        with (
            open_offer(
                run,
                bundle,
                trusted,
                config,
                unlock=unlock,
                product=product,
                override_hold=False,
                is_header_enough=True,
            ) as offer,
            working(run) as record,
        ):
            if not offer.needs_installing(place, record.state):
                return Update(run, config, record, offer, _never).apply()
            adoption = _Adoption(run, record, offer, standing)
            adoption.take_in_place()
            return Update(run, config, record, offer, adoption.copy).apply()


def _never(making: Making) -> Made:
    raise AssertionError(f"{making.offer.release.version} runs already")


def _checked(directory: Path, site: Site) -> Path:
    """The real directory. Raises InputError."""
    if not presence.is_directory(directory):
        raise InputError(f"{directory}: no such directory; name the one where the release stands")
    real = directory.resolve()
    if site.root.resolve().is_relative_to(real) or real.is_relative_to(site.private.resolve()):
        raise InputError(f"{directory}: holds the site, or is unrep's own; name the directory of the release alone")
    return real


@dataclass(frozen=True)
class _Adoption:
    """What stands in a directory, and the release that it is said to be."""

    run: Run
    record: Record
    offer: Offer
    directory: Path

    def take_in_place(self) -> None:
        """Puts the release on record if it stands in its very place, as where a record was lost [A-183]."""
        site, release, state = self.run.site, self.offer.release, self.record.state
        own = site.tree(release.version)
        if state.find(release.version) or state.pending or not presence.is_directory(own):
            return
        if not own.samefile(self.directory):
            return
        manifest = self._verified(state)
        preflight.check_platform(release)
        check_guarded(*(own / path for path in manifest.entries.paths))
        with self.run.step("make durable"):
            durable.sync_tree(own)
            durable.write_file(site.manifest_file(release.tree), manifest.encoded)
            self.record.save(self.offer.placed(state))
        self.run.warn(f"{self.directory} was taken as it stands")

    def copy(self, making: Making) -> Made:
        """The release's tree in staging, copied from the directory."""
        run, offer = self.run, self.offer
        preflight.check_platform(offer.release)
        preflight.check_place(run.site, making.state, offer.release)
        base = DirectoryBase(self.directory, self._verified(making.state))
        tree = making.staging / offer.release.version
        with run.step("preflight"):
            preflight.check_room(run.site, base.manifest, 0, look_for_savings(base, making.staging))
        with run.step("reconstruct"):
            reconstruct(_Kept(base.manifest), base, tree, run.progress)
            keep_source_times(offer.bundle, tree, base.manifest)
        return Made(base.manifest, tree, (f"copied from {self.directory}",))

    def _verified(self, state: SiteState) -> TreeManifest:
        """The manifest of the release, by which every file in the directory proved right. Raises NotTheRelease."""
        with self.run.step("verify"):
            manifest = _manifest_of(self.offer.bundle, self.run.site, state)
            if manifest is None:
                return self._scanned()
            damaged = damaged_places(DirectoryBase(self.directory, manifest), self.run.progress)
        if damaged:
            paths = [manifest.entry(place).path for place in damaged]
            more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
            raise NotTheRelease(
                f"{self.directory}: is not {self._named}: {len(paths)} of {len(manifest.entries)} files differ or are "
                f"missing: {', '.join(paths[:_NAMED])}{more}; put those back, or install the release with 'unrep apply'"
            )
        return manifest

    def _scanned(self) -> TreeManifest:
        """The same by the tree hash alone, which the header has: nothing may lie beside the release but caches."""
        found = scan(self.directory, self.offer.release.platform, self.run.progress)
        for manifest in (found, *_without_caches(found, self.offer.release.platform)):
            if manifest.tree_hash.hex() == self.offer.release.tree:
                return manifest
        raise NotTheRelease(
            f"{self.directory}: is not {self._named}, or holds more; which files differ the header of "
            f"{self.offer.bundle.path} does not say: name a bundle with the full release, or move away what is not its"
        )

    @property
    def _named(self) -> str:
        return f"{self.offer.bundle.root.product} {self.offer.release.version}"


@dataclass(frozen=True)
class _Kept:
    """An evaluation that makes nothing, for all is there. `draft`: the manifest itself."""

    draft: TreeManifest

    def digest(self, place: int) -> bytes:
        return self.draft.entry(place).hash

    def finished(self) -> TreeManifest:
        return self.draft

    def objects(self) -> Iterator[tuple[int, Iterator[bytes]]]:
        return iter(())


@limited_memory()
def _manifest_of(bundle: VerifiedBundle, site: Site, state: SiteState) -> TreeManifest | None:
    """The release's manifest, if a section of it is there that can be read here; None if the header has to do.

    No section says the hashes of what it makes [F-101]. So all of it is made once, and nothing of that is written.
    """
    try:
        choice = choose_full(bundle) or choose(bundle, holdings(site, state.releases))
        base = open_installed(site, choice.base) if choice.base else None
        with room_for_temporary_files(site.root, choice.section.room):
            evaluation = open_evaluation(bundle.open_section(choice.section), base, present_features())
            exhaust(evaluation.verify_objects())
            return evaluation.finished()
    except (BaseMismatch, NoSection, PreflightRefused, Unsupported):
        return None
    except Corrupt:
        if bundle.is_whole:
            raise
        return None


def _without_caches(found: TreeManifest, platform: str) -> Iterator[TreeManifest]:
    """The same without what running Python has left there, and without directories that hold nothing else."""

    def is_cache(entry: Entry) -> bool:
        return _CACHE in entry.path.split("/")

    entries = [entry for entry in found.entries if not is_cache(entry)]
    if len(entries) < len(found.entries):
        yield TreeManifest.of(entries, platform)
