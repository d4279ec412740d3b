"""The address of a SQLite file, for sqlite3.connect(uri=True): also of one on a share of Windows.

An address of `Path.as_uri` names the server of such a path as its authority, which SQLite refuses.
https://www.sqlite.org/uri.html
"""

import os
from pathlib import Path
from urllib.parse import quote


def sqlite_address(path: Path, how: str) -> str:
    """`how`: its query, such as "mode=ro"."""
    place = path.absolute().as_posix()
    return f"file://{'' if place.startswith('/') else '/'}{quote(os.fsencode(place), safe='/:')}?{how}"
