"""`make kit-test`: kits on machines that have no Python: bare Debian 11, 12 and 13, by debootstrap.

Each system gets an archive of the kit, and bundles that were built here. There the kit is unpacked, and keeps a site:
init, first install, update, rollback, agent, selftest. Then nothing of it may have changed and no file been added. In
the end it is tried where it cannot run, and must say why. Needs root. Kits, packages and systems stay in the place that
is named, and are used again.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.support.machines.bare_root import PATH, entering, mirror
from tests.support.repository import REPOSITORY
from unrep.kit.application import PACKAGES

SYSTEMS: Final = ("bullseye", "bookworm", "trixie")
PATIENCE_S: Final = 600
ENTER: Final = 'exec env -i PATH="$1" HOME=/root sh -e -c "$2"'
# What a mate and an engineer do, in the order in which they do it.
AT_SEA: Final = """
! command -v python3 || { echo "this system has a Python"; exit 1; }
rm -rf '/opt/bord küche' /srv/ship /tmp/before /tmp/after; mkdir -p '/opt/bord küche'
tar -xzf /carried/kit.tar.gz -C '/opt/bord küche'
kit='/opt/bord küche/kit'
look() { (cd "$kit" && find . -type f -exec sha256sum {} + | sort -k 2 > "$1"); }
look /tmp/before
u="$kit/bin/unrep"
"$u" --version
"$u" init /srv/ship --product demo --kind command --restart true --trust /carried/shore.pub \
    --source /carried/inbox --yes
"$u" apply /carried/1.unrep --site /srv/ship --trust /carried/shore.pub
"$u" apply /carried/2.unrep --site /srv/ship --trust /carried/shore.pub
test "$(cat /srv/ship/current/says)" = 2
"$u" rollback --site /srv/ship
test "$(cat /srv/ship/current/says)" = 1
"$u" agent --once --site /srv/ship
test "$(cat /srv/ship/current/says)" = 3
"$u" status --site /srv/ship
"$u" history --site /srv/ship
"$u" selftest --site /srv/ship --switches 20
"$u" agent --probe --site /srv/ship
ln -sf "$u" /usr/local/bin/unrep; unrep --version
look /tmp/after
diff /tmp/before /tmp/after
echo "files added or changed by running: $(diff /tmp/before /tmp/after | wc -l)"
"""
# unrep as a release at a site of its own; a loop stands for systemd, which a bare system has not.
RENEWED: Final = """
u='/opt/bord küche/kit/bin/unrep'
rm -rf /opt/unrep /tmp/units /tmp/end /carried/kits; mkdir -p /opt/unrep /tmp/units /carried/kits
printf '%s\\n' '#!/bin/sh' 'kill -9 "$(sed "s/.*pid\\":\\([0-9]*\\).*/\\1/" /srv/ship/.unrep/agent.json)"; exit 0' \
    > /opt/restart
cat /opt/restart
chmod 755 /opt/restart
"$u" init /opt/unrep --product unrep --kind command --restart /opt/restart --trust /carried/shore.pub \
    --source /carried/kits --yes
"$u" apply /carried/kit-1.unrep --site /opt/unrep --trust /carried/shore.pub
/opt/unrep/current/bin/unrep agent install --site /srv/ship --to /tmp/units/unrep-agent-ship.service
grep ExecStart= /tmp/units/*
(until [ -f /tmp/end ]; do /opt/unrep/launch/agent --site /srv/ship >> /tmp/agent.log 2>&1; sleep 0.2; done) &
for attempt in $(seq 120); do
    /opt/unrep/launch/unrep agent --site /srv/ship --alive 10 > /tmp/alive 2>&1 && break; sleep 1
done
cat /tmp/alive
cp /carried/kit-2.unrep /carried/kits/
/opt/unrep/launch/renew /srv/ship 5
test "$(readlink /opt/unrep/current)" = versions/2
for attempt in $(seq 60); do
    [ "$(cat /opt/unrep/launch/good)" != 2 ] || break; sleep 2; /opt/unrep/launch/renew /srv/ship 5
done
test "$(cat /opt/unrep/launch/good)" = 2
/opt/unrep/launch/unrep --version
/opt/unrep/launch/unrep status --site /opt/unrep
touch /tmp/end; /opt/restart
echo "renewed: $(stat -c %s /carried/kit-2.unrep) bytes"
"""
REFUSED: Final = """
kit='/opt/bord küche/kit'
said() {
    code=0; shown=$(sh "$1/bin/unrep" --version 2>&1) || code=$?
    echo "$2: exit code $code: $shown"
    case $code:$shown in *Traceback*) exit 1 ;; "$3"*) ;; *) exit 1 ;; esac
}
mkdir -p /mnt/n /tmp/part
mount -t tmpfs -o noexec,size=300m tmpfs /mnt/n; cp -a "$kit" /mnt/n/kit
said /mnt/n/kit noexec "5:unrep: /mnt/n/kit: no program"
umount /mnt/n
rm -rf /tmp/part/*; head -c 20000000 /carried/kit.tar.gz | tar -xzf - -C /tmp/part 2>/dev/null || true
said /tmp/part/kit "cut short" "5:unrep: /tmp/part/kit: is not complete"
rm -rf /tmp/part/*; cp -a "$kit" /tmp/part/kit
sed -i "s/$(uname -m)/riscv64/g" /tmp/part/kit/bin/unrep
said /tmp/part/kit "another machine" "5:unrep: /tmp/part/kit: is for riscv64, and this machine is"
rm -rf /tmp/part
(until [ -f /tmp/stop ]; do "$kit/bin/unrep" status --site /srv/ship > /tmp/loop 2>&1 || echo >> /tmp/broken; done) &
loop=$!
tar -xzf /carried/kit.tar.gz -C '/opt/bord küche'; touch /tmp/stop; wait $loop
"$kit/bin/unrep" --version
echo "unpacked over a running one: $(cat /tmp/broken 2>/dev/null | wc -l) starts failed meanwhile"
rm -f /tmp/stop /tmp/broken
umount /proc
"$kit/bin/unrep" status --site /srv/ship > /dev/null
"$kit/bin/unrep" agent --probe
echo "without /proc: works"
"""


def main() -> int:
    """1 if something failed."""
    parser = argparse.ArgumentParser(prog="make kit-test", description=__doc__)
    parser.add_argument("--system", nargs="+", choices=SYSTEMS, default=SYSTEMS)
    parser.add_argument("--renew", action="store_true", help="Also let unrep renew itself there.")
    parser.add_argument("--place", type=Path, default=REPOSITORY / "build" / "kits")
    wanted = parser.parse_args()
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        print("SKIPPED: kits on bare systems: needs root and debootstrap", file=sys.stderr)
        return 0
    place: Path = wanted.place
    carried = place / "carried"
    prepare(place, carried)
    if wanted.renew:
        prepare_kits(place, carried)
    scripts = (AT_SEA, RENEWED, REFUSED) if wanted.renew else (AT_SEA, REFUSED)
    rows = [tried(suite, place, carried, scripts) for suite in wanted.system]
    print(*rows, sep="\n")
    return int(any("FAILED" in row for row in rows))


def prepare(place: Path, carried: Path) -> None:
    """The kit in its archive, and releases."""
    shutil.rmtree(carried, ignore_errors=True)
    (carried / "inbox").mkdir(parents=True)
    shutil.rmtree(place / "kit", ignore_errors=True)
    platform = f"linux_{os.uname().machine}"
    options = ("--packages", place / "packages", "--archive", carried / "kit.tar.gz")
    unrep("kit", "--platform", platform, "--out", place / "kit", *options)
    prepare_releases(carried)


def prepare_releases(carried: Path) -> None:
    """Three releases of something small, the last one in `inbox`, and the key of their sender."""
    unrep("keygen", "--out", carried / "shore")
    for number in (1, 2, 3):
        release = carried / f"release-{number}"
        release.mkdir()
        (release / "says").write_text(str(number))
        (release / "bulk").write_bytes(b"the same in all releases\n" * 40_000)
        out = carried / ("inbox/3.unrep" if number == 3 else f"{number}.unrep")
        based = ("--base", carried / "release-1") if number > 1 else ("--full",)
        named = ("--product", "demo", "--version", str(number), "--seq", str(number))
        unrep("build", release, *named, *based, "--key", carried / "shore.key", "--out", out)


def prepare_kits(place: Path, carried: Path) -> None:
    """Bundles of that kit, and of one of an unrep that was changed."""
    source = place / "source"
    for old in (source, place / "kit-2"):
        shutil.rmtree(old, ignore_errors=True)
    for package in PACKAGES:
        shutil.copytree(REPOSITORY / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    version = source / "bundle" / "version.py"
    version.write_text(version.read_text().replace('Final = "', 'Final = "1.'))
    options = ("--platform", f"linux_{os.uname().machine}", "--packages", place / "packages")
    unrep("kit", "--out", place / "kit-2", *options, within=source)
    key = ("--product", "unrep", "--key", carried / "shore.key")
    unrep("build", place / "kit", *key, "--version", "1", "--seq", "1", "--full", "--out", carried / "kit-1.unrep")
    based = ("--base", place / "kit", "--out", carried / "kit-2.unrep")
    unrep("build", place / "kit-2", *key, "--version", "2", "--seq", "2", *based)


def unrep(*words: str | Path, within: Path = REPOSITORY) -> None:
    """A command of this checkout, or of a copy of it."""
    subprocess.run([sys.executable, "-m", "unrep", *words], check=True, cwd=within, stdout=subprocess.DEVNULL)


def tried(suite: str, place: Path, carried: Path, scripts: Sequence[str]) -> str:
    """A row of the closing table."""
    system = place / "systems" / suite
    if not (system / "usr/bin/dpkg").exists():
        shutil.rmtree(system, ignore_errors=True)
        system.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["debootstrap", "--variant=minbase", suite, system, mirror()], check=True, stdout=subprocess.DEVNULL
        )
    shutil.rmtree(system / "carried", ignore_errors=True)
    shutil.copytree(carried, system / "carried")
    began = time.monotonic()
    codes = [run(system, script) for script in scripts]
    result = f"FAILED {codes}" if any(codes) else "ok"
    return f"kit on bare {suite}: {result}, {time.monotonic() - began:.1f} s"


def run(system: Path, script: str) -> int:
    """The exit code of a script within the system, which has mounts and processes of its own."""
    argv = entering(str(system), ENTER, PATH, script)
    return subprocess.run(argv, stdin=subprocess.DEVNULL, timeout=PATIENCE_S).returncode


if __name__ == "__main__":
    sys.exit(main())
