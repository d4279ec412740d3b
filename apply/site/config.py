"""A site's configuration: SITE/unrep.toml or the file named by --config, every key optional.

    product          the only one that comes in here; before all tables
    [prepare]        python_wheels {requirements, wheels, python}, command     before the switch, in the new tree
    [switch]         restart | iis_app_pool | windows_service | systemd_unit   at most one of them
                     current = link | pointer                                  what SITE/current is
    [hooks]          snapshot, restore                                         the application's own data
                     on_event                                                  is told of each event
    [[health]]       type = http | tcp | command | windows_service | systemd_unit
    [health_window]  start_after_s, deadline_s, interval_s, consecutive_passes
    [retention]      keep, share, records
    [limits]         command_timeout_s
    [log]            target = journald | eventlog                              where each run reports how it ended
    [report]         to                                                        where receipts go
    [watch]          interval_s, failures, roll_back                           health after commit; off unless set
    [trust]          strict_expiry, ship_key
    [agent]          sources, trust, poll_interval_s, fetch_windows, maintenance_windows, time_zone, limit_bytes_per_s,
                     channel, max_bytes, max_time_s, allow_full, auth_file, ca_file, proxy
    [page]           port, by_agent, sticks                                    the mate's page

Keys and bounds are the fields of the structs below, which are frozen. A key that is not among them is refused by name,
for a misspelt `expect_status` that is silently ignored would pass a broken release as healthy.
"""

import re
import tomllib
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Final, Literal, get_args
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from apply.errors import ConfigError
from apply.site.maintenance_windows import DailyWindows
from apply.site.toml_lines import line_of
from bundle.errors import Malformed
from bundle.format.root import check_product
from bundle.host.files import read_given
from bundle.names.nearness import did_you_mean

_SOURCE: Final = "_source"  # of a configuration from a file: its path and its text
OUTBOX: Final = "outbox"  # the way home that is SITE/.unrep/outbox
# No text may hold a NUL, which ends a string for the operating system.
_NO_NUL: Final = "^[^\x00]*$"
Text = Annotated[str, Meta(pattern=_NO_NUL)]
Name = Annotated[str, Meta(min_length=1, max_length=256, pattern=_NO_NUL)]
Source = Annotated[str, Meta(min_length=1, max_length=2048, pattern=_NO_NUL)]
Argv = Annotated[tuple[Text, ...], Meta(min_length=1)]
TimeoutS = Annotated[float, Meta(gt=0, le=3600)]


class Table(Struct, frozen=True, forbid_unknown_fields=True):
    """A TOML table whose keys are exactly its fields."""


class PythonWheels(Table, frozen=True, kw_only=True):
    """A virtual environment beside the tree, filled from the release's own wheels. Paths lie inside the tree."""

    requirements: Name = "requirements.txt"
    wheels: Name = "wheels"
    python: Name = "python3"

    def __post_init__(self) -> None:
        for key, path in (("requirements", self.requirements), ("wheels", self.wheels)):
            parts = PurePosixPath(path.replace("\\", "/"))
            if parts.is_absolute() or ".." in parts.parts or ":" in path:
                raise ValueError(f"{key} = {path!r} must be a path inside the release")


class PrepareConfig(Table, frozen=True, kw_only=True):
    """What makes a new tree ready to run before it becomes current."""

    python_wheels: PythonWheels | None = None
    command: Argv | None = None


class SwitchConfig(Table, frozen=True, kw_only=True):
    """How the application starts anew after a switch. At most one way may be named.

    `current`: a link, or a pointer file for applications that are started by `unrep run`.
    """

    current: Literal["link", "pointer"] = "link"
    restart: Argv | None = None
    iis_app_pool: Name | None = None
    windows_service: Name | None = None
    systemd_unit: Name | None = None

    def __post_init__(self) -> None:
        given = [key for key in self.__struct_fields__ if key != "current" and getattr(self, key) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)}: at most one way to restart may be given")


class HooksConfig(Table, frozen=True, kw_only=True):
    """Commands that keep the application's data: saved before the switch, put back by a rollback.

    `on_event` is told of each event, as one JSON object on its standard input [A-150].
    """

    snapshot: Argv | None = None
    restore: Argv | None = None
    on_event: Argv | None = None


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
        if not _is_plain_http_url(self.url):
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


class HealthWindow(Table, frozen=True, kw_only=True):
    """How long a new version has to become healthy, and how often it must prove so in a row."""

    start_after_s: Annotated[float, Meta(ge=0, le=3600)] = 0.5
    deadline_s: Annotated[float, Meta(gt=0, le=86400)] = 60.0
    interval_s: Annotated[float, Meta(ge=0.01, le=3600)] = 0.5
    consecutive_passes: Annotated[int, Meta(ge=1, le=1000)] = 3

    def __post_init__(self) -> None:
        needed_s = self.start_after_s + (self.consecutive_passes - 1) * self.interval_s
        if needed_s >= self.deadline_s:
            raise ValueError(
                f"deadline_s = {self.deadline_s:g} leaves no time for {self.consecutive_passes} passes "
                f"every {self.interval_s:g} s after {self.start_after_s:g} s: every release would fail"
            )


class RetentionConfig(Table, frozen=True, kw_only=True):
    """How many versions stay besides the current and the last good one, and whether files that are in several of them
    are there once [A-126]. `records`: of so many runs the record stays [A-155]."""

    keep: Annotated[int, Meta(ge=0, le=1000)] = 3
    share: bool = False
    records: Annotated[int, Meta(ge=20, le=1_000_000)] = 1000


class LimitsConfig(Table, frozen=True, kw_only=True):
    """Bounds on what a site's own commands may take: prepare, hooks and restart, each."""

    command_timeout_s: Annotated[float, Meta(gt=0, le=86400)] = 600.0


class LogConfig(Table, frozen=True, kw_only=True):
    """The log of the system where each run reports how it ended, if one is named."""

    target: Literal["journald", "eventlog"] | None = None


class ReportConfig(Table, frozen=True, kw_only=True):
    """Where receipts go [A-147]: "outbox", directories as seen from the site, URLs. The agent brings them there."""

    to: Annotated[tuple[Source, ...], Meta(max_length=8)] = (OUTBOX,)

    def __post_init__(self) -> None:
        for way in self.to:
            if "://" in way and not _is_plain_http_url(way):
                raise ValueError(f"to = {way!r} must be 'outbox', a directory, or an http:// or https:// URL")


class WatchConfig(Table, frozen=True, kw_only=True):
    """Whether the agent asks the health checks on after a commit, and how often [A-158]. Without `interval_s` it does
    not. `failures`: so many rounds in a row make a version unhealthy. `roll_back`: it then goes back."""

    interval_s: Annotated[float, Meta(ge=1, le=86400)] | None = None
    failures: Annotated[int, Meta(ge=1, le=1000)] = 3
    roll_back: bool = False


class TrustConfig(Table, frozen=True, kw_only=True):
    """`strict_expiry` refuses what an expired key has signed. Without it that is only reported [R-13].

    `ship_key`: the private key that opens what is encrypted to this ship, as seen from the site [S-14].
    """

    strict_expiry: bool = False
    ship_key: Name | None = None


class AgentConfig(Table, frozen=True, kw_only=True):
    """What the unattended ship asks, and when. Files, and sources that are paths, are seen from the site.

    No window means at any time. `allow_full`: the full release may be fetched where no delta serves. `auth_file`,
    `ca_file`, `proxy`: as the options of `unrep fetch`.
    """

    sources: Annotated[tuple[Source, ...], Meta(max_length=16)] = ()
    trust: Name | None = None
    poll_interval_s: Annotated[float, Meta(ge=0.1, le=86400)] = 900.0
    fetch_windows: tuple[Name, ...] = ()
    maintenance_windows: tuple[Name, ...] = ()
    time_zone: Name = "UTC"
    limit_bytes_per_s: Annotated[int, Meta(ge=1)] | None = None
    channel: Annotated[str, Meta(max_length=32, pattern=r"^([a-z0-9][a-z0-9_-]*)?$")] = ""
    max_bytes: Annotated[int, Meta(ge=1)] | None = None
    max_time_s: Annotated[float, Meta(gt=0)] | None = None
    allow_full: bool = False
    auth_file: Name | None = None
    ca_file: Name | None = None
    proxy: Name | None = None

    def __post_init__(self) -> None:
        for key in ("fetch_windows", "maintenance_windows"):
            try:
                DailyWindows.of(getattr(self, key), "UTC")
            except ValueError as error:
                raise ValueError(f"{key}: {error}") from error
        self.fetch_times()  # in the zone that is named

    def fetch_times(self) -> DailyWindows:
        """When sources may be asked."""
        return DailyWindows.of(self.fetch_windows, self.time_zone)

    def maintenance_times(self) -> DailyWindows:
        """When a release may be switched."""
        return DailyWindows.of(self.maintenance_windows, self.time_zone)


class PageConfig(Table, frozen=True, kw_only=True):
    """The mate's page, at http://127.0.0.1:PORT/ on this machine alone. `by_agent`: the agent shows it as well.

    `sticks`: directories where a stick appears, as seen from the site; without any, what the system calls removable.
    """

    port: Annotated[int, Meta(ge=1, le=65535)] = 8642
    by_agent: bool = False
    sticks: Annotated[tuple[Source, ...], Meta(max_length=16)] = ()


class SiteConfig(Table, frozen=True, kw_only=True, dict=True):
    """The whole configuration. SiteConfig() is that of a site without a file.

    `product`: what the site is for [A-91]; "" where its first release decides.
    """

    product: str = ""
    prepare: PrepareConfig = PrepareConfig()
    switch: SwitchConfig = SwitchConfig()
    hooks: HooksConfig = HooksConfig()
    health: tuple[HealthCheck, ...] = ()
    health_window: HealthWindow = HealthWindow()
    retention: RetentionConfig = RetentionConfig()
    limits: LimitsConfig = LimitsConfig()
    log: LogConfig = LogConfig()
    report: ReportConfig = ReportConfig()
    watch: WatchConfig = WatchConfig()
    trust: TrustConfig = TrustConfig()
    agent: AgentConfig = AgentConfig()
    page: PageConfig = PageConfig()

    def __post_init__(self) -> None:
        if self.product:
            try:
                check_product(self.product)
            except Malformed as error:
                raise ValueError(str(error)) from error

    def place_of(self, key: str) -> str:
        """Where a key stands, such as "/opt/vms/unrep.toml: line 12", for messages."""
        path, text = self.__dict__.get(_SOURCE, (Path("unrep.toml"), ""))
        line = line_of(text, key)
        return f"{path}: line {line}" if line else str(path)


def load(path: Path | None) -> SiteConfig:
    """The configuration in the file [A-5], or that of a site without one for None.

    Raises ConfigError, naming the file and the key, for a file that is missing, unreadable, not TOML or not valid.
    """
    if path is None:
        return SiteConfig()
    try:
        text = read_given(path).decode("utf-8-sig")  # Windows editors write a BOM
        document = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # a TOML or UTF-8 error is a ValueError
        raise ConfigError(f"{path}: not a valid TOML file: {error}") from error
    try:
        config = msgspec.convert(document, SiteConfig)
    except msgspec.ValidationError as error:
        sentence, key = _explained(str(error), document)
        line = line_of(text, key)
        raise ConfigError(f"{path}: {f'line {line}: ' if line else ''}{sentence}") from error
    config.__dict__[_SOURCE] = (path, text)
    return config


def _is_plain_http_url(url: str) -> bool:
    if not (url.isascii() and url.isprintable()) or " " in url:
        return False
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
        )
    except ValueError:  # a port out of range, an unclosed bracket
        return False


_TOML_WORDS: Final = {
    "object": "a table",
    "array": "an array",
    "str": "a string",
    "int": "an integer",
    "float": "a number",
    "bool": "a boolean",
}
_CHECKS: Final = {str(check.__struct_config__.tag): check for check in get_args(HealthCheck)}
_CHOICES: Final = {
    "type": tuple(_CHECKS),
    "requirement": ("required", "wanted"),
    "target": ("journald", "eventlog"),
    "current": ("link", "pointer"),
}
_TABLES: Final[dict[str, type[Table]]] = {
    "": SiteConfig,
    "prepare": PrepareConfig,
    "prepare.python_wheels": PythonWheels,
    "switch": SwitchConfig,
    "hooks": HooksConfig,
    "health_window": HealthWindow,
    "retention": RetentionConfig,
    "limits": LimitsConfig,
    "log": LogConfig,
    "report": ReportConfig,
    "watch": WatchConfig,
    "trust": TrustConfig,
    "agent": AgentConfig,
    "page": PageConfig,
}


# msgspec names the place in its own notation, and calls types as Python does. A person knows TOML.
def _explained(message: str, document: dict[str, Any]) -> tuple[str, str]:
    """Our words for msgspec's, such as "Expected `int`, got `str` - at `$.health[0].port`", and the key at fault."""
    problem, key = message, ""
    if place := re.search(r" - at `\$\.?([\w.\[\]]+)`\Z", message):
        problem, key = message[: place.start()], place[1]
    if unknown := re.fullmatch(r"Object contains unknown field `(.*)`", problem, re.DOTALL):
        known, name = _known_keys(key, document), _joined(key, unknown[1])
        hint = "; 'product' stands above all tables" if unknown[1] == "product" else did_you_mean(unknown[1], known)
        return f"unknown key {name!r}; known keys are {', '.join(known)}{hint}", name
    if missing := re.fullmatch(r"Object missing required field `(.*)`", problem):
        return f"missing key {_joined(key, missing[1])!r}", key
    if problem.startswith("Invalid"):
        choices = ", ".join(_CHOICES[key.rpartition(".")[2]])
        return f"{key!r}: {_lowered(problem)}; it may be one of {choices}", key
    if "matching regex" in problem:
        is_name = "a-z" in problem
        allowed = "must be lower-case letters, digits, '-' and '_'" if is_name else "must not hold a NUL character"
        return f"{key!r} {allowed}", key
    if (first := re.split(r"\W", problem, maxsplit=1)[0]) in _known_keys(key, document):  # a table says what it lacks
        return (f"{key!r}: {problem}" if key else problem), _joined(key, first)
    words = re.sub(r"`(\w+)(?: \| null)?`", lambda word: _TOML_WORDS.get(word[1], word[1]), problem)
    return (f"{key!r}: {_lowered(words)}" if key else _lowered(words)), key


def _lowered(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _joined(table: str, key: str) -> str:
    return f"{table}.{key}" if table else key


def _known_keys(table: str, document: dict[str, Any]) -> tuple[str, ...]:
    if check := re.fullmatch(r"health\[(\d+)\]", table):
        found = document["health"][int(check[1])]
        kind = _CHECKS.get(found.get("type", "")) if isinstance(found, dict) else None
        return ("type", *kind.__struct_fields__) if kind else ()
    return _TABLES[table].__struct_fields__ if table in _TABLES else ()
