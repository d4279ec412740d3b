"""Everything of the record as lists, for other programs: CSV and JSON lines [L-25].

A spreadsheet takes a text that begins with `=`, `+`, `-` or `@` for a formula, which may send what it reads anywhere.
Such a text gets an apostrophe in front. Numbers stay numbers.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from sqlalchemy import Connection, select

from bundle.names.plain_text import plain
from bundle.receipts.meanings import code_name, outcome_name
from fleet.record import tables
from fleet.reports.shore import Shore
from fleet.reports.standing import Standing, split_held, standings

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
_AT_ONCE: Final = 1_000

Row = Mapping[str, Any]


def ship_row(ship: Standing) -> Row:
    """A ship as a flat row."""
    return {
        "name": ship.name,
        "ring": ship.ring,
        "state": ship.state,
        "serving": ship.serving,
        "target": ship.target,
        "heard": ship.heard,
        "silent_days": None if ship.silent_days is None else round(ship.silent_days, 2),
        "told": ship.told,
        "reason": ship.reason,
        "held": " ".join(ship.held),
        "hold": ship.hold,
        "free_bytes": ship.free_bytes,
        "program": ship.program,
        "missing": ship.missing,
        "forks": ship.forks,
        "ahead": ship.ahead,
    }


def ship_rows(connection: Connection, shore: Shore) -> Iterator[Row]:
    """All ships, the worst first."""
    return map(ship_row, standings(connection, shore))


def receipt_rows(connection: Connection, shore: Shore) -> Iterator[Row]:
    """All receipts, ship by ship, the oldest first."""
    of, key, ship = tables.receipt, tables.ship_key, tables.ship
    asked = select(of, ship.c.name.label("name"), key.c.key_id).join_from(of, key).join(ship)
    asked = asked.order_by(of.c.key, of.c.number).execution_options(yield_per=_AT_ONCE)
    for row in connection.execute(asked):
        yield {
            "ship": row.name,
            "key": row.key_id.hex(),
            "number": row.number,
            "time": row.time,
            "taken": row.taken,
            "outcome": outcome_name(row.outcome),
            "code": code_name(row.code),
            "reason": row.reason,
            "from": row.origin,
            "to": row.version,
            "tree": row.tree.hex(),
            "serving": shore.named(row.serving),
            "held": " ".join(map(shore.named, split_held(row.held))),
            "deploy_seconds": row.deploy_ms / 1000,
            "outage_seconds": row.outage_ms / 1000,
            "bytes_paid": row.paid,
            "hold": bool(row.hold),
            "free_bytes": row.free_mib << 20,
            "program": row.program,
            "receipt": row.data.hex(),
        }


def apart_rows(connection: Connection, shore: Shore) -> Iterator[Row]:
    """What came and is no word of a ship of this fleet."""
    for row in connection.execute(select(tables.apart).order_by(tables.apart.c.id)):
        yield {
            "why": row.why,
            "ship": row.ship,
            "number": row.number,
            "taken": row.taken,
            "source": row.source,
            "receipt": row.data.hex(),
        }


def rollout_rows(connection: Connection, shore: Shore) -> Iterator[Row]:
    """All rollouts, the oldest first, a row for each ring."""
    rollout, step = tables.rollout, tables.ring_step
    for row in connection.execute(
        select(rollout, step.c.ring, step.c.place, step.c.moved)
        .join_from(rollout, step)
        .order_by(rollout.c.id, step.c.place)
    ):
        yield {
            "rollout": row.id,
            "version": row.version,
            "state": row.state,
            "why": row.why,
            "by": row.by,
            "begun": row.begun,
            "ring": row.ring,
            "moved": row.moved,
        }


LISTS: Final = {"ships": ship_rows, "receipts": receipt_rows, "apart": apart_rows, "rollouts": rollout_rows}


def csv_lines(rows: Iterable[Row]) -> Iterator[str]:
    """The lines of a CSV file, its head first; nothing for a list without rows."""
    head: list[str] = []
    for row in rows:
        if not head:
            head = list(row)
            yield _line(head)
        yield _line([_cell(row[name]) for name in head])


def json_lines(rows: Iterable[Row]) -> Iterator[str]:
    """A JSON object a line, in ASCII."""
    return (json.dumps(row) for row in rows)


def _cell(value: Any) -> str:
    if not isinstance(value, str):
        return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    text = plain(value)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) or value.startswith(_FORMULA) else text


def _line(cells: list[str]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="").writerow(cells)
    return file.getvalue()
