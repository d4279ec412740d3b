"""`unrep collect` with the real pip: complete, reproducible, and nothing left behind when it is refused."""

import hashlib
import json
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bundle.read.tree import scan
from tests.support.contents.wheelhouse import make_wheel, use_only
from tests.support.links.nginx import free_port
from unrep.collect.collect import Collected, collect
from unrep.collect.target import Target
from unrep.errors import CollectError, RegistryUnreachable

WINDOWS = Target(("win_amd64",), "3.11")
LINUX = Target(("manylinux_2_28_x86_64",), "3.11")


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Wheels that pip sees, and nothing else: alpha needs beta, and on Windows gamma."""
    directory = tmp_path / "house"
    make_wheel(directory, "alpha", "1.0", ("beta>=2", 'gamma ; sys_platform == "win32"', 'delta ; extra == "more"'))
    make_wheel(directory, "beta", "2.1")
    make_wheel(directory, "beta", "1.0")
    make_wheel(directory, "gamma", "0.1")
    make_wheel(directory, "fast", "1.0", tag="cp311-cp311-win_amd64")
    make_wheel(directory, "fast", "1.0", tag="cp311-cp311-manylinux_2_17_x86_64")
    use_only(directory, monkeypatch)
    return directory


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """An application with a file to run, a cache and an ignored file."""
    directory = tmp_path / "source"
    write(directory / "app.py", "print('ahoy')\n")
    write(directory / "sub" / "run.sh", "#!/bin/sh\n").chmod(0o755)
    write(directory / ".gitignore", "*.log\n")
    write(directory / "today.log", "noise")
    write(directory / "__pycache__" / "app.cpython-311.pyc", "noise")
    return directory


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def requirements(tmp_path: Path, text: str) -> Path:
    return write(tmp_path / "pins.txt", text)


def names(directory: Path) -> list[str]:
    return sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*") if not path.is_dir())


def refused(source: Path, pins: Path, out: Path, target: Target = LINUX) -> str:
    """The sentence of a refusal, once it is certain that nothing was left beside `out`."""
    before = sorted(out.parent.iterdir())
    with pytest.raises(CollectError) as error:
        collect(source, pins, out, target)
    assert sorted(out.parent.iterdir()) == before, "something was left behind"
    return str(error.value)


@pytest.mark.usefixtures("house")
def test_source_requirements_and_wheels_for_the_ship(source: Path, tmp_path: Path) -> None:
    pins = requirements(tmp_path, 'alpha==1.0\nbeta==2.1\nfast==1.0\ngamma==0.1 ; sys_platform == "win32"\n')
    windows = collect(source, pins, tmp_path / "windows", WINDOWS)
    linux = collect(source, pins, tmp_path / "linux", LINUX)
    own = [".gitignore", "app.py", "requirements.txt", "sub/run.sh"]
    pure = ["alpha-1.0-py3-none-any.whl", "beta-2.1-py3-none-any.whl"]
    assert windows.wheels == (*pure, "fast-1.0-cp311-cp311-win_amd64.whl", "gamma-0.1-py3-none-any.whl")
    assert linux.wheels == (*pure, "fast-1.0-cp311-cp311-manylinux_2_17_x86_64.whl")
    for made in (windows, linux):
        assert names(made.directory) == sorted([*own, *(f"wheels/{name}" for name in made.wheels)])
        assert made.tree == scan(made.directory).tree_hash.hex()
        assert made.files == len(names(made.directory))
        assert made.bytes == sum((made.directory / name).stat().st_size for name in names(made.directory))
        assert made.left_out == ("__pycache__", "today.log")
    assert (windows.directory / "requirements.txt").read_text(encoding="utf-8") == (
        'alpha==1.0\nbeta==2.1\nfast==1.0\ngamma==0.1 ; sys_platform == "win32"\n'
    )


@pytest.mark.usefixtures("house")
def test_the_same_tree_whoever_collects(source: Path, tmp_path: Path) -> None:
    pins = requirements(tmp_path, "beta==2.1\n")
    first = collect(source, pins, tmp_path / "first", LINUX)
    for path in source.rglob("*"):
        os.utime(path, (1, 1))
    (source / "app.py").chmod(0o600)
    (source / "empty").mkdir()
    previous = os.umask(0o077)
    try:
        second = collect(source, pins, tmp_path / "second", LINUX)
    finally:
        os.umask(previous)
    assert first.tree == second.tree
    modes = {path.stat().st_mode & 0o777 for path in second.directory.rglob("*") if path.is_file()}
    assert os.name == "nt" or modes == {0o644, 0o755}
    write(source / "app.py", "print('changed')\n")
    assert collect(source, pins, tmp_path / "third", LINUX).tree != first.tree


@pytest.mark.usefixtures("house")
def test_a_result_inside_the_source_is_not_part_of_itself(source: Path, tmp_path: Path) -> None:
    pins = requirements(tmp_path, "beta==2.1\n")
    outside = collect(source, pins, tmp_path / "outside", LINUX)
    write(source / ".inside.unfinished-abc" / "app.py", "left by a power cut")
    (source / "inside").mkdir()
    assert collect(source, pins, source / "inside", LINUX).tree == outside.tree


@pytest.mark.usefixtures("house")
def test_a_release_installs_without_network(source: Path, tmp_path: Path) -> None:
    made = collect(source, requirements(tmp_path, "alpha==1.0\nbeta==2.1\n"), tmp_path / "out", LINUX)
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-index",
        "--find-links",
        str(made.directory / "wheels"),
    ]
    command += ["--requirement", str(made.directory / made.requirements), "--target", str(tmp_path / "installed")]
    environment = {**os.environ, "PIP_FIND_LINKS": ""}
    subprocess.run(command, check=True, env=environment)
    assert (tmp_path / "installed" / "beta.py").read_text(encoding="utf-8") == "VERSION = '2.1'\n"


@pytest.mark.usefixtures("house")
def test_where_the_requirements_are_in_the_release(source: Path, tmp_path: Path) -> None:
    included = write(source / "requirements" / "ship.txt", "-r base.txt\n")
    write(source / "requirements" / "base.txt", "beta==2.1  # needed\n")
    made = collect(source, included, tmp_path / "included", LINUX)
    assert made.requirements == "requirements.txt"
    assert (made.directory / "requirements.txt").read_text(encoding="utf-8") == "beta==2.1\n"

    own = write(source / "requirements.txt", "beta>=2\n")
    assert collect(source, included, tmp_path / "beside", LINUX).requirements == "requirements/ship.txt"
    outside = requirements(tmp_path, "beta==2.1\n")
    assert f"{own}: differs from {outside}" in refused(source, outside, tmp_path / "out")
    write(source / ".gitignore", "base.txt\n")
    assert f"{own}: differs from {included}" in refused(source, included, tmp_path / "out"), "half of it is ignored"

    write(own, "# ours\nbeta==2.1\n")
    made = collect(source, outside, tmp_path / "same", LINUX)
    assert (made.directory / "requirements.txt").read_text(encoding="utf-8") == "# ours\nbeta==2.1\n"


@pytest.mark.usefixtures("house")
@pytest.mark.parametrize(
    ("pins", "target", "message"),
    [
        ("alpha\n", LINUX, "not pinned: alpha (pins.txt line 1)"),
        ("missing==1.0\n", LINUX, "missing==1.0: no wheel for manylinux_2_28_x86_64 and Python 3.11"),
        ("fast==1.0\n", Target(("win_arm64",), "3.11"), "fast==1.0: no wheel for win_arm64 and Python 3.11"),
        ("fast==1.0\n", Target(("win_amd64",), "3.12"), "fast==1.0: no wheel for win_amd64 and Python 3.12"),
        ("beta==9\n", LINUX, "beta==9: no wheel"),
        ("alpha==1.0\n", LINUX, "alpha 1.0 needs beta>=2: pin"),
        ("alpha==1.0\nbeta==1.0\n", LINUX, "alpha 1.0 needs beta>=2, not 1.0"),
        ("alpha==1.0\nbeta==2.1\n", WINDOWS, "alpha 1.0 needs gamma: pin"),
        ("alpha[more]==1.0\nbeta==2.1\n", LINUX, "alpha 1.0 needs delta: pin"),
        (
            f"beta==2.1 --hash=sha256:{'0' * 64}\n",
            LINUX,
            "beta==2.1: the file that pip got does not have the pinned hash",
        ),
        (f"beta==2.1 --hash=sha256:{'0' * 64}\ngamma==0.1\n", LINUX, "hash"),
    ],
)
def test_requirements_that_make_no_release(
    source: Path, tmp_path: Path, pins: str, target: Target, message: str
) -> None:
    assert message in refused(source, requirements(tmp_path, pins), tmp_path / "out", target)


@pytest.mark.usefixtures("house")
def test_places_that_cannot_be_used(source: Path, tmp_path: Path) -> None:
    pins = requirements(tmp_path, "beta==2.1\n")
    taken = write(tmp_path / "taken" / "file", "").parent
    assert f"{taken}: exists already" in refused(source, pins, taken)
    assert f"{pins}: exists already" in refused(source, pins, pins)
    assert f"{source}: exists already" in refused(source, pins, source)
    assert f"{tmp_path / 'none'}: not a directory" in refused(tmp_path / "none", pins, tmp_path / "out")
    assert f"{tmp_path / 'none.txt'}: cannot be read" in refused(source, tmp_path / "none.txt", tmp_path / "out")
    write(source / "wheels" / "old.whl", "")
    assert f"{source / 'wheels'}: is where the release keeps its wheels" in refused(source, pins, tmp_path / "out")
    write(source / ".gitignore", "/wheels/\n")
    assert collect(source, pins, tmp_path / "out", LINUX).wheels == ("beta-2.1-py3-none-any.whl",)


@pytest.mark.usefixtures("house")
@pytest.mark.skipif(os.name == "nt", reason="symbolic links of POSIX")
def test_links_that_lead_nowhere(source: Path, tmp_path: Path) -> None:
    pins, loop = requirements(tmp_path, "beta==2.1\n"), tmp_path / "loop"
    loop.symlink_to(loop)
    assert f"{loop}: not a directory" in refused(loop, pins, tmp_path / "out")
    assert f"{loop}: cannot be read: Too many levels" in refused(source, loop, tmp_path / "out")
    assert f"{loop}: cannot be read: Too many levels" in refused(
        source, requirements(tmp_path, "-r loop\n"), tmp_path / "out"
    )
    assert f"{loop}: exists already" in refused(source, requirements(tmp_path, "beta==2.1\n"), loop)
    (source / "away").symlink_to(tmp_path)
    assert "away" in refused(source, pins, tmp_path / "out")


@pytest.mark.usefixtures("house")
def test_a_destination_in_a_missing_directory(source: Path, tmp_path: Path) -> None:
    with pytest.raises(CollectError, match="nowhere: not a directory"):
        collect(source, requirements(tmp_path, "beta==2.1\n"), tmp_path / "nowhere" / "out", LINUX)


@pytest.mark.usefixtures("house")
@pytest.mark.skipif(os.name == "nt", reason="Windows itself refuses such a name")
def test_names_that_the_ship_cannot_hold(source: Path, tmp_path: Path) -> None:
    pins = requirements(tmp_path, "beta==2.1\n")
    write(source / "aux.py", "")
    assert f"{source}: path 'aux.py'" in refused(source, pins, tmp_path / "out", WINDOWS)
    assert collect(source, pins, tmp_path / "linux", LINUX).files == 6


@pytest.fixture
def as_nobody() -> Iterator[Path]:
    """A directory of a user without privileges, whose rights this process has meanwhile."""
    if os.name == "nt":
        pytest.skip("modes of POSIX")
    with tempfile.TemporaryDirectory() as name:
        if os.geteuid() != 0:
            yield Path(name)
            return
        os.chown(name, 65534, 65534)
        os.seteuid(65534)
        try:
            yield Path(name)
        finally:
            os.seteuid(0)


def test_a_file_that_cannot_be_read(as_nobody: Path) -> None:
    secret = write(as_nobody / "source" / "secret", "x")
    secret.chmod(0)
    pins = write(as_nobody / "pins.txt", "")
    assert f"{secret}: cannot be copied: Permission denied" in refused(secret.parent, pins, as_nobody / "out")
    secret.chmod(0o600)
    secret.parent.chmod(0)
    try:
        assert f"{secret.parent}: cannot be copied: Permission denied" in refused(
            secret.parent, pins, as_nobody / "out"
        )
    finally:
        secret.parent.chmod(0o700)


def test_no_registry_is_said_as_such(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_only(tmp_path, monkeypatch)
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{free_port()}/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    pins = requirements(tmp_path, "beta==2.1\n")
    with pytest.raises(RegistryUnreachable):
        collect(source, pins, tmp_path / "out", LINUX)
    assert "pip cannot reach its package registry: check the network" in refused(source, pins, tmp_path / "out")


def test_real_packages_for_windows(source: Path, tmp_path: Path) -> None:
    pins = requirements(tmp_path, "six==1.16.0\ncolorama==0.4.6 ; sys_platform == 'win32'\n")
    made = _collect_or_skip(source, pins, tmp_path / "out", WINDOWS)
    assert made.wheels == ("colorama-0.4.6-py2.py3-none-any.whl", "six-1.16.0-py2.py3-none-any.whl")
    assert "docopt==0.6.2: no wheel" in refused(source, requirements(tmp_path, "docopt==0.6.2\n"), tmp_path / "next")


def _collect_or_skip(source: Path, pins: Path, out: Path, target: Target) -> Collected:
    try:
        return collect(source, pins, out, target)
    except RegistryUnreachable as error:
        pytest.skip(f"no package registry to try it with: {error}")


@pytest.mark.usefixtures("house")
def test_the_command_prints_one_object(source: Path, tmp_path: Path) -> None:
    pins = requirements(tmp_path, "beta==2.1\n")
    command = [sys.executable, "-m", "unrep", "collect", str(source), "--requirements", str(pins), "--json"]
    command += ["--platform", "win_amd64", "--python-version", "3.11", "--out", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    assert document["directory"] == str(tmp_path / "out")
    assert document["wheels"] == ["beta-2.1-py3-none-any.whl"]
    assert document["tree"] == scan(tmp_path / "out").tree_hash.hex()
    assert {"files", "bytes", "seconds"} <= document.keys()
    assert "caution: 1 pin has no --hash, and a registry that lies goes unnoticed the first time; " in done.stderr
    assert f"compared with {pins}.wheels.sha256 from now on" in done.stderr
    assert document["unhashed"] == ["beta==2.1"]
    assert document["left_out"] == ["__pycache__", "today.log"]


def test_a_wheel_without_a_hash_is_compared_with_what_it_was(house: Path, source: Path, tmp_path: Path) -> None:
    """[A-106]: by its name, so that one for another platform is another; the file is beside the requirements, and no
    part of the release though they are in the source."""
    pins = write(source / "pins.txt", "beta==2.1\nfast==1.0\n")
    kept = source / "pins.txt.wheels.sha256"
    first = collect(source, pins, tmp_path / "first", LINUX)
    assert first.unhashed == ("beta==2.1", "fast==1.0") and first.hashes_file == kept and not first.not_saved
    seen = kept.read_text()
    assert os.name == "nt" or stat.S_IMODE(kept.stat().st_mode) == 0o644  # it is kept with the source, for all
    assert [line.split()[1] for line in seen.splitlines()] == sorted(first.wheels)
    assert collect(source, pins, tmp_path / "second", LINUX).tree == first.tree and kept.read_text() == seen
    collect(source, pins, tmp_path / "windows", WINDOWS)
    both = kept.read_text()
    assert len(both.splitlines()) == 3 and set(seen.splitlines()) < set(both.splitlines())
    make_wheel(house, "beta", "2.1", ('alpha ; extra == "more"',))
    said = refused(source, pins, tmp_path / "third")
    assert said.startswith("beta-2.1-py3-none-any.whl: is another file than when it was first collected")
    assert kept.read_text() == both
    kept.write_text("".join(line for line in both.splitlines(True) if "beta" not in line))
    assert collect(source, pins, tmp_path / "third", LINUX).wheels == first.wheels
    kept.write_text("hello\n")
    assert f"{kept}: line 1 is not the hash of one more wheel" in refused(source, pins, tmp_path / "fourth")


@pytest.mark.usefixtures("house")
def test_hashes_may_be_required(house: Path, source: Path, tmp_path: Path) -> None:
    """[A-106]: pins with hashes are never cautioned, and nothing is kept of them."""
    arguments = ["--python-version", "3.11", "--out", str(tmp_path / "out"), "--json"]
    command = [sys.executable, "-m", "unrep", "collect", str(source), "--platform", "win_amd64", *arguments]
    plain = requirements(tmp_path, "beta==2.1\n")
    done = subprocess.run([*command, "--require-hashes", "--requirements", plain], capture_output=True, text=True)
    assert done.returncode == 2 and "without a hash: beta==2.1: add --hash=sha256:" in done.stderr, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["house", "pins.txt", "source"]
    digest = hashlib.sha256((house / "beta-2.1-py3-none-any.whl").read_bytes()).hexdigest()
    hashed = write(tmp_path / "hashed.txt", f"beta==2.1 --hash=sha256:{digest}\n")
    done = subprocess.run([*command, "--require-hashes", "--requirements", hashed], capture_output=True, text=True)
    assert done.returncode == 0 and "caution" not in done.stderr and json.loads(done.stdout)["unhashed"] == []
    assert not (tmp_path / "hashed.txt.wheels.sha256").exists()


@pytest.mark.usefixtures("house")
@pytest.mark.skipif(os.name == "nt", reason="a file in the way of another, as POSIX says it")
def test_hashes_that_cannot_be_kept(source: Path, tmp_path: Path) -> None:
    """[A-106]: the release is made all the same, and the caution says why."""
    pins = requirements(tmp_path, "beta==2.1\n")
    (tmp_path / ".pins.txt.wheels.sha256.new").mkdir()
    assert "Is a directory" in collect(source, pins, tmp_path / "out", LINUX).not_saved


@pytest.mark.usefixtures("house")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({0: "nowhere"}, "nowhere: not a directory: name the directory that holds the application's source"),
        ({2: "nowhere.txt"}, "nowhere.txt: cannot be read: No such file or directory"),
        ({2: "loose.txt"}, "not pinned: beta>=2 (loose.txt line 1): write NAME==VERSION"),
        ({2: "senseless.txt"}, "beta: its marker 'os_name ~= \"nt\"' cannot be evaluated"),
        ({2: "linux.txt"}, "fast==1.0: no wheel for win_arm64 and Python 3.11"),
        ({4: "win_arm65"}, "--platform 'win_arm65' is not known"),
        ({6: "three"}, "--python-version 'three': write it like 3.11"),
        ({8: "source"}, "source: exists already: remove it, or choose another --out"),
    ],
)
def test_what_the_command_refuses(source: Path, tmp_path: Path, change: dict[int, str], words: str) -> None:
    write(tmp_path / "loose.txt", "beta>=2\n")
    write(tmp_path / "senseless.txt", "beta==2.1 ; os_name ~= 'nt'\n")
    write(tmp_path / "linux.txt", "fast==1.0\n")
    requirements(tmp_path, "beta==2.1\n")
    line = "source --requirements pins.txt --platform win_arm64 --python-version 3.11 --out out --json"
    arguments = [change.get(place, word) for place, word in enumerate(line.split())]
    before = sorted(tmp_path.iterdir())
    done = subprocess.run(
        [sys.executable, "-m", "unrep", "collect", *arguments], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 2, done.stderr
    assert words in done.stderr and done.stderr.count("\n") == 1
    assert words in json.loads(done.stdout)["error"]
    assert sorted(tmp_path.iterdir()) == before
