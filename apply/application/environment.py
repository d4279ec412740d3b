"""A version's virtual environment: made from the release's own wheels, and found sound or not later [A-101], [A-143].

Nothing is downloaded or built: pip sees only the release's wheels (`wheelhouse`). An environment names the place where
it was made and the Python that made it. So it is of no use once the site has moved or Python was replaced, and is then
made anew from the same wheels (`prepare`). `unrep.json` in it says where, by which Python, and what was installed.
"""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from apply.application.commands import run_own
from apply.application.programs import located
from apply.application.wheelhouse import for_pip
from apply.errors import StepFailed, StorageFailed
from apply.site import durable
from apply.site.config import PythonWheels, SiteConfig
from apply.site.layout import Site, StepContext
from bundle.host import presence
from bundle.host.files import PUBLIC, read_given, write_new

STEP: Final = "prepare"
_NOTE: Final = "unrep.json"
# Where it is, which Python runs in it, and a hash of the names and versions of its packages.
_PROBE: Final = """
import hashlib, importlib.metadata, json, os, sys
found = sorted(f"{d.metadata['Name']} {d.version}" for d in importlib.metadata.distributions())
packages = hashlib.sha256("\\n".join(found).encode()).hexdigest()
print(json.dumps({"place": os.path.realpath(sys.prefix), "python": sys.implementation.cache_tag, "packages": packages}))
"""


def make_environment(site: Site, wheels: PythonWheels, version: str, timeout_s: float) -> None:
    """Makes the version's environment, in the place of any that is there. Raises StepFailed, StorageFailed, DiskFull.

    It stands at its final place from the start, for its scripts name that place.
    """
    venv, tree = site.venvs / version, site.tree(version)
    # What a run that died has left there may be half an environment, and nothing tells that from a whole one.
    durable.remove_tree(venv)
    context = StepContext(site.root, version, tree, venv)
    for needed in (tree / wheels.requirements, tree / wheels.wheels):
        if not presence.exists(needed):
            raise StepFailed(STEP, f"{needed}: not in the release, but prepare.python_wheels names it")
    wanted = for_pip(tree, tree / wheels.requirements, tree / wheels.wheels, STEP)
    with _empty_directory(site) as empty:
        file = empty / "requirements.txt"
        with durable.storage_errors(file):
            write_new(file, wanted.encode())
        own = partial(run_own, context=context, step=STEP, timeout_s=timeout_s, cwd=empty)
        own([interpreter(site, context, wheels.python), "-I", "-m", "venv", str(venv)])
        pip = [str(_python(venv)), "-I", "-m", "pip", "--isolated", "--disable-pip-version-check", "install", "--quiet"]
        closed = ["--no-index", "--no-cache-dir", "--only-binary=:all:", "--requirement", str(file)]
        own([*pip, *closed], environment={"PIP_CONFIG_FILE": os.devnull})


def seal_environment(site: Site, version: str, timeout_s: float) -> None:
    """Notes what the finished environment holds, and makes all of it durable. Raises as `make_environment`."""
    venv = site.venvs / version
    try:
        made = _probe(venv, StepContext(site.root, version, site.tree(version), venv), timeout_s)
    except ValueError as error:
        raise StepFailed(STEP, f"{_python(venv)}: gave another answer than what it holds: {error}") from error
    durable.write_file(venv / _NOTE, json.dumps(made).encode(), PUBLIC)  # the application may be another's
    durable.sync_tree(venv)
    durable.sync_directory(venv.parent)


def environment_fault(site: Site, config: SiteConfig, version: str) -> str:
    """Why the version could not run in its environment, as a clause; "" if it could, or needs none [A-143]."""
    wheels, venv = config.prepare.python_wheels, site.venvs / version
    if wheels is None or not presence.exists(site.tree(version) / wheels.requirements):
        return ""
    if not presence.is_directory(venv):
        return f"version {version} has no environment"
    try:
        made = json.loads(read_given(venv / _NOTE))
        found = _probe(venv, StepContext(site.root, version, site.tree(version), venv), config.limits.command_timeout_s)
    except StepFailed as error:
        return f"the environment of version {version} does not start: {error.reason}"
    except (OSError, ValueError):
        return f"the environment of version {version} is not whole"
    return _difference(made, found, version)


def interpreter(site: Site, context: StepContext, named: str) -> str:
    """The Python that is configured, by its full path. A relative path is seen from the site. Raises StepFailed."""
    found = located(context.expand(named))
    if found is None:
        raise StepFailed(STEP, f"{named} cannot be started: no directory of PATH has it; name it by its full path")
    return str(site.root / found)


def _difference(made: Any, found: Any, version: str) -> str:
    words = {
        "place": "was made at {made}",
        "python": "was made by {made}, and its Python is {found} now",
        "packages": "does not hold the packages that were installed",
    }
    for key, clause in words.items():
        known = made.get(key) if isinstance(made, dict) else None
        if known != found[key]:
            return f"the environment of version {version} {clause.format(made=known, found=found[key])}"
    return ""


def _probe(venv: Path, context: StepContext, timeout_s: float) -> dict[str, str]:
    """What is to be said of an environment. Raises StepFailed, ValueError for another answer."""
    answer = run_own([str(_python(venv)), "-I", "-c", _PROBE], context, step=STEP, timeout_s=timeout_s)
    try:
        said = json.loads(answer.splitlines()[-1])
        return {key: str(said[key]) for key in ("place", "python", "packages")}
    except (LookupError, TypeError) as error:
        raise ValueError(f"{answer[-100:]!r}") from error


@contextmanager
def _empty_directory(site: Site) -> Iterator[Path]:
    """For programs to stand in: Python would take a module of the site or of the release for its own [A-101]."""
    with durable.storage_errors(site.staging):
        path = Path(tempfile.mkdtemp(prefix="prepare-", dir=site.staging))
    try:
        yield path
    finally:
        with contextlib.suppress(StorageFailed):  # the next run removes what is left over
            durable.remove_tree(path)


def _python(venv: Path) -> Path:
    return venv / "Scripts" / "python.exe" if os.name == "nt" else venv / "bin" / "python"
