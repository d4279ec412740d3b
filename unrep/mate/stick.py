"""A stick is taken in: the newest release on it that fits, then receipts onto it [A-186] to [A-189].

What is taken is complete aboard before it is applied, as with the agent, and in the same inbox. The receipts come last,
so that the one of this very update goes ashore as well. Only then may the stick be removed.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeVar

from apply.audit.carrying import Carried, carry_receipts
from apply.audit.run import Report
from apply.errors import AboardError, Held, SiteBusy
from apply.hold import read_hold
from apply.record.admission import admits
from apply.record.database import read_state
from apply.site import durable
from apply.site.config import SiteConfig
from apply.site.layout import Site
from apply.site.ship_key import ship_key_file
from apply.update import update
from bundle.errors import BundleError, InputError
from bundle.host import presence
from bundle.host.progress import Progress
from bundle.recipients.sidecars import steps_beside, tickets_beside
from bundle.trust.trust import Trust
from transfer.channels.bundle_path import find_path
from transfer.channels.survey import Survey, Wanted
from transfer.config import TransferConfig
from transfer.errors import OutputBusy, SourceRefused, TransferError
from unrep.agent.inbox import Inbox, is_settled
from unrep.receiving.announced import announced
from unrep.receiving.fetch_session import FetchSession
from unrep.receiving.holdings import site_holdings
from unrep.receiving.tickets import Recipient

PATIENCE_S: Final = 20.0  # with a stick that was pulled out: it may be put back
BUSY_PATIENCE_S: Final = 1800.0  # with another update that is at work
_BUSY_PAUSE_S: Final = 1.0

T = TypeVar("T")
Outcome = Literal["applied", "already-current", "waiting"]
Failure = AboardError | BundleError | TransferError


@dataclass(frozen=True)
class Stick:
    """A stick, the site that takes it in, and whom that trusts. `say`: what happens, in sentences."""

    site: Site
    place: Path
    config: SiteConfig
    trust: Trust
    progress: Progress
    say: Callable[[str], None] = lambda sentence: None


@dataclass
class Taking:
    """What became of it. `failure`: why nothing came in; `no_receipts`: why none could be copied, "" if all were.

    `version`: of the release that was taken, "" for none. `is_there`: whether the stick can still be seen.
    """

    outcome: Outcome | None = None
    version: str = ""
    sentence: str = ""
    report: Report | None = None
    failure: Failure | None = None
    carried: Carried | None = None
    no_receipts: str = ""
    is_there: bool = True
    unusable: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """What a person is told in the end, the failure apart."""
        told = [self.sentence] if self.sentence else []
        if self.no_receipts:
            told.append(f"no receipts for shore were copied, they stay aboard: {self.no_receipts}")
        elif self.carried:
            told.append(f"receipts for shore in {self.carried.folder}: {self._receipts}")
        return [*told, "you may remove the stick" if self.is_there else "the stick is not there any more"]

    @property
    def _receipts(self) -> str:
        return f"{self.carried.copied:,} new, {self.carried.there:,} there before" if self.carried else ""


def check_stick(site: Site, place: Path) -> None:
    """Raises InputError for what can be no stick."""
    if not presence.is_directory(place):
        raise InputError(f"{place}: is not there, or no directory; put the stick in, wait ten seconds and try again")
    if site.root.resolve().is_relative_to(place.resolve()) or place.resolve().is_relative_to(site.root.resolve()):
        raise InputError(f"{place}: is where the site itself is; name the stick")


def take_in(stick: Stick) -> Taking:
    """Takes in the newest release that fits, whatever else is on the stick, then copies receipts onto it.

    Raises InputError for a place that is no stick. Any other failure is in the answer, and receipts are copied all the
    same, for shore is to know.
    """
    check_stick(stick.site, stick.place)
    stick.site.make_directories()
    taking = Taking()
    try:
        _take(stick, taking)
    except (AboardError, BundleError, TransferError) as error:
        taking.failure = error
    try:
        taking.is_there = presence.is_directory(stick.place)
        if taking.is_there:
            taking.carried = carry_receipts(stick.site, stick.place)
        else:
            taking.no_receipts = f"{stick.place} is gone"
    except (AboardError, BundleError, OSError) as error:
        taking.no_receipts = str(error)
    return taking


def _take(stick: Stick, taking: Taking) -> None:
    state = read_state(stick.site)
    product = stick.config.product or state.product
    if not product:
        raise InputError(f"{stick.site.root / 'unrep.toml'}: 'product' is missing: name what this site is for")
    inbox = Inbox(stick.site)
    inbox.open()
    session = FetchSession(
        sources=[str(stick.place)],
        trust=stick.trust,
        config=TransferConfig(patience_s=PATIENCE_S),
        site=stick.site.root,
        channel=stick.config.agent.channel,
        product=product,
        allow_full=True,  # a stick costs nothing
        recipient=Recipient(ship_key_file(stick.site, stick.config)),
        progress=stick.progress,
        say=stick.say,
    )
    found = session.look(stick.site.inbox / "look")
    taking.unusable = [str(error) for error in found.refused.values()]
    found.check()
    bundle = _fetched(stick, taking, session, found, inbox)
    if bundle:
        _apply(stick, taking, bundle)


def _fetched(stick: Stick, taking: Taking, session: FetchSession, found: Survey, inbox: Inbox) -> Path | None:
    """The bundle of the newest release that fits, complete aboard; None if that runs already.

    Raises why the newest does not fit, if none does.
    """
    failure: Failure | None = None
    for wanted in found.wanted:
        taking.version = wanted.release.version
        try:
            if not _is_new(stick, wanted):
                taking.outcome = "already-current"
                taking.sentence = f"{_named(wanted)} is the newest on the stick, and runs already"
                return None
            return _fetch(stick, session, found, wanted, inbox)
        except (AboardError, BundleError, TransferError) as error:
            failure = failure or error
    taking.version = ""
    raise failure or SourceRefused(f"{stick.place}: holds no release of {session.product}")


def _fetch(stick: Stick, session: FetchSession, found: Survey, wanted: Wanted, inbox: Inbox) -> Path:
    """Where the bundle of that release stands complete, and beside it what leads there."""
    root, trust, unlocking = stick.site.root, stick.trust, session.recipient.unlock
    holdings = site_holdings(root, trust, stick.progress, session.product, unlocking)
    if not find_path(found.offers, holdings, wanted.release, session.allow_full).steps:
        raise SourceRefused(f"{_named(wanted)}: its files are aboard, and its bundle is not on the stick")
    stick.say(f"{_named(wanted)} is on the stick, and is read; leave the stick in")
    return _once_free(stick, lambda: session.fetching(found, wanted.release, holdings, inbox.place).run().path)


def _is_new(stick: Stick, wanted: Wanted) -> bool:
    """Whether the release is to be installed. Raises Refused for one that may not come in."""
    return admits(read_state(stick.site), wanted.product, announced(wanted.release), stick.trust, stick.config.product)


def _apply(stick: Stick, taking: Taking, bundle: Path) -> None:
    if hold := read_hold(stick.site):
        taking.outcome = "waiting"
        taking.sentence = f"{taking.version} is aboard and waits, for the running version is {hold}"
        return
    stick.say(f"{taking.version} is aboard, and is installed; leave the stick in until you are told")
    try:
        taking.report = report = _once_free(
            stick, lambda: update(bundle, stick.site.root, stick.trust, stick.config, stick.progress)
        )
    except Held as error:
        taking.outcome, taking.sentence = "waiting", f"{taking.version} is aboard and waits: {error}"
        return
    finally:
        _clear(stick.site, bundle)
    taking.outcome = "applied" if report.outcome == "applied" else "already-current"
    moved = f"{report.from_version or 'nothing'} -> {report.to_version}: " if taking.outcome == "applied" else ""
    taking.sentence = f"{moved}{report.reason}"


def _once_free(stick: Stick, action: Callable[[], T]) -> T:
    """Does it once whatever is at work at the site is done: the agent may be at the very same bundle."""
    until, is_told = time.monotonic() + BUSY_PATIENCE_S, False
    while True:
        try:
            return action()
        except (SiteBusy, OutputBusy) as error:
            if time.monotonic() >= until:
                raise
            if not is_told:
                stick.say(str(error))
                is_told = True
            time.sleep(_BUSY_PAUSE_S)


def _clear(site: Site, bundle: Path) -> None:
    """Removes what the site has done with; what waits for an end of its hold stays for the agent."""
    epoch, seq, _ = bundle.name.split("-", 2)
    if is_settled(read_state(site), (int(epoch), int(seq))):
        for path in (bundle, steps_beside(bundle), tickets_beside(bundle)):
            durable.remove_tree(path)


def _named(wanted: Wanted) -> str:
    return f"{wanted.product} {wanted.release.version} (seq {wanted.release.seq})"
