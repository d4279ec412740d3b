"""`make kit-test-windows`: a kit for Windows, run by Wine: all that the kit for Linux does on bare systems.

Its interpreter is the pinned one of `make test-windows`. The site's `current` is a pointer file, because Wine knows no
junctions. What cannot be had is said, and ends the run with 0.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Final

from bundle.read.tree import scan
from tests.support.machines import windows_tier, wine_renewal
from tests.support.machines.windows_tier import ENVIRONMENT, HOME, Unavailable
from tests.support.repository import REPOSITORY

PLACE: Final = REPOSITORY / "build" / "kits" / "windows"
EMBEDDABLE: Final = "python-3.12-embed-amd64.zip"
UNSUITABLE: Final = "_wmi.pyd"  # Wine 8 has not what it calls; the standard library does without
PATIENCE_S: Final = 1800  # of a command: a first install takes minutes on a busy machine
EXAMPLE: Final = '# current = "pointer"'


def main() -> int:
    """1 if something failed."""
    try:
        windows_tier._install_debian_packages()
        windows_tier._set_up()
    except Unavailable as why:
        print(f"SKIPPED: the kit for Windows: {why}", file=sys.stderr)
        return 0
    os.environ.update(ENVIRONMENT)
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir(parents=True)
    kit = build()
    began = time.monotonic()
    at_sea(kit)
    print(f"kit for Windows under Wine: ok, {time.monotonic() - began:.1f} s", flush=True)
    if "--renew" in sys.argv[1:]:
        wine_renewal.run(PLACE, kit)
    return 0


def embeddable() -> Path:
    """The interpreter as python.org packs it."""
    path = PLACE / EMBEDDABLE
    with tarfile.open(next((HOME / "downloads").glob("*.tar.gz"))) as archive:
        data = archive.extractfile(next(member for member in archive if member.name.endswith("/data.zip")))
        assert data
        with data, zipfile.ZipFile(data) as files, zipfile.ZipFile(path, "w") as packed:
            for name in sorted(files.namelist()):
                if not name.endswith(("/", UNSUITABLE)):
                    packed.writestr(zipfile.ZipInfo(Path(name).name), files.read(name))
    return path


def build() -> Path:
    """The kit, from the same locks twice."""
    embeddable()
    first, second = PLACE / "the kit ü", PLACE / "again"
    build_kit(first, "--archive", PLACE / "kit.zip")
    build_kit(second)
    assert scan(first).tree_hash == scan(second).tree_hash, "two kits of the same locks differ"
    shutil.rmtree(second)
    return first


def build_kit(out: Path, *more: str | Path, source: Path = REPOSITORY) -> None:
    """A kit of this checkout, or of a copy of it."""
    python = PLACE / EMBEDDABLE
    told = ("--embeddable", python, "--embeddable-sha256", sha256(python.read_bytes()).hexdigest())
    kept = ("--packages", REPOSITORY / "build" / "kits" / "packages")
    ashore("kit", "--platform", "win_amd64", "--out", out, *kept, *told, *more, within=source)


def ashore(*words: str | Path, within: Path = REPOSITORY) -> None:
    """A command of this checkout, or of a copy of it."""
    subprocess.run([sys.executable, "-m", "unrep", *words], check=True, cwd=within)


def at_sea(kit: Path) -> None:
    """What the kit does on bare systems of Debian."""
    carried, site = PLACE / "carried", PLACE / "a ship"
    (carried / "inbox").mkdir(parents=True)
    ashore("keygen", "--out", carried / "shore")
    for number in (1, 2, 3):
        release = carried / f"release-{number}"
        release.mkdir()
        (release / "says").write_text(str(number))
        out = carried / ("inbox/3.unrep" if number == 3 else f"{number}.unrep")
        based = ("--base", carried / "release-1") if number > 1 else ("--full",)
        named = ("--product", "demo", "--version", str(number), "--seq", str(number))
        ashore("build", release, *named, *based, "--key", carried / "shore.key", "--out", out)
    unrep = starter(kit)
    before = scan(kit).tree_hash
    trust = ("--trust", dos(carried / "shore.pub"))
    unrep("--version")
    begun = ("--product", "demo", "--kind", "command", "--restart", "cmd /c exit 0")
    unrep("init", dos(site), *begun, *trust, "--source", dos(carried / "inbox"), "--yes")
    config = site / "unrep.toml"
    text = config.read_text("utf-8")
    assert EXAMPLE in text
    config.write_text(text.replace(EXAMPLE, EXAMPLE.removeprefix("# "), 1), "utf-8")
    for number in (1, 2):
        unrep("apply", dos(carried / f"{number}.unrep"), "--site", dos(site), *trust)
    assert says(site) == "2"
    unrep("rollback", "--site", dos(site))
    assert says(site) == "1"
    unrep("agent", "--once", "--site", dos(site))
    assert says(site) == "3"
    unrep("status", "--site", dos(site))
    unrep("selftest", "--site", dos(site), "--switches", "10")
    unrep("agent", "--probe", "--site", dos(site))
    assert scan(kit).tree_hash == before, "running it has changed the kit"
    print("files added or changed by running: 0")


def says(site: Path) -> str:
    """What the current release says."""
    return (site / (site / "current").read_text().strip() / "says").read_text()


def dos(path: Path) -> str:
    """The path as Windows names it."""
    return f"Z:{path}".replace("/", "\\")


def starter(kit: Path) -> Callable[..., str]:
    """Calls `unrep.exe` of the kit, which must succeed; what it says. Pipes, for Wine's Python takes no file."""

    def call(*words: str) -> str:
        began = time.monotonic()
        done = subprocess.run(
            ["wine", kit / "unrep.exe", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE_S,
        )
        print(done.stdout.decode(errors="replace"), f"  [{words[0]}: {time.monotonic() - began:.1f} s]", flush=True)
        assert done.returncode == 0, f"unrep {' '.join(words)} ended with {done.returncode}"
        return done.stdout.decode(errors="replace")

    return call


if __name__ == "__main__":
    sys.exit(main())
