"""What the agent finds out about a site at rest: on record, in the history, with a receipt for shore [A-151], [A-152].

A trouble is recorded once, and again when its reason changes. Its end is told by a receipt that says `alive`. So is
every day on which there was nothing else to say.
"""

import time
from typing import Final

from apply.audit.outbox import post
from apply.audit.pruning import prune_runs
from apply.audit.receipts import sign_alive
from apply.audit.run import Run, record_success, working
from apply.record.database import Record, read_receipts, read_state
from apply.record.trouble import Trouble, TroubleKind
from apply.site.config import SiteConfig
from apply.site.layout import Site
from bundle.host.progress import Quiet
from bundle.receipts.receipt import claimed_time

ALIVE_EVERY_S: Final = 86_400.0


def record_trouble(site: Site, kind: TroubleKind, reason: str) -> bool:
    """Records it unless it is on record in the same words; says whether it was news.

    Raises SiteBusy, StorageFailed or SiteInvalid.
    """
    if _same(read_state(site).trouble(kind), reason):
        return False
    run = Run("agent", site, Quiet())
    with working(run) as record:
        run.subject = record.state.current
        found = Trouble(kind=kind, since=int(time.time()), reason=reason)
        record.save(record.state.troubled_by(found))
        record_success(run, record, run.report(kind, record.state.current_version, reason, _CODES[kind]))
    return True


def record_trouble_over(site: Site, kind: TroubleKind) -> bool:
    """All is well with that again; says whether that is news. Raises as `record_trouble`."""
    if read_state(site).trouble(kind) is None:
        return False
    with working(Run("agent", site, Quiet())) as record:
        record.save(record.state.without_trouble(kind))
        _say_alive(site, record, time.time())
    return True


def say_alive(site: Site, config: SiteConfig, now: float) -> bool:
    """A receipt, if a day has gone by since the last of any kind; says whether. Raises as `record_trouble`.

    A site without a way home, or where nothing was ever done, has nothing to say. Old records go at the same time.
    """
    latest = read_receipts(site)[-1:]
    if not config.report.to or not latest or abs(now - claimed_time(latest[0][1])) < ALIVE_EVERY_S:
        return False
    with working(Run("agent", site, Quiet())) as record:
        prune_runs(record, config.retention.records)
        _say_alive(site, record, now)
    return True


_CODES: Final[dict[TroubleKind, str]] = {"unhealthy": "unhealthy", "drifted": "drifted", "config-broken": "config"}


def _same(known: Trouble | None, reason: str) -> bool:
    return known is not None and known.reason == reason


def _say_alive(site: Site, record: Record, now: float) -> None:
    trouble = record.state.troubles[:1]
    reason, code = (trouble[0].reason, _CODES[trouble[0].kind]) if trouble else ("", "none")
    if not trouble and (stranded := record.state.out_of_reach):
        reason, code = stranded.reason, "stranded"
    record.add_receipt(sign_alive(site, record.state, now, reason, code))
    post(site, record)
