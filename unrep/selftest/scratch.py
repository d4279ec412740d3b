"""A site of its own beside the real one, with three tiny releases: on the same file system, gone at the end.

Everything is what the real site has: the same kind of `current`, the real builder, a real update, a real rollback. Only
the releases are made up, the third of which cannot be started.
"""

import json
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from apply.site import durable
from apply.site.config import HealthWindow, SiteConfig, SwitchConfig
from apply.site.health_checks import CommandCheck
from apply.site.layout import Site
from bundle.host.progress import Quiet
from bundle.trust.signing import load_private_key, write_key_pair
from bundle.trust.trust import Trust, load_trust
from bundle.write.builder import BuildRequest, build

GOOD: Final = ("1.0.0", "1.0.1")
BAD: Final = "1.0.2"
MARK: Final = "mark.txt"
_FILES: Final = 32
_START: Final = "import pathlib, sys; sys.exit((pathlib.Path(sys.argv[1]) / 'mark.txt').read_text() == sys.argv[2])"
_CHECK: Final = "import pathlib, sys; sys.exit(not (pathlib.Path(sys.argv[1]) / 'mark.txt').read_text())"


class Scratch:
    """`directory` holds releases, bundles and key; the site lies in it."""

    def __init__(self, directory: Path, real: SiteConfig) -> None:
        self.directory = directory
        (directory / "site").mkdir()
        self.site = Site.at(directory / "site")
        self.config = SiteConfig(
            switch=SwitchConfig(current=real.switch.current, restart=(*_python(_START), BAD)),
            health=(CommandCheck(argv=_python(_CHECK), timeout_s=30),),
            health_window=HealthWindow(start_after_s=0, deadline_s=30, interval_s=0.05, consecutive_passes=1),
        )
        for version in (*GOOD, BAD):
            _write_release(directory / version, version)
        write_key_pair(directory / "sender")
        self.trust: Trust = load_trust(directory / "sender.pub")

    def bundle(self, version: str, *bases: str) -> Path:
        """A bundle of one of the releases; its place among them is its seq."""
        out = self.directory / f"{version}.unrep"
        seq = (*GOOD, BAD).index(version) + 1
        request = BuildRequest(
            new=self.directory / version,
            product="selftest",
            version=version,
            seq=seq,
            out=out,
            bases=[self.directory / base for base in bases],
        )
        with ThreadPoolExecutor(1) as pool:
            build(request, load_private_key(self.directory / "sender.key"), pool, Quiet())
        return out


@contextmanager
def scratch_site(real: Site, config: SiteConfig) -> Iterator[Scratch]:
    """Makes it beside the real site, and removes it however the block ends. Raises StorageFailed."""
    with durable.storage_errors(real.root.parent):
        directory = Path(tempfile.mkdtemp(prefix=f"{real.root.name}-selftest-", dir=real.root.parent))
    try:
        with durable.storage_errors(directory):
            scratch = Scratch(directory, config)
        yield scratch
    finally:
        durable.remove_tree(directory)


def _write_release(directory: Path, version: str) -> None:
    directory.mkdir()
    (directory / MARK).write_text(version, encoding="utf-8")
    for number in range(_FILES):
        (directory / f"file-{number}.json").write_text(json.dumps([version, number] * 50), encoding="utf-8")


def _python(code: str) -> tuple[str, ...]:
    return sys.executable, "-I", "-S", "-c", code, "{tree}"
