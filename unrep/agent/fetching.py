"""What is new ashore, and getting it: every source is looked at, then the cheapest way is fetched [A-61].

The newest release that is wanted and that the site admits has its turn first, over all sources that lead to it. If that
fails, the next older one is tried. Where nothing leads to a release, or only what nobody has allowed, the site is
stranded, and says so wherever it is asked [A-131].
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from apply.errors import AboardError
from apply.record.admission import admits
from apply.record.database import read_state
from apply.record.state import SiteState
from apply.record.stranded import Stranded
from apply.site.layout import Site
from apply.site.ship_key import ship_key_file
from apply.stranded import record_stranded, record_way_found
from bundle.errors import BundleError, Unsupported
from bundle.host import presence
from bundle.host.progress import Quiet
from transfer.channels.bundle_path import find_path
from transfer.channels.survey import Survey, Wanted
from transfer.disk.output import describe
from transfer.errors import ConsentNeeded, Incomplete, NothingLeads, TransferError
from transfer.fetch.figures import Figures
from transfer.links.access import shown_source
from transfer.links.budget import Budget
from unrep.agent import events
from unrep.agent.inbox import Inbox
from unrep.agent.journal import About, Event, Journal, Kind
from unrep.agent.settings import Settings
from unrep.agent.telling.bulletin import Bulletins
from unrep.receiving.announced import announced
from unrep.receiving.fetch_session import FetchSession
from unrep.receiving.holdings import site_holdings
from unrep.receiving.link_rate import read_rate, save_rate
from unrep.receiving.tickets import Recipient
from unrep.terminal.fetch_report import fetch_answer, known_figures

LOOK_PATIENCE_S: Final = 60.0  # so that a dead source does not delay the others for long
LOOK_BYTES: Final = 1024  # a header; what a poll costs that finds nothing new


class Fetching:
    """Fills the inbox of a site. `may_go_on`: whether the fetch window is still open."""

    def __init__(
        self, site: Site, inbox: Inbox, journal: Journal, may_go_on: Callable[[], bool], bulletins: Bulletins
    ) -> None:
        self._site = site
        self._inbox = inbox
        self._journal = journal
        self._may_go_on = may_go_on
        self._bulletins = bulletins
        self.unsupported = ""

    def fetch_newest(self, settings: Settings, state: SiteState) -> None:
        """One round. Whatever goes wrong with a source is reported, and is no error.

        `unsupported` says then why a bundle needs a newer unrep, if one does.
        """
        self.unsupported = ""
        session = self._session(settings)
        look = replace(session.config, patience_s=LOOK_PATIENCE_S, first_request_bytes=LOOK_BYTES)
        found = session.look(self._site.inbox / "look", look)
        self._report_sources(found, settings)
        out_of_reach: tuple[Wanted, str] | None = None
        leads_on = False
        for wanted in found.wanted:
            try:
                if self._is_news(state, found, wanted, settings):
                    self._fetch(session, found, wanted)
                    out_of_reach, leads_on = None, True
                    break
                leads_on = True  # the site has it
            except (NothingLeads, ConsentNeeded) as error:
                out_of_reach = out_of_reach or (wanted, str(error))
            except Incomplete:
                leads_on = True  # there is a path, and the next round goes on with it
                if not self._may_go_on():
                    break
            except (TransferError, BundleError, AboardError):
                continue  # reported; the next older one has its turn
        self._record_reach(out_of_reach, leads_on)

    def _session(self, settings: Settings) -> FetchSession:
        agent, place = settings.agent, self._site
        return FetchSession(
            sources=settings.sources,
            trust=settings.trust,
            config=replace(settings.transfer(), remembered_bytes_per_s=read_rate(place.root, None)),
            site=place.root,
            channel=agent.channel,
            product=settings.config.product or read_state(place).product,
            allow_full=agent.allow_full,
            max_s=agent.max_time_s,
            bytes_per_s=agent.limit_bytes_per_s or read_rate(place.root, None),
            recipient=Recipient(ship_key_file(place, settings.config)),
            access=settings.access,
            budget=Budget(agent.max_bytes),
            progress=_WhileOpen(self._may_go_on, self._bulletins),
        )

    def _report_sources(self, found: Survey, settings: Settings) -> None:
        """What is wrong with a source, or with a file on one, once."""
        wrong = {shown_source(name): str(error) for name, error in found.refused.items()}
        self._bulletins.say(sources=dict.fromkeys(map(shown_source, settings.sources), "") | wrong)
        for source in settings.sources:
            if source not in found.refused:
                self._journal.clear((About.SOURCE, shown_source(source)))
        for name, error in found.refused.items():
            self._note(error)
            shown = shown_source(name)
            event = Event(Kind.REFUSED, _about(shown, error), {"source": shown})
            self._journal.report_change((About.SOURCE, shown), event)

    def _is_news(self, state: SiteState, found: Survey, wanted: Wanted, settings: Settings) -> bool:
        """Whether the site wants that release. Raises Refused, reported, for one that may not come in.

        It also wants the current tree under a higher seq, for that raises the high-water mark [A-9].
        """
        trust = found.channel.trust if found.channel else settings.trust
        release, name = announced(wanted.release), shown_source(wanted.source)
        try:
            is_new = admits(state, wanted.product, release, trust, settings.config.product)
        except BundleError as error:
            self._note(error)
            self._journal.report_change((About.OFFER, name), Event(Kind.REFUSED, _about(name, error), {"source": name}))
            raise
        is_news = is_new or state.high_water is None or release.mark > state.high_water.mark
        if not is_news:
            self._journal.clear((About.OFFER, name))
        return is_news

    def _fetch(self, session: FetchSession, found: Survey, wanted: Wanted) -> None:
        """Returns when a bundle of that release is complete in the inbox, and with it all that leads there.

        What it raises is reported.
        """
        name, fetch = shown_source(wanted.source), None
        try:
            site, trust = self._site.root, session.trust
            holdings = site_holdings(site, trust, Quiet(), session.product, session.recipient.unlock)
            path = find_path(found.offers, holdings, wanted.release, session.allow_full)
            if not path.steps:
                return  # it runs here, and the channel's word for it needs no bundle
            output = self._inbox.place(path.steps[-1].offer.said)
            was_there = presence.exists(output)
            fetch = session.fetching(found, wanted.release, holdings, self._inbox.place)
            figures = fetch.run()
            save_rate(site, figures)
        except (TransferError, BundleError, AboardError) as error:
            self._note(error)
            details: dict[str, Any] = {"source": name}
            details |= known_figures(fetch.figures()) if fetch else {}
            self._journal.report_change((About.OFFER, name), Event(_kind(error), _about(name, error), details))
            raise
        self._journal.clear((About.OFFER, name))
        for source in figures.sources:
            dropped = Event(Kind.REFUSED, f"{source.lost}; it was asked no more", {"source": source.name})
            self._journal.report_change((About.OFFER, source.name), dropped if source.lost else None)
        if not was_there or figures.bytes_resumed < figures.bytes_needed:
            self._journal.report(_fetched(name, figures))

    def _note(self, error: Exception) -> None:
        if isinstance(error, Unsupported):
            self.unsupported = self.unsupported or str(error)

    def _record_reach(self, out_of_reach: tuple[Wanted, str] | None, leads_on: bool) -> None:
        """Whether the site is stranded, on record [A-131]. If neither is known, what is on record stays.

        Where that fails, the next round does it.
        """
        try:
            if out_of_reach:
                wanted, reason = out_of_reach
                record_stranded(self._site, wanted.product, announced(wanted.release), _stranded(wanted, reason))
            elif leads_on:
                record_way_found(self._site)
        except AboardError as error:
            self._journal.report_change((About.AGENT, "stranded"), events.problem(error))
        else:
            self._journal.clear((About.AGENT, "stranded"))


class _WhileOpen(Quiet):
    """Ends a fetch when its window closes; every piece that came is kept. Says how far it has come."""

    def __init__(self, may_go_on: Callable[[], bool], bulletins: Bulletins) -> None:
        self._may_go_on = may_go_on
        self._bulletins = bulletins
        self._done = self._total = 0

    def start(self, label: str, total: int, unit: str) -> None:
        self._done, self._total = 0, total
        self._bulletins.download(0, total)

    def advance(self, amount: int) -> None:
        self._done += amount
        self._bulletins.download(self._done, self._total)
        if not self._may_go_on():
            raise Incomplete("the fetch window has closed; it goes on when that opens again")

    def finish(self) -> None:
        self._bulletins.say(download=None)


def _stranded(wanted: Wanted, reason: str) -> Stranded:
    said = wanted.release
    return Stranded(
        version=said.version,
        seq=said.seq,
        epoch=said.epoch,
        tree=said.tree.hex(),
        since=int(time.time()),
        reason=reason,
    )


def _kind(error: Exception) -> Kind:
    if isinstance(error, NothingLeads | ConsentNeeded):
        return Kind.STRANDED
    return Kind.INCOMPLETE if isinstance(error, Incomplete) else Kind.REFUSED


def _about(source: str, error: Exception) -> str:
    sentence = str(error)
    return sentence if source in sentence else f"{source}: {sentence}"


def _fetched(source: str, figures: Figures) -> Event:
    root = figures.root
    assert root, "a bundle is complete"  # noqa: S101 - of `Fetch.run`
    message = (
        f"{describe(root)} from {source}, {figures.bytes_received:,} bytes received for "
        f"{figures.bytes_needed:,} needed, in {figures.seconds:.1f} s"
    )
    details = {"source": source, "version": root.version, "seq": root.seq}
    return Event(Kind.FETCHED, message, {**details, **fetch_answer(figures)})
