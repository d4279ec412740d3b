"""repo.toml: what a repository is for, who signs, where releases go, what they cost [P-6].

Relative paths are relative to the repository. A key that is not known is refused by name.
"""

import json
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from bundle.errors import Malformed
from bundle.format.root import Platform, check_product
from bundle.host.files import read_given
from repository.errors import SettingsRefused
from transfer.channels.channel import DEFAULT_CHANNEL, check_name


class SignerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who signs: a key file, plain or with a passphrase, or a command with its public key."""

    key: str = ""
    passphrase_file: str = ""
    command: str = ""
    public: str = ""


class BaseSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """From which releases a new one has deltas, where no ship has been heard; `full`: add the full section."""

    last: Annotated[int, Meta(ge=0, le=64)] = 5
    full: bool = True


class KeepSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `prune` keeps besides what ships hold and channels name: the newest releases."""

    releases: Annotated[int, Meta(ge=1, le=100_000)] = 10


class BuildSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who does the work of a build: so many processes, or the workers of a Dask scheduler."""

    workers: Annotated[int, Meta(ge=1, le=4096)] | None = None
    dask: str = ""


class FleetSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where `unrep fleet` keeps what ships say: a SQLite file, or a PostgreSQL by its URL; "" for repo.db itself."""

    database: str = ""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole file."""

    product: str
    platform: Platform = "any"
    epoch: Annotated[int, Meta(ge=0)] = 0
    destinations: tuple[str, ...] = ()
    channels: Annotated[tuple[str, ...], Meta(min_length=1)] = (DEFAULT_CHANNEL,)
    price_per_mb: Annotated[float, Meta(ge=0)] = 0.0
    currency: Annotated[str, Meta(max_length=8)] = ""
    recipients: tuple[str, ...] = ()
    trust: str = ""
    trust_from: Annotated[int, Meta(ge=0)] = 0
    signer: SignerSettings = SignerSettings()
    bases: BaseSettings = BaseSettings()
    keep: KeepSettings = KeepSettings()
    build: BuildSettings = BuildSettings()
    fleet: FleetSettings = FleetSettings()

    def __post_init__(self) -> None:
        try:
            check_product(self.product)
            for channel in self.channels:
                check_name(channel)
        except Malformed as error:
            raise ValueError(str(error)) from error

    def money(self, count: int) -> float:
        """What so many bytes cost on the link, in the currency."""
        return count / 1_000_000 * self.price_per_mb


def load_settings(path: Path) -> Settings:
    """Raises SettingsRefused, naming the file and the key."""
    try:
        document = tomllib.loads(read_given(path).decode("utf-8-sig"))
        return msgspec.convert(document, Settings)
    except OSError as error:
        raise SettingsRefused(f"{path}: cannot be read: {error.strerror}") from error
    except msgspec.ValidationError as error:
        raise SettingsRefused(f"{path}: {_sentence(str(error))}") from error
    except (ValueError, RecursionError) as error:  # a TOML or UTF-8 error is a ValueError
        raise SettingsRefused(f"{path}: not a valid TOML file: {error}") from error


def _sentence(message: str) -> str:
    """msgspec's words with the key in front, such as "keep.releases: expected `int`, got `str`"."""
    found = re.fullmatch(r"(.*?) - at `\$\.?(.+)`", message, re.DOTALL)
    problem, key = (found[1], found[2]) if found else (message, "")
    if unknown := re.fullmatch(r"Object contains unknown field `(.*)`", problem, re.DOTALL):
        return f"unknown key {f'{key}.' if key else ''}{unknown[1]}; take it out, or correct its name"
    return f"{key}: {problem[:1].lower()}{problem[1:]}" if key else problem[:1].lower() + problem[1:]


def first_settings(product: str, platform: str, signer: dict[str, str], destinations: list[str], **more: Any) -> str:
    """The text of a new repo.toml, with a comment for each key."""
    quoted = {name: _toml(value) for name, value in more.items()}
    signing = "\n".join(f"{name} = {_toml(value)}" for name, value in signer.items() if value)
    return _TEMPLATE.format(
        product=_toml(product),
        platform=_toml(platform),
        destinations=_toml(destinations),
        signer=signing,
        channels=quoted.get("channels", '["stable"]'),
        price=quoted.get("price_per_mb", "0.0"),
        currency=quoted.get("currency", '""'),
    )


def _toml(value: Any) -> str:
    """A TOML value: its basic strings, arrays and numbers are those of JSON, but for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


_TEMPLATE = """# What this repository is for. Relative paths are relative to this directory.
product = {product}
platform = {platform}  # "posix" allows symbolic links and names that Windows forbids

# Where releases are published: directories, or object stores such as "s3://bucket/vms".
destinations = {destinations}

# The channels that ships follow. A release moves the first one, unless --channel says otherwise.
channels = {channels}

# What a megabyte (1,000,000 bytes) costs on the link.
price_per_mb = {price}
currency = {currency}

# Public keys of the ships that can read the releases. None: everybody can.
recipients = []

# Trust file of 'unrep trust' whose chain every bundle carries.
# trust = "trust.unrep"

[signer]  # a key file, or a command with its public key
{signer}

[bases]
last = 5     # deltas from so many releases, where no ship has been heard
full = true  # add the full release, for first installs and for ships that skipped too many

[keep]
releases = 10  # 'unrep repo prune' keeps these, and what ships hold and channels name

[build]
# workers = 4
# dask = "tcp://10.0.0.5:8786"

[fleet]
# database = "postgresql://office@db/fleet"  # where 'unrep fleet' keeps what ships say; default: repo.db here
"""
