"""Making a complete tree ready to run before it becomes current: a virtual environment from its own wheels, a command.

Nothing is downloaded or built: pip sees only the release's wheels (`wheelhouse`). The environment stands at its
final place from the start, for its scripts name that place. Every run makes it anew, until the release's first switch
is intended.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from apply.application.commands import run, run_own
from apply.application.programs import located
from apply.application.wheelhouse import for_pip
from apply.errors import StepFailed, StorageFailed
from apply.site import durable
from apply.site.config import PythonWheels, SiteConfig
from apply.site.layout import Site, StepContext
from bundle.host import presence
from bundle.host.files import write_new

STEP = "prepare"


def prepare(site: Site, config: SiteConfig, version: str) -> None:
    """Raises StepFailed, naming the command that failed and its last line. Raises StorageFailed or DiskFull, too."""
    timeout_s = config.limits.command_timeout_s
    if config.prepare.python_wheels:
        _make_venv(site, config.prepare.python_wheels, version, timeout_s)
    if config.prepare.command:
        run(config.prepare.command, site.context(version), step=STEP, timeout_s=timeout_s, cwd=site.tree(version))


def _make_venv(site: Site, wheels: PythonWheels, version: str, timeout_s: float) -> None:
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
        own([_interpreter(site, context, wheels.python), "-I", "-m", "venv", str(venv)])
        pip = [str(_python(venv)), "-I", "-m", "pip", "--isolated", "--disable-pip-version-check", "install", "--quiet"]
        closed = ["--no-index", "--no-cache-dir", "--only-binary=:all:", "--requirement", str(file)]
        own([*pip, *closed], environment={"PIP_CONFIG_FILE": os.devnull})
    durable.sync_tree(venv)
    durable.sync_directory(venv.parent)


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


def _interpreter(site: Site, context: StepContext, named: str) -> str:
    """The Python that is configured, by its full path. A relative path is seen from the site."""
    found = located(context.expand(named))
    if found is None:
        raise StepFailed(STEP, f"{named} cannot be started: no directory of PATH has it; name it by its full path")
    return str(site.root / found)


def _python(venv: Path) -> Path:
    return venv / "Scripts" / "python.exe" if os.name == "nt" else venv / "bin" / "python"
