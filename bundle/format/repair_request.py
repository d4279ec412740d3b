"""Need lists: how a ship tells shore which files of its release are damaged. spec/format.md, section 11.

What is left of the release is a release like any other, with a tree hash of its own. Shore, which has the files of
the release, makes the same manifest and builds a delta from it: one message there, one bundle back.
"""

from collections.abc import Collection, Sequence
from itertools import accumulate, pairwise

import msgspec

from bundle.errors import Malformed
from bundle.format import canonical
from bundle.format.manifest import TreeManifest

NEED_VERSION = 1
MAX_NEED_BYTES = 4 * 1024 * 1024


class NeedList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`tree`: the tree hash of the damaged release; `damaged`: places in its manifest, the first and then the steps to
    the next; `left`: the tree hash of what is left."""

    need: int
    product: str
    tree: bytes
    damaged: list[int]
    left: bytes


def remainder(manifest: TreeManifest, damaged: Collection[int], platform: str) -> TreeManifest:
    """The manifest without the entries at those places."""
    gone = set(damaged)
    return TreeManifest.of([e for place, e in enumerate(manifest.entries, 1) if place not in gone], platform)


def write_need(product: str, manifest: TreeManifest, damaged: Sequence[int], platform: str) -> bytes:
    """The need list for a release of that product and manifest; `damaged` ascending."""
    steps = [after - before for before, after in pairwise((0, *damaged))]
    left = remainder(manifest, damaged, platform).tree_hash
    return canonical.encode(NeedList(NEED_VERSION, product, manifest.tree_hash, steps, left))


def read_need(data: bytes, name: str) -> NeedList:
    """Reads a need list; `name` is what messages call it. Raises Malformed [F-60]."""
    if len(data) > MAX_NEED_BYTES:
        raise Malformed(f"{name}: over {MAX_NEED_BYTES:,} bytes, no need list")
    need = canonical.decode(data, NeedList, name)
    if need.need != NEED_VERSION or len(need.tree) != 32 or len(need.left) != 32 or min(need.damaged, default=0) < 1:
        raise Malformed(f"{name}: not a need list of version {NEED_VERSION}")
    return need


def left_by(need: NeedList, manifest: TreeManifest, platform: str, name: str) -> TreeManifest:
    """What is left of the release with that manifest. Raises Malformed if the list is of another release [F-61]."""
    places = list(accumulate(need.damaged))
    if need.tree != manifest.tree_hash or places[-1:] > [len(manifest.entries)]:
        raise Malformed(
            f"{name}: is about a release with the tree hash {need.tree.hex()[:12]}, "
            f"and the base given has {manifest.tree_hash.hex()[:12]}"
        )
    left = remainder(manifest, places, platform)
    if left.tree_hash != need.left:
        raise Malformed(f"{name}: what it says is left does not come out; have it sent again")
    return left
