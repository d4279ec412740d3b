"""The newest channel files that a site has seen: SITE/.unrep/channels/NAME.channel, as they came.

So an older one is refused, whoever brings it [T-147]. The file itself is kept, not its counter alone: it counts only
as long as whoever signed it may still speak, so a key that was stolen cannot stop a channel for good [R-19].
"""

from pathlib import Path

from apply.site import durable
from apply.site.layout import Site
from bundle.errors import Refused
from bundle.format import canonical
from bundle.host import presence
from bundle.host.files import make_directory, read_plain
from bundle.trust.trust import Trust
from transfer.channels.channel import Channel, file_name
from transfer.channels.signing import MAX_CHANNEL_BYTES, VerifiedChannel, verify_channel

SHARE_OF_ROOM = 4  # as for seq


class OlderChannel(Refused):
    """The channel file has a lower counter than one that this site has seen, or other content under the same one."""


class SeenChannels:
    """Those of one site; None for no site, which remembers nothing."""

    def __init__(self, site: Path | None, trust: Trust) -> None:
        self._site = Site.at(site) if site else None
        self._trust = trust

    def newest(self, channel: str) -> Channel | None:
        """What the newest file of that channel said, if it still counts."""
        data = self.kept(channel)
        return verify_channel(data, self._trust).channel if data else None

    def kept(self, channel: str) -> bytes | None:
        """The newest file of that channel, if it still counts."""
        if self._site is None:
            return None
        try:
            data = read_plain(self._site.channels / file_name(channel), MAX_CHANNEL_BYTES + 1)
            return verify_channel(data, self._trust).data
        except (OSError, Refused):
            return None

    def check(self, verified: VerifiedChannel) -> None:
        """Raises OlderChannel for one that must not count."""
        said = verified.channel
        seen = self.newest(said.channel)
        before = seen.counter if seen and seen.product == said.product else 0
        if said.counter < before:
            raise OlderChannel(
                f"channel {said.channel}: counter {said.counter} is older than {before}, which this site has seen; "
                "its bundles may still serve, ask shore for the newest channel file"
            )
        if seen and said.counter == before and said != seen:
            raise OlderChannel(f"channel {said.channel}: other content under counter {before} than before; ask shore")
        highest = before + (canonical.MAX_INTEGER - before) // SHARE_OF_ROOM
        if not verified.trust.chain and said.counter > highest:
            raise OlderChannel(f"channel {said.channel}: counter {said.counter} leaves too little room above it")

    def keep(self, verified: VerifiedChannel) -> None:
        """Keeps one that was checked, where something is or was installed. Raises StorageFailed."""
        site, said = self._site, verified.channel
        if site is None or not presence.is_directory(site.private) or self.newest(said.channel) == said:
            return
        with durable.storage_errors(site.channels):
            if make_directory(site.channels, 0o700):
                durable.sync_directory(site.private)
        durable.write_file(site.channels / said.file_name, verified.data)
