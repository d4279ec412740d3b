"""A release engineer's whole day in one call: `release`. The order makes a kill harmless at any moment [P-11].

1. The tree is hashed. Its version is new, or was begun by a run that did not end.
2. Every destination is there, and names nothing that this repository does not know.
3. The contents are stored, then the manifest, then the release gets its number.
4. One bundle is built from all bases that no earlier bundle of this version has. It is proven as any bundle is.
5. The bundle goes to every destination.
6. In one step of the record it counts as published, and the channel names the release.
7. The channel's file is signed and goes to every destination.

Whatever stops it, the same call goes on: what is done is found, and is not done again.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path

from bundle.errors import InputError, Malformed
from bundle.host import presence
from bundle.host.files import make_directory
from bundle.host.progress import Progress
from bundle.host.temporary_files import temporary_directory
from bundle.names.paths import check_version
from bundle.read.base_objects import BuildBase
from bundle.read.reader import open_bundle, open_for_display
from bundle.read.tree import DirectoryBase, scan
from bundle.recipients.ship_key import ShipPublicKey
from bundle.trust.signing import Signer, verifying_key
from bundle.trust.trust import Trust
from bundle.write.builder import BuildReport, BuildRequest, build
from repository.bases import KnownTree, check_base, choose_bases
from repository.distribution.channels import announce_all, catch_up, check_forward
from repository.distribution.destinations import described, open_destinations, send
from repository.errors import ReleaseRefused
from repository.importing import import_bundle
from repository.layout import Repository
from repository.record.database import Bundle, Record, Release
from repository.settings import Settings
from repository.storage import STORAGE
from repository.store.base import stored_trees
from repository.store.objects import ObjectStore
from transfer.errors import Incomplete, TransferError
from transfer.publishing.backend import Backend


@dataclass(frozen=True, kw_only=True)
class ReleaseRequest:
    """What to release, and how.

    channel     that names it then; None for the first of the settings
    base_from   releases that ships have, and that the bundle starts from, too: directories, or bundles
    held        how many ships were last heard to hold each tree; nothing where none was heard
    dry_run     build and say what it costs, and change nothing
    """

    source: Path
    version: str
    channel: str | None = None
    base_from: Sequence[Path] = ()
    held: Mapping[bytes, int] = field(default_factory=dict)
    dry_run: bool = False


@dataclass(frozen=True, kw_only=True)
class Makers:
    """Who signs, what bundles carry of trust, who can read them, who does the work, and who is shown the progress."""

    signer: Signer
    pool: Executor
    progress: Progress
    trust: Trust | None = None
    recipients: Sequence[ShipPublicKey] = ()


@dataclass(frozen=True)
class BaseCost:
    """What a ship with a tree fetches; `tree` is empty for one without a base. `ships`: None where none was heard."""

    tree: bytes
    version: str
    ships: int | None
    bytes: int


@dataclass(frozen=True)
class ReleaseReport:
    """What came of it. `bundle`: None where nothing was left to build. `stored`: objects that were new.

    `sent`: for each destination, how many bundles it got. `dropped`: bundles that the channel's file has no room for.
    """

    release: Release
    channel: str
    costs: list[BaseCost]
    bundle: Bundle | None = None
    stored: int = 0
    sent: dict[str, int] = field(default_factory=dict)
    dropped: int = 0
    counter: int = 0


def release(repository: Repository, settings: Settings, request: ReleaseRequest, makers: Makers) -> ReleaseReport:
    """Stores, builds, publishes, and moves the channel. The module's docstring says in which order.

    Raises RepositoryError, InputError or Refused before anything changed. Raises TransferError for a destination that
    could not be reached or written: what was built stays, and the same call goes on.
    """
    with repository.locked(f"releasing {request.version}"), Record(repository.database_file) as record:
        return _Run(repository, settings, request, makers, record).run()


class _Run:
    """One call of `release`, while it holds the lock."""

    def __init__(
        self, repository: Repository, settings: Settings, request: ReleaseRequest, makers: Makers, record: Record
    ) -> None:
        self._repository, self._settings, self._request = repository, settings, request
        self._makers, self._record = makers, record
        self._store = ObjectStore(repository, settings.platform)
        self._channel = request.channel or settings.channels[0]

    def run(self) -> ReleaseReport:
        request, makers = self._request, self._makers
        if self._channel not in self._settings.channels:
            known = ", ".join(self._settings.channels)
            raise ReleaseRefused(
                f"channel {self._channel!r}: is not in repo.toml, which has {known}; add it there first"
            )
        tree = DirectoryBase(request.source.resolve(), scan(request.source, self._settings.platform, makers.progress))
        release = self._numbered(tree)
        check_forward(self._record, self._channel, release)
        wanted, named = self._bases(tree)
        release = self._numbered(tree)  # anew, for a base may have come with a number of its own
        backends = open_destinations(self._repository, self._settings)
        seen = catch_up(backends, self._settings, self._record, makers.signer, makers.trust, dry_run=request.dry_run)
        check_forward(self._record, self._channel, release)  # a destination may know better than the record did
        missing = self._missing(release, wanted)
        if request.dry_run:
            return self._tried(release, tree, wanted, named)
        stored = self._stored(release, tree, named)
        built = self._built(release, tree, missing, named)
        sent = self._sent(release, backends)
        counter, dropped = self._moved(release, backends, seen)
        costs = self._costs(release, wanted)
        return ReleaseReport(release, self._channel, costs, built, stored, sent, dropped, counter)

    def _numbered(self, tree: DirectoryBase) -> Release:
        """The release, with the number that it has or will get [P-7], [P-8]."""
        version, manifest, epoch = self._request.version, tree.manifest, self._settings.epoch
        try:
            check_version(version)
        except Malformed as error:
            raise InputError(str(error)) from error
        if not manifest.entries:
            raise ReleaseRefused(f"{tree.directory}: is empty; name the directory that holds the release")
        known = self._record.release(version)
        if known and known.tree != manifest.tree_hash:
            raise ReleaseRefused(
                f"version {version}: is released already, with other content (seq {known.seq}); ships tell releases by "
                "their version, so give the new one a new version"
            )
        if known:
            return known
        seq = max((other.seq for other in self._record.releases() if other.epoch == epoch), default=0) + 1
        size, entries = manifest.size, len(manifest.entries)
        return Release(version, epoch, seq, manifest.tree_hash, size, entries, "released")

    def _bases(self, tree: DirectoryBase) -> tuple[list[KnownTree], dict[bytes, DirectoryBase]]:
        """The bases that the release should have, and those of them whose directory a person named, by their trees."""
        request = self._request
        wanted = choose_bases(self._record, self._store, self._settings, tree.manifest, request.held)
        named = {}
        for path in request.base_from:
            with STORAGE.errors(path):
                is_directory = presence.is_directory(path)
            if is_directory:
                base = DirectoryBase(path.resolve(), scan(path, self._settings.platform, self._makers.progress))
                known = check_base(base, self._record, self._store, tree.manifest)
                named[known.tree] = base
            else:
                known = self._of_bundle(path)
            if all(other.tree != known.tree for other in wanted):
                wanted.append(known)
        return wanted, named

    def _of_bundle(self, path: Path) -> KnownTree:
        """The release of a bundle as a base; it is brought into the repository unless it is there."""
        trust = self._makers.trust or Trust.of_maker((verifying_key(self._makers.signer),))
        with open_bundle(path, trust) as bundle:
            tree, version = bundle.root.tree, bundle.root.version
        if not self._store.has_tree(tree):
            if self._request.dry_run:
                raise ReleaseRefused(
                    f"{path}: {version} is not in the repository; 'unrep repo import' it before --dry-run"
                )
            import_bundle(path, trust, self._record, self._repository, self._settings, self._makers.progress)
        return KnownTree(tree, version)

    def _missing(self, release: Release, wanted: list[KnownTree]) -> list[KnownTree] | None:
        """The bases that no bundle of the release has yet; None if there is nothing to build."""
        bundles = [bundle for bundle in self._record.bundles() if bundle.release == release.version]
        covered = {tree for bundle in bundles for tree in bundle.bases}
        missing = [base for base in wanted if base.tree not in covered]
        return missing if missing or not bundles else None

    def _stored(self, release: Release, tree: DirectoryBase, named: dict[bytes, DirectoryBase]) -> int:
        count = 0
        for base in named.values():
            if not self._store.has_tree(base.manifest.tree_hash):
                count += self._store.add_directory(base, self._makers.progress)
            if all(other.tree != base.manifest.tree_hash for other in self._record.releases()):
                self._record.add_strange_tree(base.manifest.tree_hash)
        if not self._store.has_tree(release.tree):
            count += self._store.add_directory(tree, self._makers.progress)
        if self._record.release(release.version) is None:
            self._record.add_release(release)
        return count

    def _built(
        self, release: Release, tree: DirectoryBase, missing: list[KnownTree] | None, named: dict[bytes, DirectoryBase]
    ) -> Bundle | None:
        if missing is None:
            return None
        number = sum(bundle.release == release.version for bundle in self._record.bundles()) + 1
        name = f"{release.version}-{number}.unrep"
        with STORAGE.errors(self._repository.bundles):
            make_directory(self._repository.bundles)
        is_first = number == 1
        report = self._build(release, tree, missing, named, self._repository.bundles / name, is_first)
        bundle = _built_bundle(report.path, release, name)
        self._record.add_bundle(bundle)
        return bundle

    def _build(
        self,
        release: Release,
        tree: DirectoryBase,
        bases: list[KnownTree],
        named: dict[bytes, DirectoryBase],
        out: Path,
        is_first: bool,
    ) -> BuildReport:
        stored = {base.tree: base.version or base.tree.hex()[:12] for base in bases if base.tree not in named}
        with stored_trees(self._store, stored) as trees:
            by_tree: dict[bytes, BuildBase] = {one.manifest.tree_hash: one for one in trees}
            by_tree |= named
            request = BuildRequest(
                new=tree.directory,
                product=self._settings.product,
                version=release.version,
                seq=release.seq,
                out=out,
                bases=[by_tree[base.tree] for base in bases],
                full=self._settings.bases.full and is_first,
                epoch=release.epoch,
                platform=self._settings.platform,
                trust=self._makers.trust,
                trust_from=self._settings.trust_from,
                recipients=self._makers.recipients,
            )
            return build(request, self._makers.signer, self._makers.pool, self._makers.progress, release.tree)

    def _unpublished(self, release: Release) -> list[Bundle]:
        """The bundles of this release that are built and no more. Those of one that was given up stay unpublished."""
        return [bundle for bundle in self._record.bundles("built") if bundle.release == release.version]

    def _sent(self, release: Release, backends: list[Backend]) -> dict[str, int]:
        """Sends what is not published yet, and whatever a destination lacks of what is.

        A destination that fails does not keep the others from theirs: it is named at the end.
        """
        sent: dict[str, int] = {}
        failed: list[TransferError] = []
        bundles = [*self._record.bundles("published"), *self._unpublished(release)]
        for backend in backends:
            try:
                added = [send(self._repository, bundle, backend, self._makers.progress) for bundle in bundles]
                sent[backend.name] = sum(added)
            except TransferError as error:
                failed.append(error)
        if len(failed) == 1:
            raise failed[0]
        if failed:
            raise Incomplete("; ".join(str(error).rstrip(".") for error in failed)) from failed[0]
        return sent

    def _moved(self, release: Release, backends: list[Backend], seen: int) -> tuple[int, int]:
        """The counter of the channel's file, and how many bundles it has no room for."""
        releases = {one.version: one for one in self._record.releases()}
        built = [bundle.file for bundle in self._unpublished(release)]
        # The files of other channels list these bundles, too, if they name a release that is as new.
        channels = {
            channel.name: channel.release
            for channel in self._record.channels()
            if built and release.order <= releases[channel.release].order
        }
        now = self._record.channel(self._channel)
        if now is None or now.release != release.version:
            channels[self._channel] = release.version
        if channels or built:
            self._record.change(dict.fromkeys(built, "published"), channels, seen)
        dropped = announce_all(
            self._repository, self._record, self._settings, backends, self._makers.signer, self._makers.trust
        )
        named = self._record.channel(self._channel)
        return (named.counter if named else 0), dropped

    def _tried(
        self, release: Release, tree: DirectoryBase, wanted: list[KnownTree], named: dict[bytes, DirectoryBase]
    ) -> ReleaseReport:
        """What it would come to: the bundle is built where nobody sees it."""
        with temporary_directory("unrep-release-") as scratch:
            report = self._build(release, tree, wanted, named, scratch / "tried.unrep", is_first=True)
            bundle = _built_bundle(report.path, release, "")
        return ReleaseReport(release, self._channel, costs_of([bundle], wanted), bundle)

    def _costs(self, release: Release, wanted: list[KnownTree]) -> list[BaseCost]:
        bundles = [bundle for bundle in self._record.bundles() if bundle.release == release.version]
        return costs_of(bundles, wanted)


def _built_bundle(file: Path, release: Release, path: str) -> Bundle:
    with open_for_display(file) as opened:
        return described(opened, release.version, path, "built")


def costs_of(bundles: list[Bundle], wanted: list[KnownTree]) -> list[BaseCost]:
    """What a ship with each tree fetches, the newest first, and at last what one without any does."""
    known = {base.tree: base for base in wanted}
    found = {tree: count for bundle in bundles for tree, count in bundle.bases.items()}
    rows = [
        BaseCost(
            tree, known[tree].version if tree in known else "", known[tree].ships if tree in known else None, count
        )
        for tree, count in found.items()
    ]
    order = {tree: place for place, tree in enumerate(known)}
    rows.sort(key=lambda row: order.get(row.tree, len(order)))
    full = next((bundle.full for bundle in bundles if bundle.full), 0)
    return [*rows, BaseCost(b"", "", None, full)] if full else rows
