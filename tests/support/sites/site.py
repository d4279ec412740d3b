"""Sites and releases for tests of what happens aboard: everything is real, and small.

`shore()` builds releases and bundles with the real builder, each once per process. `Ship` is a site beside a directory
`app`, where a small program stands in for the application: its one script is the site's restart, health check, hooks
and prepare command, writes down how it was called, and fails or waits where a test asks for it.
"""

import functools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import pytest

from apply.audit.history import read_history
from apply.audit.run import Report
from apply.current.junction import junction_target, reparse_buffer
from apply.current.kernel32 import Kernel32
from apply.current.opening import open_switch
from apply.record.database import read_state
from apply.record.state import SiteState
from apply.recover import recover
from apply.rollback import roll_back
from apply.site import durable
from apply.site.config import SiteConfig, load
from apply.site.layout import Site
from apply.update import rehearse, update
from bundle.format.root import Platform
from bundle.host.progress import Progress, Quiet
from bundle.read.tree import scan
from bundle.trust.signing import load_private_key, write_key_pair
from bundle.trust.trust import Trust, load_trust
from bundle.write.builder import BuildRequest, build

PATIENCE_S = 60.0  # how long a test waits for what must happen; none waits so long when all is well
QUIET = Quiet()

_SCRIPT = """
import os, sys, time
from pathlib import Path
verb, version, tree = sys.argv[1], os.environ["UNREP_VERSION"], Path(os.environ["UNREP_TREE"])
site = Path(os.environ["UNREP_SITE"])
app, current = site.parent / "app", site / "current"
named = Path(os.path.realpath(current)).name if current.exists() else "nothing"  # a junction is no link to Python
if current.is_file():
    named = current.read_text().strip().removeprefix("versions/")
with (app / "log").open("a") as log:
    log.write(f"{verb} {version} current={named}\\n")
if (app / f"wait-{verb}").exists():
    (app / "waiting").touch()
    while (app / f"wait-{verb}").exists():
        time.sleep(0.01)
broken = (app / f"fail-{verb}").exists() or (app / f"fail-{verb}-{version}").exists()
data, health = app / "data", (tree / "health.txt").read_text()
if verb == "restart":
    (app / "running").write_text(named)
    data.write_text(f"written by {named}")
    broken = broken or health == "dead"
if verb == "health":
    broken = broken or health != "ok" or (app / "running").read_text() != version
if verb == "snapshot":
    (app / f"saved-{version}").write_bytes(data.read_bytes())
if verb == "restore":
    data.write_bytes((app / f"saved-{version}").read_bytes())
if (app / f"fill-{verb}").exists():
    with (site / "filler").open("wb", buffering=0) as filler:
        try:
            while filler.write(bytes(4096)):
                pass
        except OSError:
            pass
if broken:
    print(f"{verb} is broken")
    sys.exit(1)
"""


def _contents(name: str) -> dict[str, bytes | None]:
    """The files of a release by path; None is an empty directory. "sick" starts and is never healthy, "dead" fails to
    start, "large" takes long enough to be interrupted."""
    steady = Random(1)
    library = bytearray(steady.randbytes(40_000))
    files: dict[str, bytes | None] = {
        "VERSION": name.encode(),
        "health.txt": name.encode() if name in ("sick", "dead") else b"ok",
        "app/main.py": b"".join(b"print('line %d of the program')\n" % i for i in range(200)) + name.encode(),
        "app/library.bin": b"",
        "bin/start": b"#!/bin/sh\n",
        "docs/guide.txt": steady.randbytes(3_000),
        "docs/copy of guide.txt": b"",
        "docs/empty.txt": b"",
        "spool": None,
    }
    files["docs/copy of guide.txt"] = files["docs/guide.txt"]
    page = steady.randbytes(2_000)
    if name == "1.0.0":
        files["docs/page.txt"] = page
    else:
        library[1000:1010] = name.ljust(10).encode()
        files |= {"docs/moved/page.txt": page, "new/a.txt": b"new in " + name.encode()}
        files["new/b.txt"] = files["new/a.txt"]
    files["app/library.bin"] = bytes(library)
    if name == "large":
        files |= {f"many/{i}.bin": f"{i}\n".encode() * 4000 for i in range(1500)}
    return files


class Shore:
    """Where releases are built: directories of releases, a key, and bundles of any shape, made when first asked for."""

    def __init__(self, directory: Path, more_files: int = 0) -> None:
        """`more_files`: so many small ones in each release, every third of them another in each."""
        self.directory = directory
        self._more_files = more_files
        write_key_pair(directory / "sender")
        self.trust_file = directory / "sender.pub"
        self.trust: Trust = load_trust(self.trust_file)
        self.script = directory / "app.py"
        self.script.write_text(_SCRIPT)
        self.key = load_private_key(directory / "sender.key")

    @functools.cache  # noqa: B019 - lives as long as the process
    def release(self, name: str) -> Path:
        """The directory of a release. Read it only."""
        directory = self.directory / f"release-{name}"
        more = {
            f"more/{i // 4}/{i}.txt": f"{i} of {name if i % 3 else 'all'}".encode() for i in range(self._more_files)
        }
        for path, content in (_contents(name) | more).items():
            place = directory / path
            if content is None:
                place.mkdir(parents=True)
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        (directory / "bin/start").chmod(0o755)
        return directory

    @functools.cache  # noqa: B019
    def tree(self, name: str) -> str:
        """The tree hash of a release, in hex."""
        return scan(self.release(name)).tree_hash.hex()

    @functools.cache  # noqa: B019
    def bundle(
        self,
        name: str,
        seq: int,
        *bases: str,
        version: str = "",
        full: bool = False,
        epoch: int = 0,
        product: str = "vms",
        platform: Platform = "any",
    ) -> Path:
        """A bundle of release `name`, whose version is the same unless another is given. Copy it to change it."""
        out = self.directory / f"{len(list(self.directory.glob('*.unrep')))}-{name}.unrep"
        directories = [self.release(base) for base in bases]
        request = BuildRequest(
            new=self.release(name),
            product=product,
            version=version or name,
            seq=seq,
            out=out,
            bases=directories,
            full=full,
            epoch=epoch,
            platform=platform,
        )
        with ThreadPoolExecutor(1) as pool:
            build(request, self.key, pool, QUIET)
        return out


@functools.cache
def shore() -> Shore:
    """The one shore of this process."""
    directory = tempfile.TemporaryDirectory(prefix="unrep-shore-", ignore_cleanup_errors=os.name == "nt")
    made = Shore(Path(directory.name))
    made.keep = directory  # type: ignore[attr-defined]  # removed when the process ends
    return made


class Ship:
    """A site in `directory/site`, and its application in `directory/app`."""

    def __init__(self, directory: Path, **window: float) -> None:
        """An empty site with a configuration file; `window` changes the health window."""
        self.root = directory / "site"
        self.app = directory / "app"
        self.root.mkdir(parents=True, exist_ok=True)
        self.app.mkdir(exist_ok=True)
        (self.app / "data").touch()
        self.configure("", **window)

    @classmethod
    def sailing(cls, directory: Path, *names: str) -> "Ship":
        """A site where those releases were applied, one after the other; seq counts them."""
        shutil.copytree(_sailed(*names), directory, dirs_exist_ok=True, ignore=shutil.ignore_patterns("current"))
        ship = cls(directory)
        open_switch(ship.root).point_to(ship.root / "versions" / names[-1])
        (ship.app / "log").unlink()
        return ship

    @property
    def site(self) -> Site:
        return Site.at(self.root)

    @property
    def config(self) -> SiteConfig:
        """What the site's file says."""
        return load(self.site.config_file)

    @property
    def state(self) -> SiteState:
        return read_state(self.site)

    @property
    def runs(self) -> list[dict[str, Any]]:
        return [link.content() for link in read_history(self.site, 10_000).links]

    @property
    def current(self) -> str:
        """The version that `current` names, as the application finds it; "" for none."""
        target = open_switch(self.root).read()
        return target.resolve(strict=True).name if target else ""

    @property
    def pointed(self) -> str:
        """What `current` holds, wherever that leads: a relative path, or on Windows an absolute one."""
        if os.name == "nt":
            return junction_target(Kernel32().get_reparse_point(str(self.root / "current")))
        return str((self.root / "current").readlink())

    def point(self, target: str | None) -> None:
        """Removes `current` by hand, and makes it anew to a place as seen from the site, if one is given."""
        current = self.root / "current"
        if os.name == "nt":
            Kernel32().remove_directory(str(current))
        else:
            current.unlink()
        if target and os.name == "nt":
            current.mkdir()
            Kernel32().set_reparse_point(str(current), reparse_buffer(str(self.root / target)))
        elif target:
            current.symlink_to(target)

    @property
    def calls(self) -> list[str]:
        """How the application's script was called: "VERB VERSION current=NAME", since the last time that was asked."""
        log = self.app / "log"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return lines

    @property
    def running(self) -> str:
        """The version that the application was started as."""
        return (self.app / "running").read_text()

    def configure(self, extra: str = "", **window: float) -> None:
        """Writes the configuration: every command is the script; one check that must pass once."""
        shown = {"start_after_s": 0, "deadline_s": 20, "interval_s": 0.02, "consecutive_passes": 1} | window
        self.write_config(
            f"[prepare]\ncommand = {_argv('prepare')}\n[switch]\nrestart = {_argv('restart')}\n"
            f"[hooks]\nsnapshot = {_argv('snapshot')}\nrestore = {_argv('restore')}\n"
            f'[[health]]\ntype = "command"\nargv = {_argv("health")}\ntimeout_s = 20\n'
            "[health_window]\n" + "".join(f"{key} = {value}\n" for key, value in shown.items()) + extra
        )

    def write_config(self, text: str) -> None:
        """Puts the text into the configuration file in one step: an agent that reads half of it waits for a minute."""
        durable.write_file(self.root / "unrep.toml", text.encode())

    def order(self, *files: str) -> None:
        """Makes the script fail, wait or fill the disk: "fail-restart", "fail-health-1.0.1", "wait-prepare"."""
        for name in files:
            (self.app / name).touch()

    def relieve(self, *files: str) -> None:
        """Takes orders back."""
        for name in files:
            (self.app / name).unlink()

    def apply(self, bundle: Path, progress: Progress = QUIET) -> Report:
        return update(bundle, self.root, shore().trust, self.config, progress)

    def rehearse(self, bundle: Path) -> Report:
        return rehearse(bundle, self.root, shore().trust, self.config)

    def roll_back(self, to: str | None = None, *, restore_data: bool = False) -> Report:
        return roll_back(self.root, self.config, to, restore_data=restore_data)

    def recover(self) -> Report:
        return recover(self.root, self.config)

    def spoil(self, version: str, path: str) -> Path:
        """Changes one byte of an installed file, and returns its path."""
        file = self.site.tree(version) / path
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
        return file

    def seen(self, *names: str) -> dict[str, tuple[object, ...]]:
        """Everything below the site, or below those names in it: kind, mode, time of change and content of each."""
        roots = [self.root / name for name in names] or [self.root]
        return {
            path.relative_to(self.root).as_posix(): _seen(path) for root in roots for path in [root, *root.rglob("*")]
        }

    def check_sound(self) -> None:
        """Nothing pending, and `current` is a whole release that the record knows; so is all else in versions/."""
        state = self.state
        assert state.pending is None, state
        assert state.current and self.current == state.current_version
        trees = {release.version: release.tree for release in state.releases}
        for directory in self.site.versions.iterdir():
            assert scan(directory).tree_hash.hex() == trees[directory.name], directory
        assert self.running == self.current

    def leftovers(self) -> list[Path]:
        """What no dead run should leave for long."""
        return list(self.site.staging.iterdir())


def bent(bundle: Path, directory: Path, offset: int, flip: int = 1) -> Path:
    """A copy of a bundle with one byte changed; a negative offset counts from the end."""
    data = bytearray(bundle.read_bytes())
    data[offset] ^= flip
    copy = directory / "bent.unrep"
    copy.write_bytes(data)
    return copy


def spelled(path: str) -> str:
    """A pattern for a path, given with slashes, as messages of this system spell it."""
    return re.escape(str(Path(path)))


def until(happened: Callable[[], object]) -> None:
    """Waits for it, and fails the test if it never comes."""
    deadline = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.002)


@contextmanager
def filled(place: Path, leave_bytes: int = 0) -> Iterator[None]:
    """Fills the file system of a directory, all but so many bytes."""
    filler = place / "filler"
    room = shutil.disk_usage(place).free - leave_bytes
    with filler.open("wb", buffering=0) as file:
        try:
            for _ in range(room // 4096 + (leave_bytes == 0)):
                file.write(bytes(4096))
        except OSError:
            assert not leave_bytes
    try:
        yield
    finally:
        filler.unlink(missing_ok=True)


@contextmanager
def on_a_small_disk(directory: Path, *names: str) -> Iterator[Ship]:
    """Ship.sailing, whose site is a file system of its own of 32 MiB; skips the test where none can be mounted."""
    site = directory / "site"
    site.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(site)]
    if os.name == "nt" or os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("mounting a small file system needs root on Linux")
    try:
        yield Ship.sailing(directory, *names)
    finally:
        subprocess.run(["umount", site], check=True)


@contextmanager
def interrupted(ship: Ship) -> Iterator[None]:
    """Ctrl-C as soon as the application's script waits, within this process; raises AssertionError if it never does."""

    def press() -> None:
        until((ship.app / "waiting").exists)
        (ship.app / "waiting").unlink()
        if os.name == "nt":
            signal.raise_signal(signal.SIGINT)  # os.kill would end the process there
        else:
            os.kill(os.getpid(), signal.SIGINT)

    hand = threading.Thread(target=press)
    hand.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            yield
    finally:
        hand.join()


@functools.cache
def _sailed(*names: str) -> Path:
    """A directory with a ship that has applied those releases; to be copied."""
    directory = shore().directory / ("sailed-" + "-".join(names))
    ship = Ship(directory)
    for seq, name in enumerate(names, 1):
        ship.apply(shore().bundle(name, seq, *names[seq - 2 : seq - 1]))
    return directory


def _argv(verb: str) -> str:
    return json.dumps([sys.executable, "-I", "-S", str(shore().script), verb])


def _seen(path: Path) -> tuple[object, ...]:
    status = path.lstat()
    if path.is_symlink():
        return ("link", str(path.readlink()), status.st_mtime_ns)
    content: Sequence[object] = ["directory"] if path.is_dir() else [sha256(path.read_bytes()).hexdigest()]
    return (*content, status.st_mode, status.st_mtime_ns, status.st_ino)
