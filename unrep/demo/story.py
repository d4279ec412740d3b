"""The steps of the demonstration: each is the real command, run as a person would type it."""

import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unrep.demo.releases import write_release
from unrep.demo.shore import Shore
from unrep.terminal.console import show
from unrep.terminal.exit_codes import ExitCode

LINK_BYTES_PER_S = 96 * 1024
LINK_DELAY_S = 0.3
DROP_EVERY_BYTES = 64 * 1024

# A proxy that this machine is told to use does not know its loopback.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))

_SITE_CONFIG = """\
product = "harbour"

[switch]
restart = [{python}, "{{tree}}/restart.py", "{port}"]

[[health]]
type = "http"
url = "http://127.0.0.1:{port}/health"
expect_body_contains = "harbour {{version}}"

[health_window]
start_after_s = 0.1
deadline_s = 3
interval_s = 0.1
consecutive_passes = 2
"""


class DemoFailed(Exception):
    """A step of the demonstration did not end as it should: a defect of unrep, or a machine that it cannot run on."""


@dataclass
class Demo:
    """One run in a directory of its own; `figures` are the rows of the closing table."""

    directory: Path
    port: int
    figures: list[tuple[str, str]] = field(default_factory=list)

    def run(self) -> None:
        """Makes all steps. Raises DemoFailed at the first step that goes wrong."""
        try:
            show(f"Each line after a $ is the real command, run in {self.directory}, which is removed at the end.")
            self._prepare()
            self._install_first()
            self._update_over_bad_link()
            self._bad_release_rolls_back()
            self._roll_back_by_hand()
            self._show_figures()
        finally:
            self._stop_server()

    def _prepare(self) -> None:
        _heading("Ashore: three releases of a harbour service, and a key to sign them")
        for version, healthy in (("1.0.0", True), ("1.0.1", True), ("1.0.2", False)):
            write_release(self.directory / version, version, healthy)
        (self.directory / "site").mkdir()
        config = _SITE_CONFIG.format(python=json.dumps(sys.executable), port=self.port)
        (self.directory / "site" / "unrep.toml").write_text(config, encoding="utf-8")
        self._unrep("keygen --out shore")

    def _install_first(self) -> None:
        _heading("First install: the full release, brought aboard on a USB stick")
        self._build("1.0.0", 1, "full.unrep")
        self._apply("full.unrep")
        self._expect_served("1.0.0")
        self.figures += [("full release, files on disk", _size(_tree_bytes(self.directory / "1.0.0")))]
        self.figures += [("full bundle, first install", _size(self._bytes("full.unrep")))]

    def _update_over_bad_link(self) -> None:
        _heading(
            f"The update: only what changed, over a link of {LINK_BYTES_PER_S // 1024} KiB/s "
            f"that breaks every {DROP_EVERY_BYTES // 1024} KiB"
        )
        self._build("1.0.1", 2, "update.unrep", "--base 1.0.0")
        archive = shutil.make_archive(str(self.directory / "whole"), "zip", self.directory / "1.0.1")
        with Shore(self.directory, LINK_BYTES_PER_S, LINK_DELAY_S, DROP_EVERY_BYTES) as shore:
            self._unrep(f"fetch {shore.url}/update.unrep --site site --trust shore.pub --out inbox.unrep")
        self._apply("inbox.unrep")
        self._expect_served("1.0.1")
        zip_bytes, bundle_bytes = Path(archive).stat().st_size, self._bytes("update.unrep")
        self.figures += [
            ("the same update as a zip of everything", _size(zip_bytes)),
            (
                "the same update as a delta bundle",
                f"{_size(bundle_bytes)}, {zip_bytes / bundle_bytes:.1f} times smaller",
            ),
            ("sent over the link", f"{_size(shore.sent_bytes)}, {shore.drops} breaks survived"),
            ("applied: rebuilt, verified, switched, healthy", f"{self._last_run()['seconds']:.2f} s"),
        ]

    def _bad_release_rolls_back(self) -> None:
        _heading("A bad release: its health check fails, and the ship goes back by itself")
        self._build("1.0.2", 3, "bad.unrep", "--base 1.0.1")
        self._apply("bad.unrep", ExitCode.ROLLED_BACK)
        self._expect_served("1.0.1")
        back_s = self._last_run()["steps"]["switch_back"]
        self.figures += [("failed verdict to old version serving path", f"{back_s * 1000:.1f} ms, by itself")]

    def _roll_back_by_hand(self) -> None:
        _heading("And by hand: the mate goes back to 1.0.0 with one command")
        self._unrep("rollback --site site")
        self._expect_served("1.0.0")
        seconds = self._last_run()["seconds"]
        self.figures += [("rollback by hand, until the old version was healthy", f"{seconds:.2f} s")]
        self._unrep("status --site site")

    def _show_figures(self) -> None:
        _heading("Figures of this run")
        width = max(len(name) for name, _ in self.figures)
        for name, value in self.figures:
            show(f"  {name:<{width}}  {value}")

    def _build(self, version: str, seq: int, out: str, options: str = "") -> None:
        self._unrep(
            f"build {version} --product harbour --version {version} --seq {seq} {options} --key shore.key --out {out}"
        )

    def _apply(self, bundle: str, expected: ExitCode = ExitCode.DONE) -> None:
        self._unrep(f"apply {bundle} --site site --trust shore.pub", expected)

    def _unrep(self, line: str, expected: ExitCode = ExitCode.DONE) -> None:
        """Shows and runs one command. Its progress goes to the terminal as it comes, its result once it is there."""
        show(f"$ unrep {' '.join(line.split())}", bold=True)
        done = self._ended(line)
        show(*done.stdout.decode().splitlines())
        if done.returncode != expected:
            raise DemoFailed(f"'unrep {line}' ended with exit code {done.returncode} instead of {int(expected)}")
        if expected != ExitCode.DONE:
            show(f"  exit code {int(expected)}, as it should be")

    def _last_run(self) -> dict[str, Any]:
        """What the site's record says of the last run."""
        run: dict[str, Any] = json.loads(self._ended("history --site site --limit 1 --json").stdout)
        return run

    def _ended(self, line: str) -> "subprocess.CompletedProcess[bytes]":
        argv = [sys.executable, "-m", "unrep", *shlex.split(line)]
        return subprocess.run(argv, cwd=self.directory, stdout=subprocess.PIPE, check=False)

    def _bytes(self, name: str) -> int:
        return (self.directory / name).stat().st_size

    def _expect_served(self, version: str) -> None:
        with _DIRECT.open(f"http://127.0.0.1:{self.port}/", timeout=5) as answer:
            page = answer.read().decode().strip()
        if page != f"harbour {version}":
            raise DemoFailed(f"the server answers {page!r} instead of 'harbour {version}'")
        show(f"  the ship's server answers: {page}", fg="green")

    def _stop_server(self) -> None:
        script = self.directory / "1.0.0" / "restart.py"
        if script.exists():
            environment = os.environ | {"UNREP_SITE": str(self.directory / "site")}
            subprocess.run([sys.executable, str(script), str(self.port), "--stop"], env=environment, check=False)


def run_demo() -> None:
    """Runs the demonstration in a temporary directory and leaves nothing behind, nothing running."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="unrep-demo-") as directory:
        Demo(Path(directory), free_port()).run()
    show("", f"Done in {time.monotonic() - began:.1f} s; nothing was left behind, and nothing is running.")


def free_port() -> int:
    """A port on 127.0.0.1 that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def _heading(text: str) -> None:
    show("", text, fg="cyan", bold=True)


def _size(amount: int) -> str:
    return f"{amount:,} bytes"


def _tree_bytes(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
