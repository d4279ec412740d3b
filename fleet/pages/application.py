"""The application: which path is which page, who may see it, and what every answer bears [L-40], [L-50] to [L-55]."""

from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Final
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from fleet.errors import DatabaseBusy, FleetError
from fleet.pages import access, exporting, figures, looking, metrics, receiving, releases, rollouts
from fleet.pages.limits import Attempts
from fleet.pages.office import Office
from fleet.pages.rendering import page
from repository.errors import RepositoryError

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # without a referrer, browsers send forms with the origin "null"
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
_STYLE: Final = files("fleet.pages").joinpath("style.css")
_SAME: Final = frozenset({"same-origin", "none"})

Next = Callable[[Request], Awaitable[Response]]


def application(office: Office, hosts: list[str]) -> Starlette:
    """The application for requests to these host names."""
    app = Starlette(
        routes=[
            Route("/", looking.fleet_page),
            Route("/ships/{name:path}", looking.ship_page),
            Route("/releases", releases.releases_page),
            Route("/releases/{version}", releases.release_page),
            Route("/rollout", rollouts.rollout_page),
            Route("/rollout", rollouts.change_rollout, methods=["POST"]),
            Route("/figures", figures.figures_page),
            Route("/export/{name}", exporting.export),
            Route("/metrics", metrics.metrics),
            Route("/receipts", receiving.receive, methods=["POST"]),
            Route("/login", access.login_page),
            Route("/login", access.log_in, methods=["POST"]),
            Route("/logout", access.log_out, methods=["POST"]),
            Route("/healthz", _healthy),
            Route("/static/style.css", _style),
        ],
        middleware=[
            Middleware(BaseHTTPMiddleware, dispatch=_guarded),
            Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False),
        ],
        exception_handlers={
            HTTPException: _http_error,
            FleetError: _trouble,
            RepositoryError: _trouble,
        },
    )
    app.state.office = office
    app.state.attempts = Attempts()
    return app


async def _guarded(request: Request, call: Next) -> Response:
    """Who may, and what every answer bears."""
    answer = await _admitted(request, call)
    for name, value in HEADERS.items():
        answer.headers.setdefault(name, value)
    return answer


async def _admitted(request: Request, call: Next) -> Response:
    path = request.url.path
    if request.method not in ("GET", "HEAD") and path != "/receipts" and not _is_own_form(request):
        return PlainTextResponse("This form does not come from these pages.\n", 403)
    if access.is_open(path):
        return await call(request)
    try:
        visitor = await run_in_threadpool(access.visitor_of, request)
    except FleetError as error:
        return PlainTextResponse(f"{error}\n", 503)
    if visitor is None:
        if path.startswith(("/metrics", "/export/")):
            return PlainTextResponse("Log in.\n", 401, {"WWW-Authenticate": 'Basic realm="unrep fleet"'})
        return RedirectResponse("/login", 303)
    request.state.visitor = visitor
    return await call(request)


def _is_own_form(request: Request) -> bool:
    """Browsers say where a form was; one that says nothing sends no cookie to others either [L-53]."""
    if request.headers.get("sec-fetch-site", "none") not in _SAME:
        return False
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


def _healthy(request: Request) -> Response:
    """For whoever watches the process: the record can be read."""
    office: Office = request.app.state.office
    with office.database.reading() as connection:
        connection.exec_driver_sql("SELECT 1")
    return PlainTextResponse("ok\n")


def _style(request: Request) -> Response:
    return Response(_STYLE.read_bytes(), media_type="text/css", headers={"Cache-Control": "max-age=300"})


def _http_error(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 500)
    headers = getattr(error, "headers", None)
    if status == 404:
        return page(request, "missing.html", 404, what="page")
    return PlainTextResponse(f"{getattr(error, 'detail', '')}\n", status, headers)


def _trouble(request: Request, error: Exception) -> Response:
    """The record or the repository cannot be read now: the sentence says it."""
    status = 503 if isinstance(error, DatabaseBusy) else 500
    if request.url.path in ("/receipts", "/metrics", "/healthz"):
        return PlainTextResponse("The record cannot be used now.\n", 503)
    return page(request, "trouble.html", status, why=str(error))
