"""What a fetch is asked to do: from where, into which file, for whom, and within which limits."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from bundle.host.clock import Clock, SystemClock
from bundle.host.progress import Progress, Quiet
from bundle.read.reader import VerifiedRoot
from bundle.trust.trust import Trust
from transfer.config import TransferConfig
from transfer.hours import Always, Hours
from transfer.links.budget import Budget
from transfer.links.contract import LinkSet
from transfer.plan import SiteHoldings


@dataclass(frozen=True, kw_only=True)
class FetchRequest:
    """One bundle, from one or several sources into one file.

    links              the open links to the sources, and files and directories that may hold pieces
    holdings           what the site has, if the bundle is for one; None: all sections are fetched
    allow_full         whether the full release may be fetched for a site that holds releases, but none with a delta
                       from it
    hours              when links that cost something may be used
    budget             what those may cost, with what was received before for a channel file; None: as `config` says
    say                reports waiting, sources that are lost, and files that are given up
    before_sections    called with the verified root before any section is fetched; what it raises ends the fetch
    jitter             spreads retries
    """

    links: LinkSet
    trust: Trust
    output: Path
    holdings: SiteHoldings | None = None
    allow_full: bool = False
    config: TransferConfig = field(default_factory=TransferConfig)
    hours: Hours = field(default_factory=Always)
    budget: Budget | None = None
    clock: Clock = field(default_factory=SystemClock)
    progress: Progress = field(default_factory=Quiet)
    say: Callable[[str], None] = lambda message: None
    before_sections: Callable[[VerifiedRoot], None] = lambda verified: None
    jitter: Random = field(default_factory=Random)
