"""What the three buttons do, told in sentences for whoever pressed them."""

import time
from collections.abc import Callable
from pathlib import Path

from apply.errors import AboardError, Degraded, PreflightRefused, RolledBack
from apply.hold import lift_hold, set_hold
from apply.record.database import read_state
from apply.rollback import roll_back
from apply.site.config import SiteConfig
from apply.site.layout import Site
from bundle.errors import BundleError, InputError, NoSection
from bundle.host import presence
from bundle.host.progress import Quiet
from transfer.errors import Incomplete, TransferError
from unrep.agent.telling.bulletin import read_bulletin
from unrep.mate.stick import Failure, Stick, Taking, take_in
from unrep.mate.whom_to_trust import trust_of_site
from unrep.page.jobs import News, Work

REASON = "by the page"


def hold(site: Site) -> News:
    """Sets a hold. Raises AboardError."""
    set_hold(site, REASON)
    return News("good", ("The version that runs is on hold, until you press 'End the hold'.",))


def resume(site: Site) -> News:
    """Ends it. Raises AboardError."""
    lift_hold(site)
    bulletin = read_bulletin(site)
    is_next = _waits_aboard(site) and bulletin and bulletin.is_alive(time.time())
    more = ["What waits aboard is installed by itself, within minutes."] if is_next else []
    return News("good", ("The hold has ended. New versions may come in again.", *more))


def _waits_aboard(site: Site) -> bool:
    return presence.is_directory(site.inbox) and any(path.suffix == ".unrep" for path in site.inbox.iterdir())


def stick_work(site: Site, config: SiteConfig, place: Path) -> Work:
    """Takes in the stick."""

    def work(tell: Callable[[str], None]) -> News:
        try:
            trust = trust_of_site(site, config, None, "page")
            taking = take_in(Stick(site, place, config, trust, Quiet(), tell))
        except (AboardError, BundleError) as error:
            return News("bad", (str(error),))
        return _told(site, taking)

    return work


def back_work(site: Site, config: SiteConfig) -> Work:
    """Goes back to the last good version."""

    def work(tell: Callable[[str], None]) -> News:
        try:
            report = roll_back(site.root, config)
        except RolledBack as error:
            return News("bad", ("That version did not work any more. The one from before runs again.", str(error)))
        except Degraded as error:
            return News("bad", ("Going back did not work. Call shore.", str(error)))
        except (AboardError, BundleError) as error:
            return News("bad", ("Nothing was changed.", str(error)))
        if report.outcome == "nothing-to-do":
            return News("good", (f"{report.to_version} is running already.",))
        return News("good", (f"The ship went back to {report.to_version}, which is running.",))

    return work


def _told(site: Site, taking: Taking) -> News:
    """The most important sentence first, whether the stick may be removed next, and last what shore wants to know."""
    removal = "You may remove the stick." if taking.is_there else "The stick is not there any more."
    receipts = []
    if taking.no_receipts and taking.is_there:
        receipts = [f"Nothing could be written on the stick for shore: {taking.no_receipts}."]
    if isinstance(taking.failure, (RolledBack, Degraded)):  # the page itself says why
        return News("bad", (removal, *receipts))
    if taking.failure:
        return News("bad", (_why(site, taking.failure), removal, f"For shore: {taking.failure}", *receipts))
    if taking.outcome == "applied":
        first = f"{taking.version} was installed from the stick, and is running."
    elif taking.outcome == "waiting":
        first = f"{taking.version} is aboard and waits until you end the hold."
    else:
        first = f"Nothing new is on the stick: {read_state(site).current_version} is running already."
    return News("good", (first, removal, *receipts))


def _why(site: Site, failure: Failure) -> str:
    running = read_state(site).current_version or "Nothing"
    if isinstance(failure, Incomplete):
        return f"The stick could not be read to its end. {running} stays. Put it in again and try once more."
    if isinstance(failure, NoSection):
        return f"What is on the stick does not fit this ship. {running} stays. Read to shore what is below."
    if isinstance(failure, (PreflightRefused, InputError)):
        return f"The ship is not ready for it. {running} stays. Read to shore what is below."
    if isinstance(failure, TransferError):
        return f"Nothing on the stick is for this ship. {running} stays."
    return f"What is on the stick was refused. {running} stays. Read to shore what is below."
