"""Receipts that ships post [L-54]: a receipt a request, proven by its own signature. It can do nothing else."""

from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bundle.receipts.receipt import MAX_RECEIPT_BYTES
from fleet.intake.taking import Found, Taken, take
from fleet.pages.forms import read_body
from fleet.pages.office import Office

_KEPT: Final = frozenset({"fork"})  # the ship has said it, and would say it for ever
_STATUS: Final = {"malformed": 400, "unknown": 403, "forged": 403, "retired": 403, "other": 403, "fork": 200}


async def receive(request: Request) -> Response:
    """2xx says that the receipt is on record, so that the ship may forget it."""
    body = await read_body(request, MAX_RECEIPT_BYTES)
    source = f"posted from {request.client.host if request.client else 'somewhere'}"
    taken = await run_in_threadpool(_take, request.app.state.office, Found(source, body))
    why = next(iter(taken.apart), "")
    said = {"new": taken.new, "repeated": taken.repeated, "refused": why}
    return JSONResponse(said, _STATUS.get(why, 200))


def _take(office: Office, found: Found) -> Taken:
    return take(office.database, [found], office.product, kept=_KEPT)
