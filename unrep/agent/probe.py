"""`unrep agent --probe`: could this very unrep be a ship's agent, or is it? [A-230] [A-231]

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
from unrep.agent.running import is_running
from unrep.agent.telling.bulletin import read_bulletin
from unrep.errors import SelfTestFailed
from unrep.kit.application import PACKAGES
from unrep.renewing.home import program_directory

# Of the extras, which a ship need not have: modules that want one of these are left out.
EXTRAS: Final = frozenset(
    {"argon2", "distributed", "fsspec", "jinja2", "prometheus_client", "psycopg", "raptorq", "sqlalchemy"}
    | {"starlette", "uvicorn"}
)


def import_all() -> int:
    """How many modules there are, all of which can be imported. Raises SelfTestFailed."""
    return sum(map(_imported, _modules()))


def probe(site: Path | None, config_file: Path | None) -> int:
    """`import_all`, and reads what an agent of that site would; `config_file`: instead of the site's own.

    Raises SelfTestFailed, and what reading a site does.
    """
    count = import_all()
    place = Site.at(site) if site else None
    load(config_file or (place.config_file if place else None))
    if place:
        read_state(place)
        saved_trust(place)
    return count


def check_alive(site: Site, alive_s: float, now: float) -> None:
    """Raises SelfTestFailed unless the agent of the site is this very unrep, and has lived for so long [A-231]."""
    said, ours = read_bulletin(site), str(program_directory())
    if said is None or said.program != ours:
        other = f"it is the one in {said.program}" if said and said.program else "no such agent was heard of"
        raise SelfTestFailed(f"{site.root}: the agent is not the unrep in {ours}: {other}")
    if not said.is_alive(now) or not is_running(said.pid):
        raise SelfTestFailed(f"{site.root}: its agent was {'stopped' if said.stopped else 'killed, or hangs'}")
    if now - said.started_at < alive_s:
        raise SelfTestFailed(f"{site.root}: its agent has lived for {now - said.started_at:.0f} s, not {alive_s:g}")


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
