"""What no bound of the format catches is caught by a limit on memory: a refusal, and no process ended from outside.

[A-45]
"""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from bundle.errors import Unsupported
from bundle.host.memory_limit import limited_memory
from tests.support.contents.raw_bundles import raw, vector
from tests.support.sites.attacked_site import Besieged

MIB = 1 << 20
LIMIT_MIB = 256  # lower than it is, for the sake of small machines
linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux holds a process to a limit")


@cache
def index_bomb() -> bytes:
    """An index of 64 MiB that packs to 10 KB: one column of 22 million numbers, 36 bytes each in memory."""
    sizes = []

    def long(index: bytes) -> bytes:
        count = 64 * MIB // 3 - 1000
        numbers = b"\xdd" + count.to_bytes(4, "big") + b"\xcd\1\x91" * count
        data = index.replace(b"\x91\0\x90\x90\x90\x92", b"\x91\0\x90\x90" + numbers + b"\x92", 1)
        assert len(data) > count
        sizes.append(len(data))
        return bytes(raw.lzma2(data))

    section = raw.full(index=long)
    section.described = lambda pairs: raw.replaced("index", [48, dict(pairs)["index"][1], sizes[-1]])(pairs)
    return bytes(raw.write(raw.Bundle([section])))


@linux_only
@pytest.mark.parametrize("command", ["apply", "apply --dry-run", "verify"])
def test_a_bundle_that_takes_too_much_memory_is_refused(site: Besieged, command: str) -> None:
    bundle = site.brought(index_bomb())
    place = [] if command == "verify" else ["--site", str(site.root)]
    words = [*command.split(), str(bundle), "--trust", str(site.trust), *place]
    code = (
        f"import atexit, bundle.host.memory_limit as c; c.MEMORY_LIMIT_BYTES = {LIMIT_MIB} << 20;"
        "from unrep.cli import main;"
        f"atexit.register(lambda: print(open('/proc/self/status').read())); main({words!r})"
    )
    with site.unchanged():
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8")
    told = done.stderr
    assert done.returncode == 3, told
    assert told.count("\n") == 1 and "takes over 256 MiB of memory; ask ashore for a smaller release" in told
    peak = re.search(r"VmHWM:\s+(\d+) kB", done.stdout)
    assert peak and int(peak[1]) * 1024 < (LIMIT_MIB + 128) * MIB


@linux_only
def test_the_limit_ends_with_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    monkeypatch.setattr("bundle.host.memory_limit.MEMORY_LIMIT_BYTES", 16 * MIB)
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with pytest.raises(Unsupported, match="over 16 MiB of memory"), limited_memory():
        bytearray(64 * MIB)
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
    assert len(bytearray(64 * MIB)) == 64 * MIB


@linux_only
def test_a_limit_that_stands_is_not_lifted() -> None:
    code = (
        "import resource; from bundle.host.memory_limit import limited_memory; limit = 600 << 20;"
        "resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))\n"
        "with limited_memory(): assert resource.getrlimit(resource.RLIMIT_DATA) == (limit, limit)\n"
        "assert resource.getrlimit(resource.RLIMIT_DATA) == (limit, limit)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_no_command_of_the_site_has_the_limit(site: Besieged, tmp_path: Path) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux has the limit")
    limits = tmp_path / "limits"
    code = f"open({str(limits)!r}, 'a').write(open('/proc/self/limits').read())"
    words = f'["{sys.executable}", "-c", "{code}"]'
    (site.root / "unrep.toml").write_text(f"[prepare]\ncommand = {words}\n[switch]\nrestart = {words}\n")
    assert site.apply(vector("delta"))[0] == 0
    lines = [line for line in limits.read_text().splitlines() if line.startswith("Max data size")]
    assert len(lines) == 2 and all("unlimited" in line for line in lines)


@linux_only
def test_a_system_that_does_not_tell_what_is_taken_sets_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    def refuse(_: Path) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with limited_memory():
        assert resource.getrlimit(resource.RLIMIT_DATA) == before
