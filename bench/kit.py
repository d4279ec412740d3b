"""What a kit costs: its size, how fast it starts beside a virtual environment, and what a new one costs a ship.

    python -m bench.kit [--packages DIR] [--older-locks DIR --older-packages DIR] [--starts N]

Three lines of unrep are changed in one delta, `PINS` are older in another. With --older-locks there is a third: of
the kit of older Debian packages, such as a security update of CPython, which only a directory of packages still has.
"""

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from bundle.host.progress import Quiet
from unrep.kit.application import PACKAGES
from unrep.kit.archive import write_archive
from unrep.kit.building import Kit, Wanted, build_kit
from unrep.kit.kinds import KINDS
from unrep.kit.packages import LOCKS

PINS = {"urllib3": "2.7.0", "packaging": "26.0", "tqdm": "4.67.1"}
# Three lines, as a small mend has them: the module, a text in it, and what stands there instead.
CHANGES = (
    ("bundle/version.py", 'VERSION: Final = "', 'VERSION: Final = "1.'),
    ("unrep/agent/loop.py", "NAP_S: Final = 1.0", "NAP_S: Final = 2.0"),
    ("unrep/agent/loop.py", "FALLBACK_INTERVAL_S: Final = 60.0", "FALLBACK_INTERVAL_S: Final = 90.0"),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.kit", description=__doc__)
    parser.add_argument("--packages", type=Path, default=Path("build/kits/packages"))
    parser.add_argument("--older-locks", type=Path)
    parser.add_argument("--older-packages", type=Path)
    parser.add_argument("--platform", default="linux_x86_64", choices=[name for name in KINDS if name != "win_amd64"])
    parser.add_argument("--starts", type=int, default=21)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-kit-") as scratch:
        measure(wanted, Path(scratch))


def measure(wanted: argparse.Namespace, scratch: Path) -> None:
    kind = KINDS[wanted.platform]
    place = wanted.packages.absolute()
    place.mkdir(parents=True, exist_ok=True)
    sizes(scratch, build_kit(Wanted(kind, scratch / "kit", place), Quiet()))
    starts(scratch, wanted.starts)
    build_kit(Wanted(kind, scratch / "lines", place, source=changed(scratch / "source")), Quiet())
    print(f"delta, three lines of unrep:  {delta(scratch, 'kit', 'lines'):>10,} bytes", flush=True)
    build_kit(Wanted(kind, scratch / "wheels", place, older_pins(scratch / "locks", place / "older")), Quiet())
    print(f"delta, {len(PINS)} new wheels:         {delta(scratch, 'wheels', 'kit'):>10,} bytes ({', '.join(PINS)})")
    if wanted.older_locks:
        older = Wanted(kind, scratch / "older", wanted.older_packages.absolute(), wanted.older_locks.absolute())
        build_kit(older, Quiet())
        names = news(older, kind.debian_lock)
        print(f"delta, new Debian packages:   {delta(scratch, 'older', 'kit'):>10,} bytes ({names})")


def sizes(scratch: Path, kit: Kit) -> None:
    """Of the folder, of its archive, and of the first install."""
    held = sum(path.stat().st_size for path in (scratch / "kit").rglob("*") if path.is_file())
    packed = write_archive(kit.directory, kit.executable, scratch / "kit.tar.gz")
    full = bundle(scratch, "kit", None).stat().st_size
    print(f"kit {held:,} bytes, .tar.gz {packed:,}, bundle of the first install {full:,}", flush=True)


def starts(scratch: Path, count: int) -> None:
    """Milliseconds of two commands, of the kit and of this environment, in turn."""
    site = scratch / "site"
    site.mkdir()
    kit = [str(scratch / "kit" / "bin" / "unrep")]
    environment = [str(Path(sys.executable).parent / "unrep")]
    commands: list[list[str]] = [["--version"], ["status", "--site", str(site)]]
    for words in commands:
        taken: dict[str, list[float]] = {"kit": [], "environment": []}
        for _ in range(count):
            for name, command in (("kit", kit), ("environment", environment)):
                taken[name].append(timed(command + words))
        shown = ", ".join(f"{name} {median(ms):.0f} ms (best {min(ms):.0f})" for name, ms in taken.items())
        print(f"start of {words[0]}: {shown}", flush=True)


def timed(command: list[str]) -> float:
    """Milliseconds of a command."""
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return (time.perf_counter() - began) * 1000


def changed(source: Path) -> Path:
    """This unrep, with other lines."""
    for package in PACKAGES:
        shutil.copytree(package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name, there, instead in CHANGES:
        text = (source / name).read_text("utf-8")
        assert there in text
        (source / name).write_text(text.replace(there, instead, 1), "utf-8")
    return source


def older_pins(locks: Path, downloads: Path) -> Path:
    """The locks, with `PINS` in place of what they name."""
    shutil.copytree(LOCKS, locks)
    text = (locks / "linux.lock").read_text("utf-8")
    for name, version in PINS.items():
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:"]
        subprocess.run([*command, "-d", str(downloads), f"{name}=={version}"], check=True, capture_output=True)
        (wheel,) = downloads.glob(f"{name}-{version}-*.whl")
        pin = f"{name}=={version} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"
        text, count = re.subn(rf"^{name}==.*\n(?:    .*\n)+", pin, text, flags=re.MULTILINE)
        assert count == 1
    (locks / "linux.lock").write_text(text, "utf-8")
    return locks


def news(older: Wanted, lock: str) -> str:
    """Which packages of Debian are others."""
    before, after = ((place / lock).read_text().splitlines() for place in (older.locks, LOCKS))
    return ", ".join(line.rpartition(" ")[0] for line in after if line not in before)


def delta(scratch: Path, base: str, new: str) -> int:
    """Bytes of the bundle that leads from one kit to another."""
    return bundle(scratch, new, base).stat().st_size


def bundle(scratch: Path, new: str, base: str | None) -> Path:
    """The bundle of a kit."""
    if not (scratch / "k.key").exists():
        unrep("keygen", "--out", scratch / "k")
    out = scratch / f"{base}-{new}.unrep"
    based = ("--base", scratch / base) if base else ("--full",)
    named = ("--product", "unrep", "--version", "2", "--seq", "2", "--key", scratch / "k.key", "--out", out)
    unrep("build", scratch / new, *based, *named)
    return out


def unrep(*words: str | Path) -> None:
    """A command of this environment."""
    subprocess.run([sys.executable, "-m", "unrep", *words], check=True, capture_output=True)


if __name__ == "__main__":
    main()
