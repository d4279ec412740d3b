"""The Python that makes environments, and those that the installed versions have [A-143]."""

import os
from collections.abc import Iterator

from apply.application.commands import run_own
from apply.application.environment import interpreter
from apply.errors import StepFailed
from apply.readiness.findings import Finding
from apply.site.config import SiteConfig
from apply.site.layout import Site, StepContext

_TIMEOUT_S = 60.0
_KEY = "prepare.python_wheels.python"
_ADVICE = "install python3-venv, or name another Python" if os.name == "posix" else "name a complete Python"


def examine_python(site: Site, config: SiteConfig) -> Iterator[Finding]:
    """Why no environment could be made here."""
    wheels = config.prepare.python_wheels
    if wheels is None:
        return
    context = StepContext(site.root, "", site.versions)
    try:
        python = interpreter(site, context, wheels.python)
        run_own([python, "-I", "-c", "import venv, ensurepip"], context, step="check", timeout_s=_TIMEOUT_S)
    except StepFailed as error:
        advice = f"; {_ADVICE}" if "ensurepip" in error.reason or "venv" in error.reason else ""
        yield Finding(_KEY, f"{error.reason}{advice}")
