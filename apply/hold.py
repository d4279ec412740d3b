"""The master's hold: the running version stays until it is lifted, whoever offers another [A-64].

The control file is SITE/.unrep/hold. That it is there is what holds. A file that a person has made by hand holds as
well as that of `unrep hold`, whatever it says. Setting it takes no lock, for it is wanted most while a run is at work.
"""

import json
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Final

from apply.errors import Held
from apply.site import durable
from apply.site.account import user_name
from apply.site.guarded import check_site
from apply.site.layout import Site
from bundle.host.files import read_plain
from bundle.names.plain_text import excerpt

MAX_REASON_CHARACTERS: Final = 300
_MAX_FILE_BYTES: Final = 4096


@dataclass(frozen=True)
class Hold:
    """Since when (UTC), by whom and why; "" for what is not known."""

    since: str
    by: str
    reason: str

    def __str__(self) -> str:
        """A clause for a person."""
        by = f" by {self.by}" if self.by else ""
        return f"held since {self.since}{by}" + (f": {self.reason}" if self.reason else "")


def read_hold(site: Site) -> Hold | None:
    """The hold that is set, if one is. Raises StorageFailed where that cannot be seen."""
    path = site.hold_file
    # A file that cannot be read raises, rather than count as no hold.
    with durable.storage_errors(path):
        try:
            text = read_plain(path, _MAX_FILE_BYTES).decode(errors="replace")
            changed = path.stat().st_mtime
        except FileNotFoundError:
            return None
    # A person may have made the file with an editor: whatever it holds, it holds the version.
    try:
        return Hold(**{key: _words(str(value)) for key, value in json.loads(text).items()})
    except (ValueError, TypeError, AttributeError, RecursionError):  # a person's own words
        return Hold(datetime.fromtimestamp(changed, UTC).isoformat(timespec="seconds"), "", _words(text))


def set_hold(site: Site, reason: str) -> Hold:
    """Sets a hold, or gives that which is set another reason. It is durable on return.

    Raises StorageFailed or Unguarded.
    """
    check_site(site)
    site.make_directories()
    since = datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="seconds")
    made = Hold(since, user_name(), _words(reason))
    durable.write_file(site.hold_file, json.dumps(asdict(made)).encode())
    return made


def lift_hold(site: Site) -> Hold | None:
    """Removes the hold. Returns what it was, None if there was none. Raises StorageFailed or Unguarded."""
    check_site(site)
    lifted = read_hold(site)
    if lifted:
        durable.remove_tree(site.hold_file)
        durable.sync_directory(site.private)
    return lifted


def check_hold(site: Site, version: str) -> None:
    """Raises Held if the site is held and so `version` may not come in."""
    if hold := read_hold(site):
        raise Held(
            f"{site.root}: {hold}; version {version} stays out until 'unrep resume', or a person says --override"
        )


def _words(text: str) -> str:
    """A person's words in one line, which may have been several."""
    return excerpt(" ".join(text.split()), MAX_REASON_CHARACTERS)
