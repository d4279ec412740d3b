"""A list of ships, as an office has one: a CSV file with the columns name, key and ring [L-3].

    name,key,ring
    MV Mercy,keys/mercy.pub,canary

Key files are relative to the list. `ring` may be left out, or empty.
"""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from bundle.errors import InputError
from bundle.host.files import read_given
from bundle.receipts.site_keys import load_site_public_key
from fleet.errors import ShipRefused
from fleet.record.ships import NewShip

_NEEDED, _KNOWN = {"name", "key"}, {"name", "key", "ring"}


def read_ships(path: Path) -> list[NewShip]:
    """The ships of a list. Raises ShipRefused, naming the line."""
    try:
        text = read_given(path).decode("utf-8-sig")
    except OSError as error:
        raise ShipRefused(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ShipRefused(f"{path}: is not UTF-8; save it as 'CSV UTF-8'") from error
    try:
        return list(_ships(path, text))
    except csv.Error as error:
        raise ShipRefused(f"{path}: no list in CSV: {error}") from error


def _ships(path: Path, text: str) -> Iterator[NewShip]:
    delimiter = ";" if ";" in text.partition("\n")[0] else ","  # as spreadsheets of half of Europe write it
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns = {(name or "").strip() for name in rows.fieldnames or ()}
    if not _NEEDED <= columns <= _KNOWN:
        raise ShipRefused(f"{path}: its first line names the columns: name, key, and ring where wanted")
    for row in rows:
        where = f"{path}, line {rows.line_num}"
        values = {(name or "").strip(): (value or "").strip() for name, value in row.items() if name is not None}
        if None in row or not values["name"] or not values["key"]:
            raise ShipRefused(f"{where}: a ship needs a name and a key file, and no more than its columns")
        try:
            key = load_site_public_key(path.parent / values["key"])
        except InputError as error:
            raise ShipRefused(f"{where}: {error}") from error
        yield NewShip(values["name"], key, values.get("ring") or None, where)
