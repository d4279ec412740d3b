"""Pages from templates. Whatever a ship or a person wrote is escaped, and is one line of plain text."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from bundle.names.plain_text import plain
from fleet.record.accounts import User
from fleet.reports.ships import moment
from fleet.reports.standing import STATES, WRONG

_UNITS: Final = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


@dataclass(frozen=True)
class Visitor:
    """Who looks at a page: a user, or anybody where there are no users."""

    user: User | None = None

    @property
    def may_release(self) -> bool:
        """Whether a form that changes something is shown, and heard."""
        return self.user is not None and self.user.may_release


@cache
def environment() -> Environment:
    """The templates with what they may call."""
    made = Environment(
        loader=PackageLoader("fleet.pages"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: value if isinstance(value, Markup) else plain(str(value)),
    )
    made.filters |= {
        "bytes": size,
        "count": lambda number: f"{number:,}",
        "moment": moment,
        "machine": machine_time,
        "seconds": seconds,
        "days": days,
        "svg": Markup,
    }
    made.globals |= {"STATES": STATES, "WRONG": WRONG}
    return made


def page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page. `request.state` says who looks at it, and of which product."""
    visitor: Visitor = getattr(request.state, "visitor", Visitor())
    known = {"product": request.app.state.office.product, "visitor": visitor, "path": request.url.path}
    return HTMLResponse(rendered(template, **(known | values)), status)


def rendered(template: str, **values: Any) -> str:
    """The text of a page."""
    return environment().get_template(template).render(values)


def size(count: float | None) -> str:
    """Bytes in words, such as 1.4 MB: by powers of 1,000, as links are paid for; a dash for none."""
    if count is None:
        return "–"
    for unit, name in _UNITS:
        if count >= unit:
            return f"{count / unit:,.1f} {name}"
    return f"{count:,.0f} B"


def seconds(value: float | None) -> str:
    """A time in words, such as 4.2 s, 3.5 min, 2.1 h or 3.0 days; a dash for none."""
    if value is None:
        return "–"
    for least, unit, name in ((172_800, 86_400, "days"), (7_200, 3_600, "h"), (120, 60, "min")):
        if value >= least:
            return f"{value / unit:,.1f} {name}"
    return f"{value:,.1f} s"


def days(value: float | None) -> str:
    """Days in words; a dash for none."""
    return "–" if value is None else f"{value:,.1f}" if value < 10 else f"{value:,.0f}"


def machine_time(value: float | None) -> str:
    """For the attribute of <time>; "" where it can be said in no year."""
    try:
        return datetime.fromtimestamp(value or 0.0, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return ""


def now() -> float:
    """The time."""
    return time.time()
