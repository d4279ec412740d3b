"""Volumes joined into the partial file of a fetch: in any order, from any number of media, with what is there already.

Every piece is verified before it is kept, so a torn, lying or foreign volume costs only its pieces. What is missing in
the end stays a hole: another volume, or a fetch over the link, goes on from there [T-72].
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from bundle.errors import Malformed, Refused, named
from bundle.host import presence
from bundle.host.clock import SystemClock
from bundle.host.progress import Progress
from bundle.read.reader import VerifiedRoot, verify_header
from bundle.trust.trust import Trust
from transfer.config import TransferConfig
from transfer.disk.lock import output_lock
from transfer.disk.output import describe, inspect_output
from transfer.disk.partial import PARTIAL_SUFFIX
from transfer.disk.stores import StoreHistory, VolumeStore, take_pieces
from transfer.disk.volume import MAX_VOLUMES, Volume, open_volume, what_is_missing
from transfer.errors import Incomplete, SourceRefused
from transfer.plan import FetchPlan, SiteHoldings, choose_sections


@dataclass(frozen=True)
class Joined:
    """What came of it: bytes of the bundle file, with its header, as in the figures of a fetch [T-30].

    `damaged`: volumes that held pieces that were not signed.
    """

    verified: VerifiedRoot
    volumes: tuple[Path, ...]
    bytes_needed: int
    bytes_resumed: int
    bytes_joined: int
    damaged: tuple[Path, ...]


@dataclass(frozen=True)
class Headed:
    """A volume whose header was verified."""

    volume: Volume
    header: bytes
    verified: VerifiedRoot

    def store(self, output: VerifiedRoot) -> VolumeStore:
        """What it holds for an output that begins with that header."""
        return VolumeStore(self.volume.path, self.volume, self.verified.header_bytes - output.header_bytes)


def join(
    directories: Sequence[Path],
    trust: Trust,
    output: Path,
    holdings: SiteHoldings | None,
    allow_full: bool,
    progress: Progress,
) -> Joined:
    """Joins the volumes in some directories into an output. Returns when it is complete, durable and has its name.

    Raises Incomplete, naming the volumes that were not found, if something is still missing. Raises SourceRefused if
    there are no volumes, or those of several bundles. Raises as a fetch for the output and the choice of sections.
    """
    with output_lock(output):
        found = _one_bundle(find_volumes(directories), trust)
        state = inspect_output(output, trust)
        state.check(found[0].verified)
        header, verified = state.header_of(found[0].header, found[0].verified)
        sections = choose_sections(verified.root, holdings, allow_full)
        volumes = [headed.volume for headed in found]
        with state.open_partial(header, verified, SystemClock(), TransferConfig.sync_share) as partial:
            plan = FetchPlan.of(verified, sections, fresh=partial.is_new)
            progress.start("joining", plan.wanted_bytes, "B")
            progress.advance(plan.examine(partial.read))
            resumed = plan.present_bytes
            partial.check_space(plan.wanted_bytes - resumed)
            history = StoreHistory()
            take_pieces(plan, partial, [headed.store(verified) for headed in found], progress, history)
            progress.finish()
            if missing := plan.missing():
                missing_bytes = sum(slot.length for slot in missing)
                raise Incomplete(what_is_missing(output, missing_bytes, volumes, history.damaged))
            partial.finish(output)
    return Joined(
        verified,
        tuple(volume.path for volume in volumes),
        len(header) + plan.wanted_bytes,
        resumed + (0 if partial.is_new else len(state.header)),
        plan.present_bytes - resumed,
        tuple(sorted(history.damaged)),
    )


def find_volumes(directories: Sequence[Path]) -> list[Volume]:
    """The volumes in some directories, whatever their names, 999 of each; drafts of an export do not count.

    Raises SourceRefused if a directory cannot be read, or there is no volume in any.
    """
    found: list[Volume] = []
    for directory in directories:
        try:
            paths = sorted(
                path for path in directory.iterdir() if path.suffix != PARTIAL_SUFFIX and presence.is_file(path)
            )
        except OSError as error:
            raise SourceRefused(
                f"{directory}: cannot be read: {error.strerror}; name a directory with volumes"
            ) from error
        found += islice(_volumes(paths), MAX_VOLUMES)
    if not found:
        raise SourceRefused(f"{', '.join(map(str, directories))}: there is no volume of 'unrep export' in there")
    return found


def _volumes(paths: Sequence[Path]) -> Iterator[Volume]:
    for path in paths:
        with suppress(Malformed, OSError):  # photos, a torn volume: what it would have brought is named as missing
            yield open_volume(path)


def _one_bundle(volumes: Sequence[Volume], trust: Trust) -> list[Headed]:
    """Those whose header verifies. Raises SourceRefused if they are of several bundles, Refused if there are none."""
    found: list[Headed] = []
    refused: Refused | None = None
    for volume in volumes:
        prefix = volume.prefix()
        try:
            verified = verify_header(prefix, trust)
            found.append(Headed(volume, prefix[: verified.header_bytes], verified))
        except Refused as error:
            refused = refused or named(error, volume.path)
    if not found and refused:
        raise refused
    bundles = {headed.verified.root_hash: describe(headed.verified.root) for headed in found}
    if len(bundles) > 1:
        raise SourceRefused(
            f"there are volumes of several bundles ({', '.join(bundles.values())}); name directories with those of one"
        )
    return found
