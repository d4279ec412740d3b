"""Lists of everything, as CSV and JSON lines, row by row as the record gives them [L-25]."""

from collections.abc import Iterator
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from fleet.pages.office import Office
from fleet.pages.rendering import page
from fleet.reports.lists import LISTS, csv_lines, json_lines

_TYPES: Final = {"csv": "text/csv; charset=utf-8; header=present", "jsonl": "application/jsonl"}
_AT_ONCE: Final = 65_536


def export(request: Request) -> Response:
    """One of the lists, such as /export/ships.csv."""
    what, _, form = request.path_params["name"].partition(".")
    if what not in LISTS or form not in _TYPES:
        return page(request, "missing.html", 404, what=f"list {what}.{form}")
    headers = {"Content-Disposition": f'attachment; filename="{what}.{form}"'}
    return StreamingResponse(_chunks(request.app.state.office, what, form), 200, headers, _TYPES[form])


def _chunks(office: Office, what: str, form: str) -> Iterator[str]:
    shore = office.shore()
    waiting: list[str] = []
    size = 0
    with office.database.reading() as connection:
        rows = LISTS[what](connection, shore)
        for line in csv_lines(rows) if form == "csv" else json_lines(rows):
            waiting.append(line)
            size += len(line)
            if size > _AT_ONCE:
                yield "\n".join([*waiting, ""])
                waiting, size = [], 0
    yield "\n".join([*waiting, ""]) if waiting else ""
