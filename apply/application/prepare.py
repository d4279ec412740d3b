"""Making a complete tree ready to run before it becomes current: its environment, and the site's own command.

Every run makes the environment anew, until the release's first switch is intended. Later it is made anew where it is of
no use any more [A-143].
"""

import contextlib

from apply.application.commands import run
from apply.application.environment import STEP, environment_fault, make_environment, seal_environment
from apply.errors import StepFailed, StorageFailed
from apply.site import durable
from apply.site.config import SiteConfig
from apply.site.layout import Site
from bundle.host import presence


def prepare(site: Site, config: SiteConfig, version: str) -> None:
    """Raises StepFailed, naming the command that failed and its last line. Raises StorageFailed or DiskFull, too."""
    timeout_s = config.limits.command_timeout_s
    if config.prepare.python_wheels:
        make_environment(site, config.prepare.python_wheels, version, timeout_s)
    if config.prepare.command:
        run(config.prepare.command, site.context(version), step=STEP, timeout_s=timeout_s, cwd=site.tree(version))
    if config.prepare.python_wheels:
        seal_environment(site, version, timeout_s)  # last, for the command may have added to it


def mend_environment(site: Site, config: SiteConfig, version: str) -> str:
    """Prepares the version anew if its environment is of no use. Returns why it was, "" for one that is sound.

    What stood there stays where that fails. Raises StepFailed, StorageFailed.
    """
    fault = environment_fault(site, config, version)
    if not fault:
        return ""
    venv, aside = site.venvs / version, site.staging / f"environment-{version}"
    durable.remove_tree(aside)
    if presence.exists(venv):
        durable.replace(venv, aside)
    try:
        prepare(site, config, version)
    except (StepFailed, StorageFailed):
        with contextlib.suppress(StorageFailed):
            durable.remove_tree(venv)
            if presence.exists(aside):
                durable.replace(aside, venv)
        raise
    with contextlib.suppress(StorageFailed):  # the next run removes what is left over
        durable.remove_tree(aside)
    return fault
