"""Starting a program in the version that is current: `unrep run`.

`current` is read once, so that the program finds all of its files in one version, whatever is switched meanwhile. The
program is started in the real directory of that version, and told of it as every command of a site is (UNREP_SITE,
UNREP_VERSION, UNREP_TREE, UNREP_VENV). On POSIX it takes the place of this process, so it gets every signal and is
waited for by whoever started unrep. On Windows it is a child that dies with this process, and gets the console's Ctrl-C
beside it.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from apply.current.opening import open_switch
from apply.errors import SiteInvalid
from apply.site.config import SiteConfig
from apply.site.layout import CURRENT, Site, StepContext
from bundle.host import presence
from unrep.errors import UsageRefused


def resolve(site: Site, config: SiteConfig) -> StepContext:
    """The version that is current now. Raises SiteInvalid if there is none, or if its directory is missing."""
    tree = open_switch(site.root, config.switch.current).read()
    if tree is None:
        raise SiteInvalid(f"{site.root / CURRENT}: does not exist; apply a release first")
    if not presence.is_directory(tree):
        raise SiteInvalid(f"{tree}: is current, and missing; 'unrep recover', or apply a full release")
    return site.context(tree.name)


def launch(argv: Sequence[str], context: StepContext) -> int:
    """Runs the command there; its exit code, where it does not take this process's place. Raises UsageRefused."""
    words = [context.expand(word) for word in argv]
    environment = {**os.environ, **context.environment()}
    try:
        if sys.platform == "win32":
            return _beside(words, context.tree, environment)
        os.chdir(context.tree)
        for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # by Python, and what is ignored stays so in its successor
            signal.signal(ignored, signal.SIG_DFL)
        os.execvpe(words[0], words, environment)  # noqa: S606 - no shell is the point
    except OSError as error:
        raise UsageRefused(f"{words[0]}: cannot be started in {context.tree}: {error.strerror}") from error
    except ValueError as error:  # no name at all, or a letter that this system's character set does not have
        raise UsageRefused(f"{words[0]!r}: cannot be started: {error}") from error


if sys.platform == "win32":
    from unrep.launching.windows_job import closing_with_us

    def _beside(words: list[str], tree: Path, environment: dict[str, str]) -> int:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGBREAK, signal.SIG_IGN)
        with subprocess.Popen(words, cwd=tree, env=environment) as process, closing_with_us(process):
            return process.wait()
