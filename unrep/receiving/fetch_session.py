"""What a command or the agent does at one time: look at sources, and fetch what leads to a release."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bundle.errors import NoSection
from bundle.host.progress import Progress, Quiet
from bundle.trust.trust import Trust
from transfer.channels.bundle_path import find_path
from transfer.channels.channel import ChannelBundle, ChannelRelease
from transfer.channels.offers import Offer
from transfer.channels.survey import Survey, SurveyRequest, survey
from transfer.config import TransferConfig
from transfer.errors import ConsentNeeded, SourceRefused
from transfer.fetch.path_fetch import PathFetch, PathRequest
from transfer.hours import Always, Hours
from transfer.links.access import NOTHING, Access, is_url
from transfer.links.budget import Budget
from transfer.plan import SiteHoldings
from unrep.receiving.channels import SeenChannels
from unrep.receiving.holdings import retained
from unrep.receiving.limits import Limits
from unrep.receiving.tickets import Recipient, TicketFetcher


@dataclass(frozen=True, kw_only=True)
class FetchSession:
    """What every part of it goes by. `product`: the only one that comes in, "" for any. `ticket`: brought by hand."""

    sources: Sequence[str]
    trust: Trust
    config: TransferConfig
    site: Path | None = None
    channel: str = ""
    product: str = ""
    allow_full: bool = False
    max_s: float | None = None
    bytes_per_s: int | None = None
    recipient: Recipient = field(default_factory=lambda: Recipient(None))
    ticket: Path | None = None
    access: Access = NOTHING
    budget: Budget = field(default_factory=Budget)
    hours: Hours = field(default_factory=Always)
    progress: Progress = field(default_factory=Quiet)
    say: Callable[[str], None] = lambda message: None

    def look(self, output: Path, config: TransferConfig | None = None, keep: bool = True) -> Survey:
        """What stands at the sources. A channel file that counts is kept at the site, if told. Raises StorageFailed.

        `output`: no source of itself. `config`: another than that of the fetch.
        """
        seen = SeenChannels(self.site, self.trust)
        found = survey(
            SurveyRequest(
                sources=self.sources,
                trust=self.trust,
                output=output,
                config=config or self.config,
                channel=self.channel,
                product=self.product,
                say=self.say,
                access=self.access,
                budget=self.budget,
                check=seen.check,
                kept=seen.kept,
            )
        )
        if found.channel and keep:
            seen.keep(found.channel)
        return found

    def choose(self, found: Survey, holdings: SiteHoldings | None) -> ChannelRelease:
        """The newest release that is wanted and can be reached.

        Raises SourceRefused where none is meant, or that may be of one product or of another. Raises what `find_path`
        does for the newest if none can be reached.
        """
        products = sorted({one.product for one in found.wanted})
        if len(products) != 1:
            of = f"there are bundles of {' and of '.join(products)}; name the one that is meant with --product"
            none = "no source says which release is meant; name a bundle, or a directory with a channel file"
            raise SourceRefused(of if products else none)
        if holdings:
            holdings.admit(products[0])
        failure: NoSection | ConsentNeeded | None = None
        for one in found.wanted:
            try:
                find_path(found.offers, holdings, one.release, self.allow_full)
            except (NoSection, ConsentNeeded) as error:
                failure = failure or error
            else:
                return one.release
        assert failure, "something is wanted"  # noqa: S101 - by the check of products
        raise failure

    def fetching(
        self,
        found: Survey,
        release: ChannelRelease,
        holdings: SiteHoldings | None,
        output: Callable[[ChannelBundle], Path],
    ) -> PathFetch:
        """What brings a release, from what the survey found."""
        request = PathRequest(
            release=release,
            trust=self.trust,
            output=output,
            holdings=holdings,
            allow_full=self.allow_full,
            config=self.config,
            access=self.access,
            hours=self.hours,
            budget=self.budget,
            progress=self.progress,
            say=self.say,
            retained=[*retained(self.site), *self._local(), *(path for one in found.offers for path in _paths(one))],
            check=Limits(self.site, self.budget, self.bytes_per_s, self.max_s).check,
            prepare=lambda offer, output: self.tickets(offer.places, output),
        )
        return PathFetch(request, found)

    def tickets(self, sources: tuple[str, ...], output: Path) -> TicketFetcher:
        """What brings the ticket of an encrypted bundle, before any section of it."""
        return TicketFetcher(
            self.recipient, sources, output, self.config, self.ticket, self.say, self.access, self.budget
        )

    def _local(self) -> list[Path]:
        """Whatever else lies there, such as the partial file of another fetch, may hold pieces."""
        return [Path(source) for source in self.sources if not is_url(source)]


def _paths(offer: Offer) -> Sequence[Path]:
    return offer.found.paths if offer.found else ()
