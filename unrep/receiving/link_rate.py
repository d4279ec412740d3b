"""The rate of a ship's link as the last fetch has seen it, for `unrep plan`: outages and pauses included.

It is kept in SITE/.unrep/link.json for a site, and in the state file beside an output that is not complete yet.
"""

import json
from contextlib import suppress
from pathlib import Path

from apply.errors import AboardError
from apply.site import durable
from apply.site.layout import Site
from bundle.host import presence
from bundle.host.files import read_plain
from transfer.disk.state_file import StateFile
from transfer.fetch.cost_record import MIN_RATE_SAMPLE_BYTES
from transfer.fetch.figures import Figures

_MAX_BYTES = 4096


def save_rate(site: Path | None, figures: Figures) -> None:
    """Keeps the rate of a fetch for a site where something is installed, if enough came to tell."""
    if site is None or figures.bytes_paid < MIN_RATE_SAMPLE_BYTES or figures.seconds <= 0:
        return
    place = Site.at(site)
    if presence.is_directory(place.private):
        document = {"bytes_per_s": int(figures.bytes_paid / figures.seconds)}
        with suppress(AboardError):  # a figure for plans is no reason for a fetch to fail
            durable.write_file(place.link_file, json.dumps(document).encode())


def read_rate(site: Path | None, output: Path | None) -> int | None:
    """Bytes per second, of the unfinished output or of the site's last fetch; None if neither has any."""
    if output and (rate := StateFile(output).bytes_per_s):
        return rate
    if site is None:
        return None
    try:
        rate = int(json.loads(read_plain(Site.at(site).link_file, _MAX_BYTES))["bytes_per_s"])
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return rate if rate > 0 else None
