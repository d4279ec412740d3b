"""A verdict that the record could not take, noted beside it: SITE/.unrep/healthy, the run whose release was healthy.

A release that was found healthy must not be given up because its trials ended without a record too often [A-100]. So
`apply.trial` notes that it was. Recovery then tries it again, whatever the count of attempts says, and its health
decides once more.
"""

import contextlib

from apply.errors import StorageFailed
from apply.record.state import SiteState
from apply.site import durable
from apply.site.layout import Site
from bundle.host.files import read_plain

_MAX_BYTES = 64


def note(site: Site, state: SiteState) -> None:
    """The pending release was found healthy. Where not even this can be written, the count of its trials stands."""
    if state.pending:
        with contextlib.suppress(StorageFailed):
            durable.write_file(site.healthy_file, state.pending.run.encode())


def noted(site: Site, state: SiteState) -> bool:
    """Whether the pending release was found healthy before."""
    try:
        run = read_plain(site.healthy_file, _MAX_BYTES)
    except OSError:
        return False
    # A note of another intent says nothing of this one.
    return state.pending is not None and run == state.pending.run.encode()


def forget(site: Site) -> None:
    """Removes the note, once no release is on trial any more."""
    # One that cannot be removed does no harm: it names its run, so it says nothing of another intent.
    with contextlib.suppress(StorageFailed):
        durable.remove_tree(site.healthy_file)
