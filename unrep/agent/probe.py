"""`unrep agent --probe`: could this very unrep be a ship's agent? [A-230]

It imports every module, so that a library that is missing, or was built for another machine, shows before it is needed.
Of a site it reads what an agent reads at its start. It writes nothing.
"""

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Final

from apply.record.database import read_state
from apply.site.config import load
from apply.site.layout import Site
from apply.site.trusted import saved_trust
from bundle.host import presence
from unrep.errors import SelfTestFailed

PACKAGES: Final = ("bundle", "transfer", "apply", "repository", "fleet", "unrep")
# Of the extras, which a ship need not have: modules that want one of these are left out.
EXTRAS: Final = frozenset(
    {"argon2", "distributed", "fsspec", "jinja2", "prometheus_client", "psycopg", "raptorq", "sqlalchemy"}
    | {"starlette", "uvicorn"}
)


def probe(site: Path | None) -> int:
    """How many modules there are, all of which can be imported. Raises SelfTestFailed, and what reading a site does."""
    count = sum(map(_imported, _modules()))
    if site:
        place = Site.at(site)
        config = place.root / "unrep.toml"
        load(config if presence.exists(config) else None)
        read_state(place)
        saved_trust(place)
    return count


def _modules() -> Iterator[str]:
    for package in PACKAGES:
        yield package
        for found in pkgutil.walk_packages(import_module(package).__path__, f"{package}.", onerror=_unreadable):
            if not found.name.endswith(".__main__"):
                yield found.name


def _imported(module: str) -> bool:
    try:
        import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in EXTRAS:
            return False
        raise SelfTestFailed(f"{module} cannot be imported: {error}; this unrep is not whole") from error
    except Exception as error:
        raise SelfTestFailed(
            f"{module} cannot be imported: {type(error).__name__}: {error}; this unrep is not whole"
        ) from error
    return True


def _unreadable(package: str) -> None:
    raise SelfTestFailed(f"{package} cannot be imported; this unrep is not whole")
