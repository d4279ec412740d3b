"""What the commands of `unrep trust` share: options, trust files on disk, and drafts in words."""

import os
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypedDict, TypeVar

import click
from msgspec import Meta

from bundle.errors import InputError, Refused
from bundle.format import canonical
from bundle.host.files import write_new
from bundle.host.output import OUTPUT
from bundle.trust.drafting import missing, newest_root
from bundle.trust.signing import read_file
from bundle.trust.trust_file import TrustFile, decode_trust_file
from unrep.terminal.console import tell

F = TypeVar("F", bound=Callable[..., None])

trust_argument = click.argument("path", metavar="T", type=click.Path(path_type=Path))
out_option = click.option("--out", metavar="F", required=True, type=click.Path(path_type=Path), help="The new file.")


class DraftAnswer(TypedDict):
    """A trust file that was written."""

    file: Annotated[str, Meta(description="Path of the file.")]
    version: Annotated[int, Meta(description="Version of the newest trust root in it.")]
    bytes: Annotated[int, Meta(description="Size of the file.")]
    missing: Annotated[list[str], Meta(description="What it lacks to be followed, in words; empty if complete.")]


def keys_option(name: str, parameter: str, text: str) -> Callable[[F], F]:
    """A repeatable option that takes public key files."""
    return click.option(name, parameter, metavar="P", multiple=True, type=click.Path(path_type=Path), help=text)


def date_option(name: str, text: str) -> Callable[[F], F]:
    """An option that takes a day."""
    return click.option(name, metavar="YYYY-MM-DD", type=click.DateTime(["%Y-%m-%d"]), help=text)


def seconds_of(day: datetime | None) -> int:
    """The beginning of that day, UTC, in seconds since 1970; 0 for none. Raises InputError for one before 1970."""
    seconds = int(day.replace(tzinfo=UTC).timestamp()) if day else 0
    if seconds < 0 or (day and not seconds):
        raise InputError(f"{day:%Y-%m-%d}: lies before anything could expire")
    return seconds


def now_s() -> int:
    """SOURCE_DATE_EPOCH, else the clock, in seconds since 1970."""
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    return int(given) if re.fullmatch(r"[0-9]{1,16}", given) else int(time.time())


def read_trust_file(path: Path) -> TrustFile:
    """A trust file, draft or not. Raises InputError if it is none."""
    try:
        file = decode_trust_file(read_file(path))
        newest_root(file)
    except Refused as error:
        raise InputError(f"{path}: {error}; name a file that 'unrep trust' has made") from error
    return file


def write_trust_file(path: Path, file: TrustFile, as_json: bool, *, anew: bool = True) -> None:
    """Writes it and says what it lacks. Raises NoRoom, or InputError if it must be new and is not."""
    data = canonical.encode(file)
    if anew:
        with OUTPUT.errors(path):
            try:
                write_new(path, data)
            except FileExistsError as error:
                raise InputError(f"{path}: exists already; choose another --out") from error
    else:
        OUTPUT.write_file(path, data)
    version = newest_root(file).version
    absent = missing(file)
    document: DraftAnswer = {"file": str(path), "version": version, "bytes": len(data), "missing": absent}
    head = f"{path}: trust root {version}, {'a draft' if absent else 'complete'}, {len(data):,} bytes"
    tell(as_json, document, head, *(f"  {part}" for part in absent))
