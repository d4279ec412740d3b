"""What stays of a run: its record, its receipt, and an event in the system's log. spec/apply.md, section 9.

The record comes first, in one step with the receipt, which is then posted. What a cut leaves unposted, the next run
posts. Nothing here may fail a run: what could not be saved is reported in words [A-88].
"""

from collections.abc import Callable
from typing import Any, Final

from apply.audit.events import event_of
from apply.audit.log import Log
from apply.audit.outbox import post
from apply.audit.receipts import receipt_of
from apply.audit.site_key import site_key
from apply.errors import AboardError
from apply.record.database import ReceiptPlace, Record
from apply.site.layout import Site
from bundle.receipts.receipt import sign_receipt

WITHOUT_RECEIPT: Final = frozenset({"nothing-to-do"})


def save_run(site: Site, record: Record, log: Log, run: dict[str, Any]) -> list[str]:
    """Saves a run, given as the contents of its record. Returns what of that failed, as clauses for its report."""
    troubles = []

    def attempt(what: str, action: Callable[[], object]) -> Any:
        try:
            return action()
        except AboardError as error:
            troubles.append(f"{what}: {error}")
        except Exception as error:  # noqa: BLE001 - the verdict stands: whatever this is, it is reported
            troubles.append(f"{what}: {type(error).__name__}: {error}")

    sign = None
    if run["outcome"] not in WITHOUT_RECEIPT:
        sign = attempt("no receipt could be signed", lambda: _signer(site, record, run))
    attempt("this run could not be recorded", lambda: record.append(run, sign))
    attempt("a receipt could not be put into the outbox", lambda: post(site, record))
    attempt("this run could not be logged", lambda: log(event_of(run, str(site.root))))
    return troubles


def _signer(site: Site, record: Record, run: dict[str, Any]) -> Callable[[ReceiptPlace], bytes]:
    # The receipt names its place and the record's, which are known only inside the record's own transaction.
    key = site_key(site)
    return lambda place: sign_receipt(receipt_of(run, place, record.state, site), key)
