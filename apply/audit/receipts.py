"""What a site says of itself in a receipt [C-3]: a run as it was recorded, and how the site stands now."""

import shutil
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from apply.audit.site_key import site_key
from apply.errors import StorageFailed
from apply.hold import read_hold
from apply.record.database import ReceiptPlace
from apply.record.state import SiteState
from apply.site.layout import Site
from bundle.receipts.meanings import code_number, outcome_number
from bundle.receipts.receipt import HEAD_BYTES, HELD_BYTES, TREE_BYTES, Receipt, fitted, sign_receipt
from bundle.version import VERSION

_MIB: Final = 1 << 20


def sign_alive(site: Site, state: SiteState, now: float, reason: str, code: str) -> Callable[[ReceiptPlace], bytes]:
    """What signs a receipt that says that the ship is there, and what is wrong with it. Raises as `site_key`."""
    key = site_key(site)
    said = {
        "outcome": "alive",
        "code": code,
        "reason": reason,
        "product": state.product,
        "from": state.current_version,
        "release": None,
        "seconds": 0.0,
        "time": now,
    }
    return lambda place: sign_receipt(receipt_of(said, place, state, site), key)


def receipt_of(run: Mapping[str, Any], place: ReceiptPlace, state: SiteState, site: Site) -> Receipt:
    """The receipt of a run, given as its record, at its place in the chain."""
    release = run["release"] or {}
    return fitted(
        Receipt(
            number=place.number,
            before=place.before,
            record=place.record,
            head=bytes.fromhex(place.head)[:HEAD_BYTES],
            outcome=outcome_number(run["outcome"]),
            code=code_number(run.get("code", "none")),
            reason=run.get("brief") or run["reason"],
            product=run["product"],
            origin=run["from"],
            to=release.get("version", ""),
            tree=bytes.fromhex(release.get("tree", ""))[:TREE_BYTES],
            serving=bytes.fromhex(state.current.tree)[:TREE_BYTES] if state.current else b"",
            held=_held(state),
            deploy_ms=_milliseconds(run["seconds"]) if run["outcome"] == "applied" else 0,
            outage_ms=_milliseconds(run.get("outage_seconds", 0.0)),
            paid=run.get("bundle_bytes", 0),
            hold=_is_held(site),
            free_mib=_free_bytes(site) // _MIB,
            program=VERSION,
            time=int(run.get("time", time.time())),
        )
    )


def _held(state: SiteState) -> bytes:
    """The ids of the trees aboard: the current one first, then the newest."""
    newest = sorted(state.releases, key=lambda r: (r.version == state.current_version, r.mark), reverse=True)
    return b"".join(bytes.fromhex(release.tree)[:HELD_BYTES] for release in newest)


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _is_held(site: Site) -> int:
    try:
        return int(read_hold(site) is not None)
    except StorageFailed:
        return 1  # a hold that cannot be read holds


def _free_bytes(site: Site) -> int:
    try:
        return shutil.disk_usage(site.root).free
    except OSError:
        return 0
