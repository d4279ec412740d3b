"""The fleet office needs the extra `unrep[fleet]`: what needs it is imported in this block alone [L-5].

with fleet_extra():
    from fleet... import ...
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from transfer.errors import ExtraMissing

DATABASE_VARIABLE: Final = "UNREP_FLEET"  # instead of repo.toml, for a URL that has a password in it
_OF_THE_EXTRA: Final = {"sqlalchemy", "starlette", "jinja2", "uvicorn", "prometheus_client", "argon2"}


@contextmanager
def fleet_extra() -> Iterator[None]:
    """Raises ExtraMissing, with how to install it, where something of the extra is not there."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _OF_THE_EXTRA:
            raise
        raise ExtraMissing(
            f"the fleet office needs {error.name}; install it with: pip install 'unrep[fleet]'"
        ) from error
