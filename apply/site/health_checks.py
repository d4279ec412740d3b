"""The health checks that a configuration can have: `[[health]]`, by their `type`."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Meta

from apply.site.table import Argv, Name, Table, TimeoutS


class Check(Table, frozen=True, kw_only=True, tag_field="type"):
    """What every health check has. A wanted check is reported and never fails a release."""

    requirement: Literal["required", "wanted"] = "required"
    timeout_s: TimeoutS = 5.0


class HttpCheck(Check, frozen=True, kw_only=True, tag="http"):
    """GET url. Redirects are answers too. `{version}` in the expected text is the release's version.

    "1.0.1" is also found in "1.0.10": expect the quotes around it where the answer has some.
    """

    url: Name
    expect_status: Annotated[int, Meta(ge=100, le=599)] = 200
    expect_body_contains: Name | None = None

    def __post_init__(self) -> None:
        if not is_plain_http_url(self.url):
            raise ValueError(f"url = {self.url!r} must be http:// or https://, a host, and printable ASCII")


class TcpCheck(Check, frozen=True, kw_only=True, tag="tcp"):
    """A connection to host and port is accepted."""

    host: Name
    port: Annotated[int, Meta(ge=1, le=65535)]


class CommandCheck(Check, frozen=True, kw_only=True, tag="command"):
    """The command exits with 0."""

    argv: Argv


class WindowsServiceCheck(Check, frozen=True, kw_only=True, tag="windows_service"):
    """The Windows service runs."""

    name: Name


class SystemdUnitCheck(Check, frozen=True, kw_only=True, tag="systemd_unit"):
    """The systemd unit is active."""

    name: Name


HealthCheck = HttpCheck | TcpCheck | CommandCheck | WindowsServiceCheck | SystemdUnitCheck


def is_plain_http_url(url: str) -> bool:
    """Whether it is http:// or https://, a host without a user, and printable ASCII."""
    if not (url.isascii() and url.isprintable()) or " " in url:
        return False
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
        )
    except ValueError:  # a port out of range, an unclosed bracket
        return False
