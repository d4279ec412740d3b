"""The files of the channels at the destinations [P-13]: written last, so that all that they name is there.

The record decides what a channel names. A destination whose file has a lower counter is behind: a run that was killed,
or a share that was gone, is made good by the next one. One whose file has a higher counter is ahead: the repository was
restored from an older copy, and follows.
"""

from collections.abc import Mapping, Sequence

from bundle.errors import Refused
from bundle.trust.signing import Signer, verifying_key
from bundle.trust.trust import Trust
from repository.distribution.destinations import open_stored
from repository.errors import ChannelRefused
from repository.layout import Repository
from repository.record.database import Channel, Record, Release
from repository.settings import Settings
from transfer.channels.channel import Channel as ChannelFile
from transfer.channels.channel import ChannelBundle, ChannelRelease, file_name
from transfer.channels.signing import Composed, compose, verify_channel
from transfer.errors import OutputRefused
from transfer.publishing.backend import Backend
from transfer.publishing.destination import read_channel


def catch_up(
    backends: Sequence[Backend],
    settings: Settings,
    record: Record,
    signer: Signer,
    trust: Trust | None,
    *,
    dry_run: bool = False,
) -> int:
    """The highest counter of a channel at the destinations, 0 for none.

    A channel file there that is ahead of the record, and is our own, is taken over: the repository was restored from
    an older copy. Otherwise channels would go back, and numbers of releases would be used twice. Raises OutputRefused
    for a file of another product, and for a release or a bundle that the record lacks.
    """
    releases = {(release.epoch, release.seq): release for release in record.releases()}
    counters = {channel.name: channel.counter for channel in record.channels()}
    judge = trust or Trust.of_maker((verifying_key(signer),))
    highest, ahead = 0, dict[str, tuple[str, int]]()
    for backend in backends:
        for name in sorted({*settings.channels, *counters}):
            there = read_channel(backend, name)
            if there is None:
                continue
            data, found = there
            release = _named(backend, found, settings, releases)
            highest = max(highest, found.counter)
            if found.counter > counters.get(name, 0) and _is_own(data, judge):
                _check_known(backend, settings, record)
                counters[name] = found.counter
                ahead[name] = release.version, found.counter
    for name, (version, counter) in ahead.items():
        if not dry_run:
            record.take_over(name, version, counter)
    return highest


def _check_known(backend: Backend, settings: Settings, record: Record) -> None:
    """Raises OutputRefused for a bundle that the record lacks: a ship may have it, so its number is in use."""
    known = {bundle.file for bundle in record.bundles()}
    begins = f"{settings.product}-"
    lost = [name for name in backend.names() if name.startswith(begins) and name.endswith(".unrep")]
    if lost := [name for name in lost if name not in known]:
        raise OutputRefused(
            f"{backend.name}: has {', '.join(lost[:3])}{' and others' if len(lost) > 3 else ''}, which this repository "
            "does not know: it was restored from an older copy; 'unrep repo import' them from there, the oldest first"
        )


def _named(
    backend: Backend, found: ChannelFile, settings: Settings, known: Mapping[tuple[int, int], Release]
) -> Release:
    """The release that a channel file names. Raises OutputRefused."""
    where = f"{backend.name}: {file_name(found.channel)!r} names {found.describe()}"
    if found.product != settings.product:
        raise OutputRefused(f"{where}; publish {settings.product} to a place of its own")
    release = known.get(found.release.mark)
    if release is None or release.tree != found.release.tree:
        file = next((bundle.file for bundle in found.bundles if bundle.release == found.release), "its bundle")
        raise OutputRefused(
            f"{where}, which this repository does not know: it was restored from an older copy, or another one "
            f"publishes there; 'unrep repo import' {file} from there, or choose another place"
        )
    return release


def _is_own(data: bytes, judge: Trust) -> bool:
    """Whether a channel file is signed as this repository signs: another's says nothing of what ships were told."""
    try:
        verify_channel(data, judge)
    except Refused:
        return False
    return True


def composed(
    repository: Repository, record: Record, settings: Settings, channel: Channel, signer: Signer, trust: Trust | None
) -> Composed:
    """The file of a channel, signed. Raises InputError, Damaged or Refused."""
    releases = {release.version: release for release in record.releases()}
    named = releases[channel.release]
    bundles = []
    for bundle in record.bundles("published"):
        if releases[bundle.release].order <= named.order:
            with open_stored(repository, bundle) as opened:
                bundles.append(ChannelBundle.of(opened.verified, bundle.file))
    release = ChannelRelease(named.version, named.epoch, named.seq, named.tree)
    said = ChannelFile(settings.product, channel.name, channel.counter, release, bundles)
    return compose(said, [signer], trust, settings.trust_from)


def announce_all(
    repository: Repository,
    record: Record,
    settings: Settings,
    backends: Sequence[Backend],
    signer: Signer,
    trust: Trust | None,
) -> int:
    """Puts the file of every channel to each destination that does not have it as the record says it.

    Signs only what has to be put. Returns how many bundles the files have no room for. Raises what `composed` raises,
    OutputRefused, DiskFull or Incomplete.
    """
    dropped = 0
    for channel in record.channels():
        lacking = [backend for backend in backends if not _is_there(backend, channel)]
        if lacking:
            file = composed(repository, record, settings, channel, signer, trust)
            dropped += len(file.dropped)
            for backend in lacking:
                backend.replace(file_name(channel.name), file.data)
    return dropped


def _is_there(backend: Backend, channel: Channel) -> bool:
    there = read_channel(backend, channel.name)
    return there is not None and there[1].counter == channel.counter


def check_forward(record: Record, name: str, release: Release, *, go_back: bool = False) -> None:
    """Raises ChannelRefused for a channel that names a newer release already, unless that is meant."""
    channel = record.channel(name)
    now = channel and record.release(channel.release)
    if now and release.order < now.order and not go_back:
        raise ChannelRefused(
            f"channel {name!r}: names {now.version} (seq {now.seq}) already, and {release.version} is older; ships go "
            "up only, so release its content under a new version, or name it all the same with --go-back"
        )
