"""A site finds that it is stranded, or no longer: on record, in the history, with a receipt for shore [A-131]."""

import msgspec

from apply.audit.run import Run, record_success, working
from apply.record.database import read_state
from apply.record.release import Release
from apply.record.stranded import Stranded
from apply.site.layout import Site
from bundle.host.progress import Quiet


def record_stranded(site: Site, product: str, release: Release, found: Stranded) -> None:
    """Records it, if it was not on record in the same words. Raises SiteBusy, StorageFailed or SiteInvalid."""
    known = read_state(site).stranded
    if known and (known.tree, known.reason) == (found.tree, found.reason):
        return
    run = Run("fetch", site, Quiet(), product=product, subject=release)
    with working(run) as record:
        record.save(msgspec.structs.replace(record.state, stranded=found))
        record_success(run, record, run.report("stranded", record.state.current_version, found.reason, "stranded"))


def record_way_found(site: Site) -> None:
    """Something leads on again. Raises as `record_stranded`."""
    if read_state(site).stranded is None:
        return
    with working(Run("fetch", site, Quiet())) as record:
        record.save(msgspec.structs.replace(record.state, stranded=None))
