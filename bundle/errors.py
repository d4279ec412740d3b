"""What can go wrong in a bundle or in a release, by blame and by reaction.

    BundleError
    ├── Refused              the bundle must not be used, whatever the caller does
    │   ├── Malformed        bytes that break a rule of spec/format.md
    │   ├── Corrupt          bytes that are not the ones that were signed
    │   ├── Untrusted        no signature by a trusted key, or a chain of trust that does not hold
    │   │   └── Expired      signed by a key that has expired, where the site is strict about that
    │   ├── Revoked          a release that shore has taken back
    │   ├── Sealed           encrypted, and no ticket that opens it is at hand
    │   └── Unsupported      a format or feature that this reader does not know
    ├── NoSection            sound, but it holds nothing for this base
    ├── BaseMismatch         a file of the base is not what its tree manifest says
    ├── NoRoom               a disk, or quota, without room for what is to be written
    └── InputError           a release, key or option that the user can correct

Foreign exceptions are converted where they arise, with `from`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

E = TypeVar("E", bound=Exception)


class BundleError(Exception):
    """Everything that this package raises on purpose. `document`: figures of the run that it ended, by who reports."""

    document: dict[str, Any] | None = None


class Refused(BundleError):
    """The bundle must not be used."""


class Malformed(Refused):
    """The bytes break a rule of the format."""


class Corrupt(Refused):
    """The bytes are not the ones that were signed: damaged, cut short or exchanged."""


class Untrusted(Refused):
    """Not enough trusted keys have signed the root."""


class Expired(Untrusted):
    """The key that signed the release, or its trust root, has expired, and the site is strict about that [R-13]."""


class Revoked(Refused):
    """Shore has revoked the release [R-6]."""


class Sealed(Refused):
    """The bundle is encrypted to ships, and the ticket or the key that opens it is not here."""


class Unsupported(Refused):
    """The bundle needs a format version or a feature that this reader does not have."""


class NoSection(BundleError):
    """The bundle is sound, but has no section for the base at hand."""


class BaseMismatch(BundleError):
    """A file of the base is missing, unreadable or changed."""


class NoRoom(BundleError):
    """No room is left for an output, or for temporary files; the message says on which disk."""


class InputError(BundleError):
    """A release directory, key file or option cannot be used as it is."""


def named(error: E, what: object, advice: str = "") -> E:
    """Puts the file or source that an error is about before its message, and advice behind; returns the error."""
    error.args = (f"{what}: {error}{advice}", *error.args[1:])
    return error


@contextmanager
def naming(what: object, kind: type[Exception] = Refused) -> Iterator[None]:
    """Errors of that kind that leave the block name what they are about: the code within does not know it."""
    try:
        yield
    except kind as error:
        named(error, what)
        raise
