"""What a version takes of the disk, by what is really written: spec/apply.md, section 3 [A-15], [A-124].

Files that stay as they are may share their blocks with the base. Where they cannot, their holes stay holes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bundle.format.manifest import Kind, TreeManifest
from bundle.host.blocks import shares_blocks
from bundle.host.directories import Descent, Directory
from bundle.read.tree import DirectoryBase

BLOCK_BYTES: Final = 4096  # of NTFS, ext4 and XFS as they are made by default
MARGIN_BYTES: Final = 16 * 1024 * 1024  # for the record, the file system's log, and what the application writes
_LARGE_BYTES: Final = 1024 * 1024  # holes of smaller files are not worth a look


@dataclass(frozen=True)
class Savings:
    """What of a base need not be written again. `holes`: bytes that are not on disk, by the hash of the object.

    `shares`: whether whole files share their blocks, or are hard links.
    """

    base: TreeManifest
    shares: bool
    holes: Mapping[bytes, int] = field(default_factory=dict)

    @property
    def most_bytes(self) -> int:
        """So many bytes at most, if everything stays as it is."""
        return self.base.size if self.shares else sum(self.holes.values())


def look_for_savings(base: DirectoryBase, beside: Path, scratch: Path | None = None) -> Savings:
    """What a new version in directory `beside` saves. Nothing is left there. What cannot be read saves nothing.

    `scratch`: where a hard link is tried, if files are to be such links.
    """
    sizes = base.manifest.entries.sizes
    holes: dict[bytes, int] = {}
    is_shared: bool | None = None
    large = sorted((place for place, size in enumerate(sizes, 1) if size), key=lambda place: -sizes[place - 1])
    with Descent(base.directory) as descent:
        for place in large:
            if is_shared is not None and sizes[place - 1] < _LARGE_BYTES:
                break
            entry = base.manifest.entry(place)
            if entry.kind not in (Kind.FILE, Kind.EXECUTABLE):
                continue
            try:
                directory, name = descent.to(entry.path)
                if is_shared is None:
                    with directory.read(name) as file:
                        is_shared = shares_blocks(file, beside)
                    is_shared = is_shared or (scratch is not None and _can_link(directory, name, scratch))
                allocated = getattr(directory.status(name), "st_blocks", None)
            except OSError:
                continue
            if allocated is not None and allocated * 512 < entry.size:
                holes[entry.hash] = entry.size - allocated * 512
    return Savings(base.manifest, bool(is_shared), holes)


def _can_link(directory: Directory, name: str, scratch: Path) -> bool:
    """Whether the file system has hard links. None is left."""
    with Directory.open(scratch) as into:
        linked = directory.link_again(name, into, "link")
        if linked:
            into.unlink("link")
    return linked


def needed_bytes(manifest: TreeManifest, room_bytes: int, savings: Savings | None = None) -> int:
    """What the version takes on disk, in whole blocks, and the room for intermediate results [F-64]."""
    made = manifest.needed(savings.base if savings else None)
    written = (
        _saved(savings, manifest, place, size) if savings and place not in made else size
        for place, size in enumerate(manifest.entries.sizes, 1)
    )
    return sum(-(-size // BLOCK_BYTES) * BLOCK_BYTES for size in written) + room_bytes + MARGIN_BYTES


def _saved(savings: Savings, manifest: TreeManifest, place: int, size: int) -> int:
    """What is written of an object that is there already."""
    if savings.shares:
        return min(size, 1)  # a block, for what the file system keeps of a file; a tiny one is in there itself
    return size - savings.holes.get(manifest.entry(place).hash, 0) if size >= _LARGE_BYTES else size
