"""What a channel file says: a release, and the bundles that lead to it and to those before it [T-139], [T-140].

It names few bytes of each base and what a ship pays from there, so that a ship can choose its path before it asks for
any bundle. Nothing here is trusted before `transfer.channels.signing` has verified it.
"""

import re

import msgspec

from bundle.errors import Malformed
from bundle.format import canonical
from bundle.format.root import Root, check_product
from bundle.names.paths import check_version
from bundle.names.plain_text import excerpt
from bundle.read.reader import VerifiedRoot, stored_bytes

CHANNEL_SUFFIX = ".channel"
DEFAULT_CHANNEL = "stable"
TREE_ID_BYTES = 8

_HASH_BYTES = 32
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_DEVICE = re.compile(r"con|prn|aux|nul|(com|lpt)[0-9]")  # no file of Windows may be called NAME.channel
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,199}")


class ChannelRelease(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A release, as in the root of its bundles. `tree`: the whole hash."""

    version: str
    epoch: int
    seq: int
    tree: bytes

    @property
    def mark(self) -> tuple[int, int]:
        """What grows from release to release."""
        return self.epoch, self.seq

    @property
    def tree_id(self) -> bytes:
        """What names its tree among bases."""
        return self.tree[:TREE_ID_BYTES]

    @classmethod
    def of(cls, root: Root) -> "ChannelRelease":
        """The release that a root describes."""
        return cls(root.version, root.epoch, root.seq, root.tree)


class ChannelBase(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A base of a bundle: the first bytes of its tree hash, and how many bytes of the bundle a ship fetches from it."""

    tree_id: bytes
    bytes: int


class ChannelBundle(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A bundle beside the channel file.

    length, root     of the file in bytes; SHA-256 of its root
    release          the one that it leads to
    room             bytes on disk that rebuilding takes: the release's files, and the largest room of a section
    full             bytes that a ship fetches of it without a base, header included; 0 if it has no full section
    bases            from which it leads there
    """

    file: str
    length: int
    root: bytes
    release: ChannelRelease
    room: int
    full: int
    bases: list[ChannelBase]

    @classmethod
    def of(cls, verified: VerifiedRoot, file: str) -> "ChannelBundle":
        """What a channel file says of the bundle with that header, which stands beside it under that name."""
        root = verified.root
        costs = {section.base: verified.header_bytes + stored_bytes(root, section) for section in root.sections}
        return cls(
            file=file,
            length=verified.total_bytes,
            root=verified.root_hash,
            release=ChannelRelease.of(root),
            room=root.size + max((section.room for section in root.sections), default=0),
            full=costs.pop(b"", 0),
            bases=[ChannelBase(base[:TREE_ID_BYTES], cost) for base, cost in costs.items()],
        )


class Channel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a channel file says. `counter` grows whenever anything else in it changes; `bundles`: the newest first."""

    product: str
    channel: str
    counter: int
    release: ChannelRelease
    bundles: list[ChannelBundle]

    @property
    def file_name(self) -> str:
        """The name of its file."""
        return file_name(self.channel)

    def describe(self) -> str:
        """The release in words for messages."""
        return f"{self.product} {self.release.version} (seq {self.release.seq})"

    def says_the_same(self, other: "Channel") -> bool:
        """Whether both differ in their counters at most."""
        return msgspec.structs.replace(self, counter=other.counter) == other


def file_name(channel: str) -> str:
    """The name of a channel's file."""
    return f"{channel}{CHANNEL_SUFFIX}"


def next_counter(before: int, now: float) -> int:
    """The counter that follows on `before`, 0 for none.

    At least the time: so a file that was lost, or one that begins in another directory, is not older than the last.
    """
    return max(before + 1, int(now))


def sorted_bundles(bundles: list[ChannelBundle]) -> list[ChannelBundle]:
    """The newest release first; of one release in the order of names."""
    return sorted(bundles, key=lambda one: (*(-value for value in one.release.mark), one.file))


def check_name(channel: str) -> None:
    """Raises Malformed unless it can be a channel's name [T-138]."""
    if not _NAME.fullmatch(channel) or _DEVICE.fullmatch(channel):
        raise Malformed(f"channel {excerpt(channel)!r}: use 1 to 32 lower-case letters, digits, '_' and '-'")


def check_channel(found: Channel) -> None:
    """Raises Malformed for a value out of its bounds [T-139], [T-140]."""
    check_product(found.product)
    check_name(found.channel)
    _check_within(found.counter, 1, "counter")
    _check_release(found.release)
    if len({bundle.file for bundle in found.bundles}) != len(found.bundles):
        raise Malformed("channel file: two bundles of one name")
    for bundle in found.bundles:
        _check_bundle(bundle)


def _check_bundle(bundle: ChannelBundle) -> None:
    if not _FILE_NAME.fullmatch(bundle.file):
        raise Malformed(f"channel file: bundle {excerpt(bundle.file)!r} is not a plain file name")
    _check_release(bundle.release)
    if len(bundle.root) != _HASH_BYTES:
        raise Malformed(f"channel file: root of {len(bundle.root)} bytes instead of a SHA-256")
    _check_within(bundle.length, 1, "length")
    _check_within(bundle.room, 0, "room")
    for value in (bundle.full, *(base.bytes for base in bundle.bases)):
        if not 0 <= value <= bundle.length:
            raise Malformed(f"channel file: {bundle.file} cannot cost {value} bytes of its {bundle.length}")
    ids = [base.tree_id for base in bundle.bases]
    if any(len(tree_id) != TREE_ID_BYTES for tree_id in ids) or len(set(ids)) != len(ids):
        raise Malformed(f"channel file: bases of {bundle.file} are not 8 bytes each, each once")


def _check_release(release: ChannelRelease) -> None:
    check_version(release.version)
    _check_within(release.epoch, 0, "epoch")
    _check_within(release.seq, 1, "seq")
    if len(release.tree) != _HASH_BYTES:
        raise Malformed(f"channel file: tree of {len(release.tree)} bytes instead of a SHA-256")


def _check_within(value: int, least: int, name: str) -> None:
    if not least <= value <= canonical.MAX_INTEGER:
        raise Malformed(f"channel file: {name} {value} is not within {least} to 2^53 - 1")
