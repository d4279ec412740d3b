"""Repair requests: how a ship tells shore which files of its release are damaged. spec/format.md, section 11.

What is left of the release is a release like any other, with a tree hash of its own. Shore has the files of the
release. It makes the same manifest and builds a delta from it: one message there, one bundle back.
"""

from collections.abc import Sequence
from itertools import accumulate, pairwise

import msgspec

from bundle.errors import Malformed
from bundle.format import canonical
from bundle.format.manifest import TreeManifest
from bundle.format.pieces import HASH_BYTES

REPAIR_REQUEST_VERSION = 1
MAX_REPAIR_REQUEST_BYTES = 4 * 1024 * 1024


class RepairRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`tree`: the tree hash of the damaged release. `damaged`: places in its manifest, the first and then the steps to
    the next. `left`: the tree hash of what is left."""

    need: int
    product: str
    tree: bytes
    damaged: list[int]
    left: bytes


def write_repair_request(product: str, manifest: TreeManifest, damaged: Sequence[int]) -> bytes:
    """The repair request for a release of that product and manifest. `damaged` ascending."""
    steps = [after - before for before, after in pairwise((0, *damaged))]
    left = manifest.without(frozenset(damaged)).tree_hash
    return canonical.encode(RepairRequest(REPAIR_REQUEST_VERSION, product, manifest.tree_hash, steps, left))


def read_repair_request(data: bytes, name: str) -> RepairRequest:
    """Reads a repair request. `name` is what messages call it. Raises Malformed [F-60]."""
    if len(data) > MAX_REPAIR_REQUEST_BYTES:
        raise Malformed(f"{name}: over {MAX_REPAIR_REQUEST_BYTES:,} bytes, no repair request")
    request = canonical.decode(data, RepairRequest, name)
    hashes = (request.tree, request.left)
    if (
        request.need != REPAIR_REQUEST_VERSION
        or any(len(found) != HASH_BYTES for found in hashes)
        or min(request.damaged, default=0) < 1
    ):
        raise Malformed(f"{name}: not a repair request of version {REPAIR_REQUEST_VERSION}")
    return request


def left_by(request: RepairRequest, manifest: TreeManifest, name: str) -> TreeManifest:
    """What is left of the release with that manifest. Raises Malformed if it is about another release [F-61]."""
    places = list(accumulate(request.damaged))
    if request.tree != manifest.tree_hash or places[-1:] > [len(manifest.entries)]:
        raise Malformed(
            f"{name}: is about a release with the tree hash {request.tree.hex()[:12]}, "
            f"and the base given has {manifest.tree_hash.hex()[:12]}"
        )
    left = manifest.without(frozenset(places))
    if left.tree_hash != request.left:
        raise Malformed(f"{name}: what it says is left does not come out; have it sent again")
    return left
