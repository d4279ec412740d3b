"""A site of unrep whose versions only say what they were asked, with the launchers of each system [A-235] [A-237]."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from apply.site.layout import Site
from tests.support.machines.wine_junctions import UNDER_WINE
from tests.support.sites.site import PATIENCE_S
from unrep.renewing.installing import write_launchers
from unrep.renewing.windows_installing import windows_launcher, write_windows_launcher

# An unrep that says what it was asked, and answers as the test wants.
STUB = """
import os, subprocess, sys, time
from pathlib import Path

words, given, version = sys.argv[1:], os.environ.get, Path(__file__).resolve().parents[2].name
def tell(text):
    with open(given("TOLD") or Path(__file__).resolve().parents[4] / "told", "a", encoding="utf-8") as told:
        told.write(f"{version} {text}\\n")
asked = " ".join(words)
tell(asked)
if given("SLOW"):
    time.sleep(float(given("SLOW")))
    tell("has slept")
if asked.startswith("agent --until-input-ends"):
    if given("HANGS"):
        time.sleep(9999)
    sys.stdin.read()
    tell("has no input any more")
if asked.startswith("agent --once"):
    sys.exit(int(given("ONCE", "0")))
if words[0] == "status":
    if given("REAL"):
        sys.exit(subprocess.call([given("REAL"), "-P", "-m", "unrep", *words]))
    print('{"trouble": "\\\\"state\\\\": \\\\"ok\\\\"", "state": "' + given("STATE", "ok") + '"}')
    sys.exit(int(given("STATUS", "0")))
if asked.endswith("--alive 0"):
    sys.exit(int(given("LIVES", "0")))
if "--alive" in words:
    sys.exit(int(given("PROVEN", "0")))
if version in given("BROKEN", "").split():
    sys.exit(5)
"""
KINDS = [*(["sh"] if os.name != "nt" else []), *(["link"] if not UNDER_WINE else []), "pointer"]


class Home:
    """A site of unrep whose versions only say what they were asked. `kind`: the launcher of Linux, or that of Windows
    with `current` as a link or as a pointer file; it runs on Linux, too, without anything but a standard library."""

    def __init__(self, root: Path, kind: str) -> None:
        self.root, self.kind, self.launch, self.told = root, kind, root / "launch", root / "told"
        for version in ("1", "2", "3"):
            tree = root / "versions" / version
            for name in ("app/unrep", "bin", "python"):
                (tree / name).mkdir(parents=True)
            (tree / "kit.json").touch()
            (tree / "app" / "unrep" / "__main__.py").write_text(STUB)
            (tree / "app" / "unrep" / "__init__.py").touch()
            for starter, skipped in (("bin/unrep", 0), ("python/python.exe", 3)):
                script = (
                    f'#!/bin/sh\nshift {skipped}\nexec {sys.executable} -I {shlex.quote(str(tree))}/app/unrep "$@"\n'
                )
                (tree / starter).write_text(script)
                (tree / starter).chmod(0o755)
            if os.name == "nt":
                embed(tree / "python")
        self.point("2")
        if kind == "sh":
            write_launchers(Site.at(root))
        else:
            write_windows_launcher(Site.at(root), self.launch, root / "versions" / "1" / "python")
        self.good("1\n")

    def point(self, version: str) -> None:
        """`current` is that version."""
        current = self.root / "current"
        if self.kind == "pointer":
            current.write_text(f"versions/{version}\n")
        elif os.name != "nt":
            current.symlink_to(f"versions/{version}")
        else:
            subprocess.run(["cmd", "/c", "mklink", "/j", current, self.root / "versions" / version], check=True)

    def stub(self, version: str, text: str) -> None:
        """That version does something else."""
        (self.root / "versions" / version / "app" / "unrep" / "__main__.py").write_text(text)

    def good(self, text: str) -> None:
        (self.launch / "good").write_bytes(text.encode())

    def start(self, *words: str, **answers: object) -> "subprocess.Popen[bytes]":
        """The launcher, with a verb and what that needs."""
        self.told.unlink(missing_ok=True)
        environment = {**os.environ, "TOLD": str(self.told), **{k: str(v) for k, v in answers.items()}}
        begun = [str(self.launch / words[0])] if self.kind == "sh" else windows_launcher(self.launch)
        assert begun
        argv = [*begun, *(words[1:] if self.kind == "sh" else words)]
        if self.kind != "sh" and os.name != "nt":
            app, module = str(Path(begun[0]).parent / "app"), begun[-1]
            run = f"import runpy, sys; sys.path.insert(0, {app!r}); runpy.run_module({module!r}, run_name='__main__')"
            argv = [sys.executable, "-I", "-S", "-c", run, *words]
        return subprocess.Popen(argv, env=environment, cwd=self.root, stdin=subprocess.DEVNULL)

    def renew(self, **answers: object) -> tuple[int, list[str], str]:
        """The exit code of a round, what was asked of whom, and which version is good then."""
        with self.start("renew", "/srv/vms", "600", **answers) as running:
            code = running.wait(PATIENCE_S)
        told, good = self.told, self.launch / "good"
        return code, told.read_text("utf-8").splitlines(), good.read_text().strip() if good.exists() else ""


def embed(python: Path) -> None:
    """The Python of this machine, as python.org packs it, with its modules in `app`."""
    base = Path(sys.base_prefix)
    zipped = next(base.glob("python3*.zip"), None)
    if zipped is None:
        pytest.skip("the Python of this machine is not the embeddable one")
    for pattern in ("python.exe", "python3*.dll", "vcruntime*.dll", "python3*.zip", "_ctypes.pyd", "libffi*.dll"):
        for path in base.glob(pattern):
            (python / path.name).unlink(missing_ok=True)
            os.link(path, python / path.name)
    (python / f"{zipped.stem}._pth").write_text(f"{zipped.name}\n.\n..\\app\n")
