"""`make kit-test-foreign`: a kit for AArch64 on a machine of another kind, by qemu's user mode.

Its own loader, C library and Python run there, and keep a site: init, first install, update, rollback, status. Only its
shell scripts do not run, for they ask this machine's `uname`. What cannot be had is said, and ends the run with 0.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from bundle.read.tree import scan
from tests.support.machines import bare_kit
from tests.support.repository import REPOSITORY
from unrep.kit import linux
from unrep.kit.kinds import KINDS

KIND: Final = KINDS["linux_aarch64"]
EMULATOR: Final = "qemu-aarch64-static"
PATIENCE_S: Final = 900


def main() -> int:
    """1 if something failed."""
    if os.uname().machine == KIND.machine or not shutil.which(EMULATOR):
        print(f"SKIPPED: a kit for another machine: needs {EMULATOR}, on x86-64", file=sys.stderr)
        return 0
    place = REPOSITORY / "build" / "kits"
    with tempfile.TemporaryDirectory(prefix="unrep-aarch64-") as directory:
        kit, carried, site = (Path(directory) / name for name in ("ein kit ü", "carried", "ship"))
        bare_kit.unrep("kit", "--platform", KIND.name, "--out", kit, "--packages", place / "packages")
        before = scan(kit).tree_hash
        (carried / "inbox").mkdir(parents=True)
        bare_kit.prepare_releases(carried)
        trust, at = ("--trust", carried / "shore.pub"), ("--site", site)
        begun = ("--product", "demo", "--kind", "command", "--restart", "true", *trust, "--source", carried / "inbox")
        for words in (
            ("--version",),
            ("agent", "--probe"),
            ("init", site, *begun, "--yes"),
            ("apply", carried / "1.unrep", *at, *trust),
            ("apply", carried / "2.unrep", *at, *trust),
            ("rollback", *at),
            ("agent", "--once", *at),
            ("status", *at),
        ):
            run(kit, *words)
        assert (site / "current" / "says").read_text() == "3"
        assert scan(kit).tree_hash == before
    print("kit for AArch64 under qemu: ok, files added or changed by running: 0")
    return 0


def run(kit: Path, *words: str | Path) -> None:
    """A command of the kit, as `bin/unrep` starts it. It must succeed."""
    began = time.monotonic()
    argv = [EMULATOR, *linux.interpreter(kit, KIND), "-X", "utf8", "-m", "unrep", *words]
    done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=PATIENCE_S)
    print(done.stdout, done.stderr, f"  [{words[0]}: {time.monotonic() - began:.1f} s]", flush=True)
    assert done.returncode == 0, words


if __name__ == "__main__":
    sys.exit(main())
