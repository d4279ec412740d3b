"""What the pages show: the repository and the record, read anew for each page."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from fleet.record.database import Database
from fleet.reports.costs import SectionCost, section_costs
from fleet.reports.shore import Shore
from repository.distribution.destinations import open_stored
from repository.layout import Repository
from repository.record.database import Bundle
from repository.settings import load_settings
from repository.store.objects import ObjectStore

_COSTS_KEPT: Final = 64


@dataclass
class Office:
    """A repository with its fleet. What a bundle costs is kept, for a bundle never changes."""

    repository: Repository
    database: Database
    product: str
    _costs: OrderedDict[bytes, list[SectionCost]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def shore(self) -> Shore:
        """Releases, channels and settings as they are now. Raises RepositoryError."""
        return Shore.read(self.repository, load_settings(self.repository.settings_file))

    def costs(self, shore: Shore, bundle: Bundle) -> list[SectionCost]:
        """Which files make up the bytes of a bundle. One bundle is looked into at a time. Raises Damaged or Refused."""
        with self._lock:
            if bundle.root not in self._costs:
                self._costs[bundle.root] = self._read(shore, bundle)
                while len(self._costs) > _COSTS_KEPT:
                    self._costs.popitem(last=False)
            return self._costs[bundle.root]

    def _read(self, shore: Shore, bundle: Bundle) -> list[SectionCost]:
        store = ObjectStore(self.repository, shore.settings.platform)
        with open_stored(self.repository, bundle) as opened:
            tree = opened.root.tree
            manifests = {tree: store.manifest(tree)} if store.has_tree(tree) else {}
            return section_costs(opened, manifests)
