"""Making a complete tree ready to run before it becomes current: a virtual environment from its own wheels, a command.

Nothing is downloaded: pip sees only the release's wheels. The environment stands at its final place from the start,
for its scripts name that place; it is made anew by every run, until the release's first switch is intended.
"""

import os
from pathlib import Path

from apply import durable
from apply.commands import StepContext, run
from apply.config import PythonWheels, SiteConfig
from apply.errors import StepFailed
from apply.site import Site

STEP = "prepare"


def prepare(site: Site, config: SiteConfig, version: str) -> None:
    """Raises StepFailed, naming the command that failed and its last line; StorageFailed or DiskFull."""
    timeout_s = config.limits.command_timeout_s
    if config.prepare.python_wheels:
        _make_venv(site, config.prepare.python_wheels, version, timeout_s)
    if config.prepare.command:
        run(config.prepare.command, site.context(version), step=STEP, timeout_s=timeout_s, cwd=site.tree(version))


def _make_venv(site: Site, wheels: PythonWheels, version: str, timeout_s: float) -> None:
    venv, tree = site.venvs / version, site.tree(version)
    durable.remove_tree(venv)
    context = StepContext(site.root, version, tree, venv)
    for needed in (tree / wheels.requirements, tree / wheels.wheels):
        if not needed.exists():
            raise StepFailed(STEP, f"{needed}: not in the release, but prepare.python_wheels names it")
    run([wheels.python, "-m", "venv", str(venv)], context, step=STEP, timeout_s=timeout_s)
    pip = [str(_python(venv)), "-m", "pip", "--isolated", "--disable-pip-version-check", "install", "--quiet"]
    files = ["--no-index", "--find-links", str(tree / wheels.wheels), "--requirement", str(tree / wheels.requirements)]
    run([*pip, *files], context, step=STEP, timeout_s=timeout_s)
    durable.sync_tree(venv)
    durable.sync_directory(venv.parent)


def _python(venv: Path) -> Path:
    return venv / "Scripts" / "python.exe" if os.name == "nt" else venv / "bin" / "python"
