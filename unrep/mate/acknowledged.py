"""What a mate has told shore: the page shows it no longer as news [A-217].

SITE/.unrep/acknowledged.json names it by keys. Where that is lost or cannot be read, the page shows it once more.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from apply.record.release import Quarantine
from apply.record.stranded import Stranded
from apply.site import durable
from apply.site.layout import Site
from bundle.host.files import read_plain

_MAX_FILE_BYTES: Final = 64 * 1024


def key_of(event: Quarantine | Stranded) -> str:
    """What stands for it: a release that failed here, or one that is out of reach, since when."""
    return f"failed {event.tree}" if isinstance(event, Quarantine) else f"stranded {event.tree} {event.since}"


def acknowledged(site: Site) -> frozenset[str]:
    """The keys of what shore was told."""
    try:
        return frozenset(msgspec.json.decode(read_plain(site.acknowledged_file, _MAX_FILE_BYTES), type=list[str]))
    except (OSError, msgspec.MsgspecError, RecursionError):
        return frozenset()


def acknowledge(site: Site, keys: Iterable[str]) -> None:
    """Shore was told that, too. Of what was told before, the page keeps what it still shows.

    Raises StorageFailed or DiskFull.
    """
    durable.write_file(site.acknowledged_file, msgspec.json.encode(sorted(keys)))
