"""Publishing: the bundle first, under a name of its own, then the channel file that leads to it [T-50].

Whatever interrupts it, the channel names a release whose bundles are there whole: the one before, or the new one. The
same call again does what is left to do, and nothing if all is done.
"""

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from bundle.errors import InputError, Malformed, Refused
from bundle.host.progress import Progress
from bundle.read.reader import open_bundle, open_for_display
from bundle.trust.signing import Signer, verifying_key
from bundle.trust.trust import Trust
from transfer.channels.channel import (
    DEFAULT_CHANNEL,
    Channel,
    ChannelBundle,
    ChannelRelease,
    check_name,
    file_name,
    next_counter,
)
from transfer.channels.signing import Composed, compose, verify_channel
from transfer.disk.lock import output_lock
from transfer.errors import OutputRefused
from transfer.publishing.backend import Backend
from transfer.publishing.destination import published_name, read_channel, send_bundle, send_tickets
from transfer.publishing.directory import DirectoryBackend

_LOCK_NAME = "publishing"  # all channels of a directory share bundles


@dataclass(frozen=True)
class ChannelMove:
    """How a channel is to be moved. `trust`: whose trust roots its file brings along.

    go_back   it may name an older release than it does [T-53]
    """

    signers: Sequence[Signer]
    name: str = DEFAULT_CHANNEL
    trust: Trust | None = None
    go_back: bool = False

    @property
    def proving(self) -> Trust:
        """The trust under which a channel file that is there counts as shore's own."""
        return self.trust or Trust.of_maker(tuple(verifying_key(signer) for signer in self.signers))


@dataclass(frozen=True)
class Published:
    """What came of it. `added`: the bundle was not there before. `moved`: the channel file was written.

    made      the channel file, None if none was to be written
    tickets   how many of an encrypted bundle were put there, or others in their place
    forgot    why bundles of a channel file that was there are not in the new one; "" if they are
    """

    product: str
    bundle: ChannelBundle
    added: bool
    moved: bool
    tickets: int
    made: Composed | None = None
    forgot: str = ""


def publish(path: Path, backend: Backend, move: ChannelMove | None, progress: Progress) -> Published:
    """Publishes a bundle file, and moves a channel to its release. Without a move, channels stay as they are.

    Raises InputError or Refused for the bundle or the channel's name, OutputRefused, OutputBusy, DiskFull or Incomplete
    for the backend.
    """
    if move:
        _check_channel_name(move.name)
    opened = open_bundle(path, move.proving) if move else open_for_display(path)
    with opened as bundle, _turn(backend):
        said, product = ChannelBundle.of(bundle.verified, published_name(bundle)), bundle.root.product
        standing = _standing(backend, move, product, said.release) if move else None
        added = send_bundle(bundle, backend, progress)
        tickets = send_tickets(bundle, backend) if bundle.root.is_encrypted else 0
        if move is None or standing is None:
            return Published(product, said, added, False, tickets)
        channel = _moved(standing.channel, move.name, product, said)
        made = compose(channel, move.signers, move.trust)
        moved = standing.channel is None or not made.channel.says_the_same(standing.channel)
        if moved:
            backend.replace(file_name(move.name), made.data)
    return Published(product, said, added, moved, tickets, made, standing.forgot)


@dataclass(frozen=True)
class _Standing:
    """The channel file that is there, if it is shore's own."""

    channel: Channel | None
    forgot: str = ""


def _standing(backend: Backend, move: ChannelMove, product: str, release: ChannelRelease) -> _Standing:
    """Raises OutputRefused rather than name another product, or an older release unasked [T-53].

    Only what verifies is signed again: whoever may write to the backend must not have us sign what they like.
    """
    found = read_channel(backend, move.name)
    if found is None:
        return _Standing(None)
    (data, there), name = found, file_name(move.name)
    where = f"{backend.name}: {name}"
    if there.product != product:
        raise OutputRefused(f"{where} names {there.describe()}; publish {product} to a place of its own")
    older = release.mark < there.release.mark
    if not move.go_back and (older or (release.mark == there.release.mark and release.tree != there.release.tree)):
        raise OutputRefused(
            f"{where} names {there.describe()} already, and this is {release.version} (seq {release.seq}); "
            "build it with a higher --seq, or name the older one all the same with --go-back"
        )
    try:
        return _Standing(verify_channel(data, move.proving).channel)
    except Refused as error:
        return _Standing(None, f"the bundles that {name} named are not in the new one: {error}")


def _moved(before: Channel | None, name: str, product: str, said: ChannelBundle) -> Channel:
    """The channel at that release, with its bundle beside those that were named before."""
    others = [one for one in (before.bundles if before else ()) if one.file != said.file]
    counter = next_counter(before.counter if before else 0, time.time())
    return Channel(product, name, counter, said.release, [said, *others])


def _check_channel_name(name: str) -> None:
    try:
        check_name(name)
    except Malformed as error:
        raise InputError(str(error)) from error


def _turn(backend: Backend) -> AbstractContextManager[None]:
    """Two at once into one directory would write one draft. An object store keeps uploads apart by itself."""
    if isinstance(backend, DirectoryBackend):
        return output_lock(Path(backend.name) / _LOCK_NAME, "publishing to")
    return nullcontext()
