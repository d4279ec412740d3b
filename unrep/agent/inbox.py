"""SITE/.unrep/inbox: what the agent has fetched or is fetching, each bundle under the name of its root.

So a bundle that began on a stick goes on over the link, and the one that waits for its window needs no source any more.
"""

import re
from pathlib import Path

from apply.record.high_water import Mark
from apply.record.state import SiteState
from apply.site import durable
from apply.site.layout import Site
from bundle.host.files import make_directory
from transfer.channels.channel import ChannelBundle

_NAME = re.compile(r"(\d{1,20})-(\d{1,20})-[0-9a-f]{16}\.unrep(?:\.part|\.lock|\.state|\.tickets|\.steps)?", re.ASCII)
_SUFFIX = ".unrep"


class Inbox:
    """A site's bundles on their way; only its one agent changes it."""

    def __init__(self, site: Site) -> None:
        self._directory = site.inbox

    def open(self) -> None:
        """Makes the directory. Raises StorageFailed."""
        with durable.storage_errors(self._directory):
            make_directory(self._directory, 0o700)
        durable.sync_directory(self._directory.parent)

    def place(self, said: ChannelBundle) -> Path:
        """Where that bundle goes."""
        epoch, seq = said.release.mark
        return self._directory / f"{epoch}-{seq}-{said.root.hex()[:16]}{_SUFFIX}"

    def complete(self, state: SiteState) -> list[Path]:
        """The complete bundles that the site has not settled yet, the newest first."""
        found = [(mark, path) for mark, path in self._bundles() if path.suffix == _SUFFIX]
        return [path for mark, path in sorted(found, reverse=True) if not is_settled(state, mark)]

    def clear(self, state: SiteState) -> None:
        """Removes what is settled, complete or not, and what is nothing of ours. Raises StorageFailed."""
        wanted = {path for mark, path in self._bundles() if not is_settled(state, mark)}
        with durable.storage_errors(self._directory):
            for path in list(self._directory.iterdir()):
                if path not in wanted:
                    durable.remove_tree(path)

    def _bundles(self) -> list[tuple[Mark, Path]]:
        with durable.storage_errors(self._directory):
            named = [(_NAME.fullmatch(path.name), path) for path in self._directory.iterdir()]
        return [((int(found[1]), int(found[2])), path) for found, path in named if found]


def is_settled(state: SiteState, mark: Mark) -> bool:
    """Whether the site has done with releases of that mark: it runs, it failed here, or a newer one was accepted."""
    accepted = state.high_water
    if accepted is None or mark > accepted.mark:
        return False
    if mark < accepted.mark:
        return True
    runs = state.current is not None and state.current.tree == accepted.tree and state.pending is None
    failed = any(q.tree == accepted.tree and mark <= (q.epoch, q.seq) for q in state.quarantined)
    return runs or failed
