"""Room, budget and time of a path, checked before a byte of it is asked for [T-144]."""

from dataclasses import dataclass
from pathlib import Path

from apply.rebuild import preflight
from apply.rebuild.installed import installed_bases
from apply.rebuild.route import most_saved
from apply.record.database import read_state
from apply.site.layout import Site
from transfer.channels.bundle_path import BundlePath
from transfer.errors import ConsentNeeded
from transfer.links.budget import Budget

HOUR_S = 3600.0


@dataclass(frozen=True)
class Limits:
    """What a path may take. `bytes_per_s`: of the link, None if not known; `max_s`: at that rate, None for any."""

    site: Path | None
    budget: Budget
    bytes_per_s: int | None = None
    max_s: float | None = None

    def check(self, path: BundlePath) -> None:
        """Raises ConsentNeeded for a path that is not within budget or time, apply's DiskFull for one without room."""
        paid, most = path.paid_bytes, self.budget.max_bytes
        if most is not None and paid > most:
            raise ConsentNeeded(
                f"the cheapest way to {path.release.version} takes {paid:,} bytes, and {most:,} may be received; "
                "nothing was asked for, give a higher --max-bytes"
            )
        if self.max_s is not None and self.bytes_per_s and paid > self.bytes_per_s * self.max_s:
            raise ConsentNeeded(
                f"the cheapest way to {path.release.version} takes {paid:,} bytes, at {self.bytes_per_s:,} bytes per "
                f"second {paid / self.bytes_per_s / HOUR_S:.1f} hours, and {self.max_s / HOUR_S:.1f} are allowed; "
                "nothing was asked for, give a longer --max-time"
            )
        if self.site:
            site = Site.at(self.site)
            saved = most_saved(installed_bases(site, read_state(site).releases), site.staging)
            preflight.check_free(site, path.bytes + max(0, path.room - saved * min(2, len(path.steps))))
