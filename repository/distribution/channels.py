"""The files of the channels at the destinations [P-13]: written last, so that all that they name is there.

The record decides what a channel names. A destination whose file has another counter is behind: a run that was killed,
or a share that was gone, is made good by the next one.
"""

from collections.abc import Sequence

from bundle.trust.signing import Signer
from bundle.trust.trust import Trust
from repository.distribution.destinations import open_stored
from repository.errors import ChannelRefused
from repository.layout import Repository
from repository.record.database import Channel, Record, Release
from repository.settings import Settings
from transfer.channels.channel import Channel as ChannelFile
from transfer.channels.channel import ChannelBundle, ChannelRelease, file_name
from transfer.channels.signing import Composed, compose
from transfer.errors import OutputRefused
from transfer.publishing.backend import Backend
from transfer.publishing.destination import read_channel


def check_destination(backend: Backend, settings: Settings, record: Record) -> int:
    """The highest counter of a channel there, 0 for none.

    Raises OutputRefused for a channel file of another product, or one that names a release which the record lacks: the
    repository was restored from an older copy, or another one publishes there.
    """
    seqs = {(release.epoch, release.seq): release.tree for release in record.releases()}
    highest = 0
    for name in sorted({*settings.channels, *(channel.name for channel in record.channels())}):
        there = read_channel(backend, name)
        if there is None:
            continue
        _, found = there
        where = f"{backend.name}: {file_name(name)!r} names {found.describe()}"
        if found.product != settings.product:
            raise OutputRefused(f"{where}; publish {settings.product} to a place of its own")
        if seqs.get(found.release.mark) != found.release.tree:
            raise OutputRefused(
                f"{where}, which this repository does not know: it was restored from an older copy, or another one "
                "publishes there; import that release with 'unrep repo import', or choose another place"
            )
        highest = max(highest, found.counter)
    return highest


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
