"""One volume: a part of a bundle file on a medium that is too small for all of it [T-70].

    offset   size   meaning
         0      8   magic, "VOLUME1" and a line feed
         8      4   length m of the map in bytes, unsigned, little-endian
        12      m   map: canonical msgpack
      12+m          the bytes of the map's stretches, one after the other

Every volume begins with the bundle's header. The hash tables come before the pieces that they name. So each volume can
be verified by itself, in any order. The map is not signed. A wrong map costs only the pieces that it is wrong about,
because every piece is verified under the root.
"""

import struct
from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path

import msgspec

from bundle.errors import Malformed
from bundle.format import canonical
from bundle.format.layout import MAX_ROOT_BYTES, MAX_SIGNATURES_BYTES, PREAMBLE_BYTES
from bundle.format.root import Root
from bundle.host.files import open_plain

MAGIC = b"VOLUME1\n"
VOLUME_SUFFIX = ".volume"
MAX_MAP_BYTES = 256 * 1024
MAX_VOLUMES = 999
MAX_HEADER_BYTES = PREAMBLE_BYTES + MAX_ROOT_BYTES + MAX_SIGNATURES_BYTES

_LENGTH = struct.Struct("<I")
_HEAD_BYTES = len(MAGIC) + _LENGTH.size


class VolumeMap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`number` counts from 1 to `count`; `stretches` are (offset, length) in bytes of the bundle file, ascending."""

    number: int
    count: int
    stretches: list[tuple[int, int]]

    def pack(self) -> bytes:
        """What stands before the stretches."""
        encoded = canonical.encode(self)
        return MAGIC + _LENGTH.pack(len(encoded)) + encoded


@dataclass(frozen=True)
class Volume:
    """A volume that was found on a medium. Nothing that it says is verified."""

    path: Path
    map: VolumeMap
    data_offset: int

    def read(self, offset: int, length: int) -> bytes:
        """Unverified bytes of the bundle file, or none if they are not all on this volume, or cannot be read."""
        start, available = self.find(offset)
        if length > available:
            return b""
        try:
            with open_plain(self.path, buffered=True) as file:
                file.seek(start)
                return file.read(length)
        except OSError:
            return b""  # a bad sector, or a medium that was pulled out: the piece may be on another

    def is_torn(self) -> bool:
        """Whether the file is shorter than its map says, or cannot be read at all."""
        try:
            return self.path.stat().st_size < self.data_offset + sum(size for _, size in self.map.stretches)
        except OSError:
            return True

    def find(self, offset: int) -> tuple[int, int]:
        """(place in the volume, how many bytes follow there) of an offset in the bundle file; (0, 0) if not here."""
        firsts, starts = self._places
        at = bisect_right(firsts, offset) - 1
        if at < 0 or offset >= firsts[at] + self.map.stretches[at][1]:
            return 0, 0
        within = offset - firsts[at]
        return starts[at] + within, self.map.stretches[at][1] - within

    @cached_property
    def _places(self) -> tuple[list[int], list[int]]:
        """Where each stretch begins, in the bundle and here: a map may have tens of thousands."""
        sizes = (size for _, size in self.map.stretches)
        return [first for first, _ in self.map.stretches], list(accumulate(sizes, initial=self.data_offset))

    def prefix(self) -> bytes:
        """What is here of the bundle's first bytes: the header, and what may follow it."""
        first, size = self.map.stretches[0]
        return self.read(0, min(size, MAX_HEADER_BYTES)) if first == 0 else b""


def open_volume(path: Path) -> Volume:
    """Raises Malformed if that file is no volume, OSError if it cannot be read."""
    with open_plain(path, buffered=True) as file:
        head = file.read(_HEAD_BYTES)
        if len(head) < _HEAD_BYTES or not head.startswith(MAGIC):
            raise Malformed("no volume of a bundle")
        (length,) = _LENGTH.unpack_from(head, len(MAGIC))
        if length > MAX_MAP_BYTES:
            raise Malformed(f"a map of {length:,} bytes is over {MAX_MAP_BYTES:,}")
        encoded = file.read(length)
    found = canonical.decode(encoded, VolumeMap, "map")
    _check(found)
    return Volume(path, found, _HEAD_BYTES + length)


def _check(found: VolumeMap) -> None:
    if not 1 <= found.number <= found.count <= MAX_VOLUMES or not found.stretches:
        raise Malformed(f"volume {found.number} of {found.count}, with {len(found.stretches)} stretches")
    end = 0
    for offset, length in found.stretches:
        if offset < end or length < 1 or offset + length > canonical.MAX_INTEGER:
            raise Malformed("the stretches of its map overlap or are out of bounds")
        end = offset + length


def merged(stretches: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """(offset, length) in ascending order, those side by side made one."""
    found: list[tuple[int, int]] = []
    for offset, length in sorted(stretches):
        if found and sum(found[-1]) == offset:
            found[-1] = (found[-1][0], found[-1][1] + length)
        else:
            found.append((offset, length))
    return found


def what_is_missing(
    output: Path, root: Root, missing_bytes: int, volumes: Sequence[Volume], damaged: Collection[Path] = ()
) -> str:
    """A sentence that names the volumes that were not found, and those that are damaged or torn."""
    count = max(volume.map.count for volume in volumes)
    absent = sorted(set(range(1, count + 1)) - {volume.map.number for volume in volumes})
    spoilt = {*damaged, *(volume.path for volume in volumes if volume.is_torn())}
    which = [f"volume {', '.join(map(str, absent))} of {count}"] if absent else []
    if spoilt or not absent:
        names = f" ({', '.join(map(str, sorted(spoilt)))})" if spoilt else ""
        which.append(f"a good copy of the damaged volumes{names}")
    return (
        f"{output}: {missing_bytes:,} bytes of {root.product} {root.version} are missing; run again with "
        f"{' and '.join(which)}, or with another source, what is there is kept"
    )
