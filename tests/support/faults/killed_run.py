"""A run that is killed at a chosen line of its own code: a real process, a real SIGKILL, and a moment to repeat.

A moment is the number of lines of `apply` that the run has executed. `moments` makes a whole run and says at which of
them a line is executed for the first time: killing at each of those visits every line.
"""

import contextlib
import json
import multiprocessing
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import apply.site.holders
from apply.adopt import adopt
from apply.errors import AboardError
from apply.recover import recover
from apply.retention import collect_garbage
from apply.rollback import roll_back
from apply.site.config import load
from apply.site.layout import Site
from apply.update import update
from bundle.errors import BundleError
from bundle.trust.trust import load_trust
from tests.support.sites.site import PATIENCE_S, Ship, shore, until

_CODE = os.fspath(Path(apply.__file__).parent)
_AS_LONG_AS_IT_TAKES = (
    apply.site.holders.__file__
)  # looks at every process of the machine, so its lines are not counted


@dataclass(frozen=True)
class Action:
    """A run to be killed: `command` is apply, adopt, rollback, recover or gc; `bundle` and `trust` are for the first
    two, `directory` is what is adopted."""

    command: str
    bundle: Path | None = None
    trust: Path | None = None
    directory: Path | None = None

    @classmethod
    def applying(cls, bundle: Path) -> "Action":
        return cls("apply", bundle, shore().trust_file)

    @classmethod
    def adopting(cls, directory: Path, bundle: Path) -> "Action":
        return cls("adopt", bundle, shore().trust_file, directory)

    def run(self, root: Path) -> None:
        """Makes the run; how it ends is for the site to show."""
        config = load(Site.at(root).config_file)
        with contextlib.suppress(AboardError, BundleError):
            if self.directory and self.bundle and self.trust:
                adopt(self.directory, self.bundle, root, load_trust(self.trust), config)
            elif self.bundle and self.trust:
                update(self.bundle, root, load_trust(self.trust), config)
            elif self.command == "gc":
                collect_garbage(root, config)
            elif self.command == "rollback":
                roll_back(root, config)
            else:
                recover(root, config)


def moments(ship: Ship, action: Action) -> dict[int, str]:
    """Moments at which a line is executed for the first time, with the line. The run is made to its end."""
    listing = ship.app / "moments"
    assert _run(ship, action, None, listing) == 0
    return {int(moment): line for moment, line in json.loads(listing.read_text()).items()}


def kill(ship: Ship, action: Action, moment: int) -> None:
    """Makes the run and kills it at that moment. What commands it had started are waited for."""
    assert _run(ship, action, moment, None) == -signal.SIGKILL
    until(lambda: not _left_behind(ship))


def _run(ship: Ship, action: Action, moment: int | None, listing: Path | None) -> int | None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    process = context.Process(target=_die, args=(action, ship.root, moment, listing))
    process.start()
    process.join(PATIENCE_S)
    return process.exitcode


def _die(action: Action, root: Path, moment: int | None, listing: Path | None) -> None:
    first: dict[str, int] = {}
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        if not frame.f_code.co_filename.startswith(_CODE) or frame.f_code.co_filename == _AS_LONG_AS_IT_TAKES:
            return None
        if event == "line":
            count += 1
            if count == moment:
                os.kill(os.getpid(), signal.SIGKILL)
            first.setdefault(f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}", count)
        return trace

    sys.settrace(trace)
    action.run(root)
    sys.settrace(None)
    if listing:
        listing.write_text(json.dumps({at: line for line, at in first.items()}))


def _left_behind(ship: Ship) -> bool:
    """Whether a command of the dead run is still at work."""
    wanted = f"UNREP_SITE={ship.root}\0".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if wanted in (process / "environ").read_bytes():
                return True
    return False
