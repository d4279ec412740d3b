"""A release as a channel file or a header announces it, before its bundle is here."""

from apply.record.release import Release
from transfer.channels.channel import ChannelRelease


def announced(said: ChannelRelease) -> Release:
    """The release for admission; platform and bundle are not known yet."""
    return Release(
        version=said.version, seq=said.seq, epoch=said.epoch, tree=said.tree.hex(), platform="any", bundle=""
    )
