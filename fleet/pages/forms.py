"""Forms as browsers send them, bounded."""

from typing import Final
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

MOST_BYTES: Final = 8_192
_MOST_FIELDS: Final = 20


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form. Raises HTTPException for one that is too long, or of another kind."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise HTTPException(415, "Send it as a form.")
    body = await read_body(request, MOST_BYTES)
    try:
        return dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError as error:
        raise HTTPException(400, "This is no form.") from error


async def read_body(request: Request, most: int) -> bytes:
    """All of a body of at most so many bytes. Raises HTTPException."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most:
            raise HTTPException(413, f"Send at most {most:,} bytes.")
    return bytes(body)
