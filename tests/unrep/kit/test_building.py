"""A kit for this very machine, built from the locks: twice the same, and it runs without any other Python."""

import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bundle.errors import NoRoom
from bundle.host.progress import Quiet
from bundle.read.tree import scan
from tests.support.repository import REPOSITORY
from tests.support.sites.mounted import mounted, stick
from unrep.errors import KitError, RegistryUnreachable
from unrep.kit import application, packages
from unrep.kit.building import Kit, Wanted, build_kit
from unrep.kit.folder import MARK
from unrep.kit.kinds import KINDS

KEPT = REPOSITORY / "build" / "kits" / "packages"
LINUX = f"linux_{platform.machine()}"
pytestmark = pytest.mark.slow
ONLY_HERE = pytest.mark.skipif(
    sys.platform != "linux" or LINUX not in KINDS or not shutil.which("apt-get"),
    reason="a kit for Linux is built on Linux, where there is apt",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("büro mit leerzeichen")


@pytest.fixture(scope="module")
def kit(place: Path) -> Kit:
    KEPT.mkdir(parents=True, exist_ok=True)
    try:
        return build_kit(Wanted(KINDS[LINUX], place / "the kit", KEPT), Quiet())
    except KitError as error:
        if "apt-get" in str(error):
            pytest.skip(f"Debian's packages cannot be had here: {error}")
        raise
    except RegistryUnreachable as error:
        pytest.skip(f"wheels cannot be had here: {error}")


def names(directory: Path) -> set[str]:
    return {path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()}


def run(*words: str | Path, **more: str) -> "subprocess.CompletedProcess[str]":
    """Without this machine's Python, and without any variable that would steer one."""
    environment = {"PATH": "/usr/bin:/bin", **more}
    return subprocess.run([*words], capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL)


@ONLY_HERE
def test_it_is_the_same_on_another_path(kit: Kit, tmp_path: Path) -> None:
    """[K-2]"""
    other = build_kit(Wanted(KINDS[LINUX], tmp_path / "other", KEPT), Quiet())
    assert other.manifest.tree_hash == kit.manifest.tree_hash


@ONLY_HERE
def test_it_runs_from_where_it_lies_and_writes_nothing(kit: Kit, tmp_path: Path) -> None:
    """[K-4] [K-9] [K-10]: with its own libraries alone; a link to it starts it as well."""
    unrep = kit.directory / "bin" / "unrep"
    (tmp_path / "unrep").symlink_to(unrep)
    for started in (unrep, tmp_path / "unrep"):
        told = run(started, "--version", PYTHONPATH="/nowhere", PYTHONHOME="/nowhere")
        assert told.returncode == 0 and told.stdout.startswith("unrep "), told.stderr
    mapped = run(kit.directory / "bin" / "python3", "-c", "import ssl, numpy; print(open('/proc/self/maps').read())")
    libraries = {line.split(maxsplit=5)[5] for line in mapped.stdout.splitlines() if ".so" in line}
    assert len(libraries) > 15 and all(path.startswith(str(kit.directory)) for path in libraries)
    probed = run(unrep, "agent", "--probe")
    assert probed.returncode == 0 and "modules can be imported" in probed.stdout
    assert scan(kit.directory).tree_hash == kit.manifest.tree_hash


@ONLY_HERE
def test_it_runs_from_a_stick_without_rights_and_links(kit: Kit, tmp_path: Path) -> None:
    """[K-2] [K-9]"""
    with stick(tmp_path) as place:
        copy = shutil.copytree(kit.directory, place / "ein kit ü", copy_function=shutil.copyfile)
        told = run(copy / "bin" / "unrep", "agent", "--probe")
        assert told.returncode == 0 and "modules can be imported" in told.stdout, told.stderr
        assert names(copy) == names(kit.directory)


@ONLY_HERE
def test_a_disk_that_is_full_leaves_no_half_a_kit(kit: Kit, tmp_path: Path) -> None:
    """[K-11] [A-207]"""
    with mounted(tmp_path) as place:
        with pytest.raises(NoRoom, match="out"):
            build_kit(Wanted(KINDS[LINUX], place / "out", KEPT), Quiet())
        assert not list(place.iterdir())


@ONLY_HERE
def test_it_is_put_on_the_path_and_taken_away(kit: Kit, tmp_path: Path) -> None:
    """[K-12]"""
    install, uninstall = kit.directory / "install.sh", kit.directory / "uninstall.sh"
    for _ in range(2):
        told = run("sh", install, tmp_path)
        assert told.returncode == 0, told.stderr
        assert run(tmp_path / "unrep", "--version").stdout.startswith("unrep ")
    for _ in range(2):
        assert run("sh", uninstall, tmp_path).returncode == 0 and not (tmp_path / "unrep").exists()
    (tmp_path / "unrep").write_text("another program")
    refused = run("sh", install, tmp_path)
    assert refused.returncode == 5 and "move it away" in refused.stderr
    assert run("sh", uninstall, tmp_path).returncode == 0 and (tmp_path / "unrep").exists()


@ONLY_HERE
def test_what_it_starts_is_its_own_python(kit: Kit) -> None:
    """[K-4]"""
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import sys; print(sys.executable)'])"
    told = run(kit.directory / "bin" / "python3", "-c", code)
    assert told.stdout.strip() == str(kit.directory / "bin" / "python3")


@ONLY_HERE
@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda kit: (kit / MARK).unlink(), "is not complete: unpack the kit again"),
        (lambda kit: next((kit / "lib").glob("ld-linux*")).chmod(0o644), "no program may be started there"),
        (
            lambda kit: (kit / "bin/unrep").write_text((kit / "bin/unrep").read_text().replace("x86_64", "riscv64")),
            "is for riscv64, and this machine is",
        ),
    ],
)
def test_where_it_cannot_run_it_says_why(kit: Kit, tmp_path: Path, spoil: object, reason: str) -> None:
    """[K-9]"""
    if "riscv64" in reason and platform.machine() != "x86_64":
        pytest.skip("written for x86-64")
    copy = tmp_path / "copy"
    for name in ("bin", "lib", MARK):
        (shutil.copytree if (kit.directory / name).is_dir() else shutil.copy)(kit.directory / name, copy / name)
    assert callable(spoil)
    spoil(copy)
    told = run("sh", copy / "bin" / "unrep", "--version")
    assert told.returncode == 5 and reason in told.stderr and len(told.stderr.splitlines()) == 1


@ONLY_HERE
def test_a_kit_that_lacks_a_module_is_not_made(place: Path, kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    """[K-11] [A-230]"""
    placed = application._place
    monkeypatch.setattr(application, "_place", lambda name: "" if "msgspec/_core" in name else placed(name))
    with pytest.raises(KitError, match=r"the kit's own Python does not run: .*msgspec"):
        build_kit(Wanted(KINDS[LINUX], place / "broken", KEPT), Quiet())
    assert not (place / "broken").exists() and not list(place.glob(".broken*"))


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("linux_x86_64", {"embeddable": Path("p.zip"), "embeddable_sha256": "0" * 64}, "takes neither"),
        ("win_amd64", {}, "needs --embeddable ZIP"),
        ("win_amd64", {"embeddable": Path("p.zip")}, "needs --embeddable ZIP"),
    ],
)
def test_wrong_calls(name: str, change: dict[str, object], reason: str, tmp_path: Path) -> None:
    """[K-1]"""
    with pytest.raises(KitError, match=reason):
        build_kit(Wanted(KINDS[name], tmp_path / "out", tmp_path, **change), Quiet())  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_what_stands_there_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "file").touch()
    with pytest.raises(KitError, match="exists already"):
        build_kit(Wanted(KINDS["linux_x86_64"], tmp_path / "out", tmp_path), Quiet())
    with pytest.raises(KitError, match="not a directory"):
        build_kit(Wanted(KINDS["linux_x86_64"], tmp_path / "no" / "out", tmp_path), Quiet())


def test_the_locks_are_those_that_are_shipped() -> None:
    """[K-3]: every kind has its locks, and each line a hash."""
    for kind in KINDS.values():
        assert (packages.LOCKS / kind.wheels_lock).exists()
        if not kind.is_windows:
            lock = packages.read_debian_lock(packages.LOCKS / kind.debian_lock)
            assert len({package.name for package in lock}) > 10
