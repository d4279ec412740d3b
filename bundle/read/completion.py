"""The hashes of what the recipes of a section make, and the tree manifest that they complete [F-101].

No hash of such an object travels: the signed tree hash proves all of them at once. So nothing that was made counts
before the last object is made, and a wrong byte shows at the end. The hashes of all else are known from the start.
"""

from bundle.errors import Corrupt
from bundle.format.manifest import TreeManifest
from bundle.format.pieces import HASH_BYTES
from bundle.format.root import Root


class Completion:
    """Collects hashes by place. `draft`: the manifest with labels in their place."""

    def __init__(self, root: Root, draft: TreeManifest) -> None:
        self.draft = draft
        self._root = root
        self._hashes = bytearray(HASH_BYTES * len(draft.entries))
        self._manifest: TreeManifest | None = None

    def put(self, place: int, digest: bytes) -> None:
        """Says what was made for a place."""
        self._hashes[(place - 1) * HASH_BYTES : place * HASH_BYTES] = digest
        self._manifest = None

    def digest(self, place: int) -> bytes:
        """The hash of what was made for a place, zeros before that."""
        return bytes(self._hashes[(place - 1) * HASH_BYTES : place * HASH_BYTES])

    def manifest(self) -> TreeManifest:
        """The tree manifest of the release. Raises Corrupt unless it is the signed one: then an object is wrong."""
        if self._manifest is None:
            manifest = self.draft.completed(self._hashes)
            if manifest.tree_hash != self._root.tree:
                raise Corrupt(
                    "the release that the recipes make has another tree hash than the signed one; "
                    "which of the new files is wrong cannot be told"
                )
            self._manifest = manifest
        return self._manifest
