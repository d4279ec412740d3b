"""What is new ashore, and getting it: a header from each source, then the best bundle among them [A-61].

Sources are asked in their order. The newest release that the site admits is fetched, from all sources that have it at
once. If that fails, the next older release is tried.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from apply.errors import AboardError
from apply.record.admission import needs_installing
from apply.record.state import Release, SiteState
from apply.site.layout import Site
from apply.site.ship_key import ship_key_file
from bundle.errors import BundleError
from bundle.host import presence
from bundle.host.progress import Quiet
from bundle.read.reader import VerifiedRoot
from transfer.disk.output import describe
from transfer.errors import Incomplete, TransferError
from transfer.fetch.fetch import Fetch
from transfer.fetch.figures import Figures
from transfer.fetch.request import FetchRequest
from transfer.links.access import is_url, shown_source
from transfer.links.budget import Budget
from transfer.links.opening import open_sources
from transfer.publishing.resolve import resolve
from unrep.agent.inbox import Inbox
from unrep.agent.journal import Event, Journal, Kind
from unrep.agent.settings import Settings
from unrep.receiving.holdings import retained, site_holdings
from unrep.receiving.link_rate import read_rate, save_rate
from unrep.receiving.tickets import Recipient, TicketFetcher
from unrep.terminal.fetch_report import fetch_answer

LOOK_PATIENCE_S: Final = 60.0  # so that a dead source does not delay the others for long
LOOK_BYTES: Final = 1024  # a header; what a poll costs that finds nothing new


@dataclass(frozen=True)
class SourceOffer:
    """A bundle that stands at a source, admissible by its header."""

    source: str
    verified: VerifiedRoot

    @property
    def name(self) -> str:
        """The source for messages."""
        return shown_source(self.source)

    @property
    def mark(self) -> tuple[int, int]:
        """See Release.mark."""
        return self.verified.root.epoch, self.verified.root.seq


class Fetching:
    """Fills the inbox of a site. `may_go_on`: whether the fetch window is still open."""

    def __init__(self, site: Site, inbox: Inbox, journal: Journal, may_go_on: Callable[[], bool]) -> None:
        self._site = site
        self._inbox = inbox
        self._journal = journal
        self._may_go_on = may_go_on

    def fetch_newest(self, settings: Settings, state: SiteState) -> None:
        """One round. Whatever goes wrong with a source is reported, and is no error."""
        found = [self._look(source, settings, state) for source in settings.sources]
        offers = [offer for offer in found if offer]
        while offers:
            newest = max(offers, key=lambda offer: offer.mark)
            same = [offer for offer in offers if offer.verified.root_hash == newest.verified.root_hash]
            if self._fetch(same, settings):
                return
            offers = [offer for offer in offers if offer not in same]

    def _look(self, source: str, settings: Settings, state: SiteState) -> SourceOffer | None:
        """What stands there, if the site wants it."""
        name = shown_source(source)
        config = replace(settings.transfer(), patience_s=LOOK_PATIENCE_S, first_request_bytes=LOOK_BYTES)
        try:
            output = self._site.inbox / "look"
            budget = Budget(config.max_bytes)
            resolved = resolve(source, settings.trust, output, config, lambda _: None, settings.access, budget)
            with closing(open_sources([resolved.source], output, config, settings.access)) as link:
                request = FetchRequest(links=link, trust=settings.trust, output=output, config=config, budget=budget)
                verified = Fetch(request).receive_root()
            if resolved.pointer:
                resolved.pointer.check(verified.root, resolved.source)
            # The current tree under a higher seq is fetched all the same, for it raises the high-water mark.
            is_new = needs_installing(state, verified, settings.config.product)
            if not is_new and state.high_water and Release.of(verified).mark <= state.high_water.mark:
                self._journal.clear(name)
                return None
        except (TransferError, BundleError, AboardError) as error:
            self._journal.report_change(name, Event(Kind.REFUSED, _about(name, error), {"source": name}))
            return None
        return SourceOffer(resolved.source, verified)

    def _fetch(self, offers: list[SourceOffer], settings: Settings) -> bool:
        """Whether the bundle that all of these offer is complete in the inbox now."""
        offer, sources = offers[0], [offer.source for offer in offers]
        output = self._inbox.place(offer.verified)
        config = replace(settings.transfer(), remembered_bytes_per_s=read_rate(self._site.root, output))
        was_there, fetch = presence.exists(output), None
        try:
            recipient = Recipient(ship_key_file(self._site, settings.config))
            budget = Budget(config.max_bytes)
            tickets = TicketFetcher(recipient, tuple(sources), output, config, access=settings.access, budget=budget)
            holdings = site_holdings(
                self._site.root, settings.trust, Quiet(), settings.config.product, recipient.unlock(output)
            )
            with closing(open_sources(sources, output, config, settings.access, self._retained(settings))) as opened:
                progress = _WhileOpen(self._may_go_on)
                allow_full = settings.agent.allow_full
                request = FetchRequest(
                    links=opened,
                    trust=settings.trust,
                    output=output,
                    holdings=holdings,
                    allow_full=allow_full,
                    config=config,
                    progress=progress,
                    before_sections=tickets,
                    budget=budget,
                )
                fetch = Fetch(request)
                figures = fetch.run()
                save_rate(self._site.root, figures)
        except (TransferError, BundleError, AboardError) as error:
            kind = Kind.INCOMPLETE if isinstance(error, Incomplete) else Kind.REFUSED
            details: dict[str, Any] = {"source": offer.name}
            if fetch:
                details |= fetch_answer(fetch.figures())
            event = Event(kind, _about(offer.name, error), details)
            self._journal.report_change(offer.name, event)
            return False
        for source in figures.sources:
            dropped = Event(Kind.REFUSED, f"{source.lost}; it was asked no more", {"source": source.name})
            self._journal.report_change(source.name, dropped if source.lost else None)
        if not was_there or figures.bytes_resumed < figures.bytes_needed:
            self._journal.report(_fetched(offer, figures))
        return True

    def _retained(self, settings: Settings) -> list[Path]:
        """What may hold pieces: other bundles in the inbox, and whatever stands in the directories that are asked."""
        return [*retained(self._site.root), *(Path(source) for source in settings.sources if not is_url(source))]


class _WhileOpen(Quiet):
    """Ends a fetch when its window closes; every piece that came is kept."""

    def __init__(self, may_go_on: Callable[[], bool]) -> None:
        self._may_go_on = may_go_on

    def advance(self, amount: int) -> None:
        if not self._may_go_on():
            raise Incomplete("the fetch window has closed; it goes on when that opens again")


def _about(source: str, error: Exception) -> str:
    sentence = str(error)
    return sentence if source in sentence else f"{source}: {sentence}"


def _fetched(offer: SourceOffer, figures: Figures) -> Event:
    root = offer.verified.root
    message = (
        f"{describe(root)} from {offer.name}, {figures.bytes_received:,} bytes received for "
        f"{figures.bytes_needed:,} needed, in {figures.seconds:.1f} s"
    )
    details = {"source": offer.name, "version": root.version, "seq": root.seq}
    return Event(Kind.FETCHED, message, {**details, **fetch_answer(figures)})
