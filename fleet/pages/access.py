"""Who is there: sessions by a cookie, passwords by a form, or by Basic for programs that only read [L-50] to [L-53]."""

import base64
import binascii
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fleet.pages.forms import read_form
from fleet.pages.limits import WINDOW_S, Attempts
from fleet.pages.office import Office
from fleet.pages.rendering import Visitor, now, page
from fleet.record import accounts
from fleet.record.accounts import User

COOKIE: Final = "unrep_session"
_OPEN: Final = ("/login", "/receipts", "/static/", "/healthz")
_BY_PROGRAMS: Final = ("/metrics", "/export/")


def is_open(path: str) -> bool:
    """Whether a path is for who is not logged in, too."""
    return path.startswith(_OPEN)


def visitor_of(request: Request) -> Visitor | None:
    """Who asks; None for nobody who may. Where there are no users, anybody may read."""
    office: Office = request.app.state.office
    token = request.cookies.get(COOKIE, "")
    with office.database.reading() as connection:
        if not accounts.has_users(connection):
            return Visitor()
        user = accounts.session_user(connection, token, now()) if token else None
    if user is None and request.url.path.startswith(_BY_PROGRAMS):
        user = _basic(request)
    return None if user is None else Visitor(user)


def login_page(request: Request) -> Response:
    """The form."""
    return page(request, "login.html", trouble="")


async def log_in(request: Request) -> Response:
    """Begins a session for who has the password."""
    form = await read_form(request)
    name, password = form.get("name", ""), form.get("password", "")
    if not _attempts(request).admit(_address(request), name):
        return _too_often(request)
    token = await run_in_threadpool(_session, request.app.state.office, name, password)
    if token is None:
        return page(request, "login.html", 401, trouble="Name or password is wrong.")
    answer = RedirectResponse("/", 303)
    answer.set_cookie(
        COOKIE,
        token,
        max_age=int(accounts.SESSION_S),
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return answer


async def log_out(request: Request) -> Response:
    """Ends the session."""
    visitor: Visitor = request.state.visitor
    form = await read_form(request)
    if visitor.user is not None and form.get("form") == visitor.user.form:
        office: Office = request.app.state.office
        with office.database.writing() as connection:
            accounts.end_session(connection, request.cookies.get(COOKIE, ""))
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE)
    return answer


def _session(office: Office, name: str, password: str) -> str | None:
    with office.database.reading() as connection:
        known = accounts.password_hash(connection, name)
    if not accounts.is_right(known, password):
        return None
    with office.database.writing() as connection:
        return accounts.begin_session(connection, name, now())


def _basic(request: Request) -> User | None:
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        name, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    if not _attempts(request).admit(_address(request), name):
        return None
    office: Office = request.app.state.office
    with office.database.reading() as connection:
        known = accounts.password_hash(connection, name)
        users = {user.name: user for user in accounts.users(connection)}
    return users.get(name) if accounts.is_right(known, password) else None


def _too_often(request: Request) -> Response:
    answer = page(request, "login.html", 429, trouble="Too many attempts. Wait a minute, then try again.")
    answer.headers["Retry-After"] = str(int(WINDOW_S))
    return answer


def _attempts(request: Request) -> Attempts:
    attempts: Attempts = request.app.state.attempts
    return attempts


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
