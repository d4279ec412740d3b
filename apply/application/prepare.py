"""Making a complete tree ready to run before it becomes current: its environment, and the site's own command.

Every run makes the environment anew, until the release's first switch is intended.
"""

from apply.application.commands import run
from apply.application.environment import STEP, make_environment
from apply.site.config import SiteConfig
from apply.site.layout import Site


def prepare(site: Site, config: SiteConfig, version: str) -> None:
    """Raises StepFailed, naming the command that failed and its last line. Raises StorageFailed or DiskFull, too."""
    timeout_s = config.limits.command_timeout_s
    if config.prepare.python_wheels:
        make_environment(site, config.prepare.python_wheels, version, timeout_s)
    if config.prepare.command:
        run(config.prepare.command, site.context(version), step=STEP, timeout_s=timeout_s, cwd=site.tree(version))
