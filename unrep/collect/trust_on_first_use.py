"""Trust on first use for wheels whose pin has no hash: spec/decisions/0016-pins-and-hashes.md.

The first `unrep collect` saves their hashes beside the requirements, in REQUIREMENTS.wheels.sha256, one line of
sha256sum(1) a wheel. Later calls compare: the name of a wheel tells version and platform, and an honest registry never
gives another file under it.
"""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from apply.errors import StorageFailed
from apply.site import durable
from bundle.host import presence
from bundle.host.files import PUBLIC
from unrep.errors import CollectError

_SUFFIX: Final = ".wheels.sha256"
_LINE: Final = re.compile(r"([0-9a-f]{64})  ([^\s/\\]+\.whl)")


def hashes_file(requirements: Path) -> Path:
    """The file with the hashes, beside a requirements file."""
    return requirements.with_name(requirements.name + _SUFFIX)


def checked(file: Path, wheels: Iterable[Path]) -> dict[str, str]:
    """The hashes by the names of wheels: those in the file, if there is one, and those of `wheels`.

    Raises CollectError for a wheel that is another than it was, and for a file that is not one of hashes.
    """
    known = _read(file)
    for wheel in wheels:
        with wheel.open("rb") as opened:
            found = hashlib.file_digest(opened, "sha256").hexdigest()
        if known.setdefault(wheel.name, found) != found:
            raise CollectError(
                f"{wheel.name}: is another file than when it was first collected: find out why, and remove its line in "
                f"{file} if that is as it should be"
            )
    return known


def save(file: Path, hashes: dict[str, str]) -> str:
    """Writes the hashes; returns why they could not be written, "" if they were."""
    text = "".join(f"{value}  {name}\n" for name, value in sorted(hashes.items())).encode()
    try:
        with durable.storage_errors(file):
            if not presence.exists(file) or file.read_bytes() != text:
                durable.write_file(file, text, PUBLIC)
    except StorageFailed as error:
        return str(error)
    return ""


def _read(file: Path) -> dict[str, str]:
    if not presence.exists(file):
        return {}
    hashes: dict[str, str] = {}
    for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        parts = _LINE.fullmatch(line)
        if parts is None or parts[2] in hashes:
            raise CollectError(
                f"{file}: line {number} is not the hash of one more wheel: put the file back, or remove it"
            )
        hashes[parts[2]] = parts[1]
    return hashes
