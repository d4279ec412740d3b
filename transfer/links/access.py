"""How servers are reached: credentials from a file, certificate authorities, proxies [T-96], [T-97], [T-98].

A credential is sent to the server that it is for and to no other: not to where a redirect leads, and not to a proxy;
and in the clear only to a host that somebody has named for it.
Neither credentials nor the query of a URL, which may hold a key, are ever part of a message.
"""

import re
import ssl
import stat
import sys
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import (  # type: ignore[attr-defined] # typeshed does not know the second one
    getproxies_environment,
    proxy_bypass_environment,
)

from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

from bundle.host.files import open_plain, read_given
from transfer.errors import AccessRefused

MAX_FILE_BYTES = 64 * 1024
ANY_HOST = ""
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_USER = re.compile(r"^((?:[A-Za-z][A-Za-z0-9+.-]*:)?//)[^/]*@")
_PORTS = {"http": 80, "https": 443}
_KINDS = "'basic USER:PASSWORD' or 'bearer TOKEN', each with a host before it if there are several"


@dataclass(frozen=True)
class Access:
    """`credentials`: values of Authorization, by host or host:port in lower case, or for ANY_HOST, over https alone.

    `proxies`: URL of the proxy by the scheme of what is asked for. `no_proxy`: as in the environment.
    """

    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    ca_file: Path | None = None
    proxies: Mapping[str, Url] = field(default_factory=dict)
    no_proxy: str = ""

    def authorization(self, url: Url) -> str | None:
        """What to send to the server at a URL, as a source was named; None: nothing."""
        named = self._credential(url)
        return self.credentials.get(ANY_HOST) if named is None and url.scheme == "https" else named

    def withheld(self, url: Url) -> str:
        """For the end of a message: that there are credentials which do not go there in the clear; else nothing."""
        if url.scheme == "https" or ANY_HOST not in self.credentials or self._credential(url):
            return ""
        return (
            "; the credentials that --auth-file has for all hosts go over https alone: "
            f"put {url.host} before them in its line to send them over http too"
        )

    def proxy(self, url: Url) -> Url | None:
        """The proxy through which to ask for a URL; None: none."""
        proxy = self.proxies.get(url.scheme or "")
        place = f"{url.host}:{_port(url)}"
        return None if proxy is None or proxy_bypass_environment(place, {"no": self.no_proxy}) else proxy

    def proxy_authorization(self, proxy: Url) -> str | None:
        """What to send to a proxy: only what the file names it for."""
        return self._credential(proxy)

    def _credential(self, url: Url) -> str | None:
        host = (url.host or "").lower()
        return self.credentials.get(f"{host}:{_port(url)}") or self.credentials.get(host)


NOTHING = Access()


def read_access(
    auth_file: Path | None = None, ca_file: Path | None = None, proxy: str | None = None, environment: bool = True
) -> Access:
    """What a person named, and the proxies of the environment where none was named.

    Raises AccessRefused for a file that cannot be used, or that others may read, and for a proxy that is none.
    """
    if ca_file is not None:
        _check_authorities(ca_file)
    if proxy is not None:
        given = _proxy(proxy, "--proxy")
        proxies, no_proxy = {"http": given, "https": given}, ""
    else:
        found = getproxies_environment() if environment else {}
        no_proxy = found.get("no", "")
        proxies = {scheme: _proxy(found[scheme], f"{scheme.upper()}_PROXY") for scheme in _PORTS if found.get(scheme)}
    return Access(read_credentials(auth_file) if auth_file else {}, ca_file, proxies, no_proxy)


def read_credentials(path: Path) -> dict[str, str]:
    """The credentials in a file, one a line. Raises AccessRefused; no message shows what is in it."""
    try:
        if sys.platform != "win32" and stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise AccessRefused(f"{path}: others may read it; make it yours alone: chmod 600 {path}")
        lines = read_given(path, MAX_FILE_BYTES).decode("utf-8-sig").splitlines()
    except OSError as error:
        raise AccessRefused(f"{path}: cannot be read: {error.strerror}; it names {_KINDS}") from error
    except UnicodeDecodeError as error:
        raise AccessRefused(f"{path}: is not text; it names {_KINDS}") from error
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith("#"):
            host, value = _credential(line.split(), f"{path}: line {number}")
            if host in found:
                raise AccessRefused(f"{path}: line {number} is a second one for the same host; leave one of them")
            found[host] = value
    if not found:
        raise AccessRefused(f"{path}: is empty; it names {_KINDS}")
    return found


def shown(url: str) -> str:
    """A URL for messages: without its query, and without what stands before an `@`."""
    address, query, _ = url.partition("?")
    return _USER.sub(r"\1", address) + ("?..." if query else "")


def is_url(source: str) -> bool:
    """Whether a source names no path."""
    return _URL.match(source) is not None


def shown_source(source: str) -> str:
    """A source for messages: of a URL what may be shown, a path as it is."""
    return shown(source) if is_url(source) else source


def _check_authorities(path: Path) -> None:
    try:
        open_plain(path).close()  # a pipe would be waited for
        ssl.create_default_context(cafile=path)
    except FileNotFoundError as error:
        raise AccessRefused(f"{path}: no such file; name one with certificate authorities in PEM form") from error
    except OSError as error:  # which SSLError is too
        raise AccessRefused(f"{path}: has no certificate authorities in PEM form that can be read") from error


def _credential(words: list[str], where: str) -> tuple[str, str]:
    host = words.pop(0).lower() if len(words) == 3 else ANY_HOST
    kind = words[0].lower() if words else ""
    if len(words) != 2 or kind not in ("basic", "bearer") or not (words[1].isascii() and words[1].isprintable()):
        raise AccessRefused(f"{where} is none of {_KINDS}")
    if kind == "bearer":
        return host, f"Bearer {words[1]}"
    if ":" not in words[1]:
        raise AccessRefused(f"{where} has no ':' between user and password")
    return host, f"Basic {b64encode(words[1].encode()).decode()}"


def _proxy(text: str, name: str) -> Url:
    try:
        url = parse_url(text if "://" in text else f"http://{text}")
    except LocationParseError as error:
        raise AccessRefused(f"{name}: is not a valid URL") from error
    if url.auth:
        raise AccessRefused(f"{name}: a user name or password in the URL is not used; put them into --auth-file")
    if url.scheme != "http" or not url.host:
        raise AccessRefused(f"{name}: {shown(text)}: a proxy is named by http://HOST:PORT")
    return url


def _port(url: Url) -> int:
    return url.port or _PORTS.get(url.scheme or "", 0)
