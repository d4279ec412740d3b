"""A build gives the same bytes whoever does the work: one process, two, a thread, or a Dask cluster."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.repository import REPOSITORY

# A mount namespace of its own, in which nobody can make a semaphore; an ordinary user is root of nothing else there.
WITHOUT_SEMAPHORES = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
WITHOUT_SEMAPHORES += ['mount -t tmpfs -o ro none /dev/shm && exec "$@"', "sh"]

BUILD = "build new --product p --version 1.0.1 --seq 2 --base old --key k.key"


def unrep(directory: Path, line: str, *within: str) -> "subprocess.CompletedProcess[str]":
    argv = [*within, sys.executable, "-m", "unrep", *line.split()]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}
    return subprocess.run(argv, cwd=directory, env=environment, capture_output=True, text=True)


@pytest.fixture
def shore(tmp_path: Path) -> Path:
    for name, change in (("old", ""), ("new", "# changed\n")):
        for number in range(12):
            path = tmp_path / name / f"package_{number % 3}" / f"module_{number}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            body = "".join(f"def function_{number}_{line}(): return {line * number}\n" for line in range(200))
            path.write_text(body + (change if number % 2 else ""), encoding="utf-8")
    assert unrep(tmp_path, "keygen --out k").returncode == 0
    return tmp_path


@pytest.fixture
def scheduler() -> Iterator[str]:
    distributed = pytest.importorskip("distributed", reason="Dask is not installed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        yield cluster.scheduler_address


def test_the_bundle_is_the_same_on_a_dask_cluster(shore: Path, scheduler: str) -> None:
    bundles = []
    for name, workers in (("one", "--workers 1"), ("two", "--workers 2"), ("dask", f"--dask {scheduler}")):
        done = unrep(shore, f"{BUILD} --out {name}.unrep {workers}")
        assert done.returncode == 0, done.stderr
        bundles.append((shore / f"{name}.unrep").read_bytes())
    assert bundles[0] == bundles[1] == bundles[2]


@pytest.mark.slow
def test_a_scheduler_that_is_not_there_is_named(shore: Path) -> None:
    pytest.importorskip("distributed", reason="Dask is not installed")
    done = unrep(shore, f"{BUILD} --out x.unrep --dask tcp://127.0.0.1:9")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("unrep: --dask tcp://127.0.0.1:9: no scheduler answers there")
    assert "Traceback" not in done.stderr
    assert not (shore / "x.unrep").exists()


def test_workers_and_dask_exclude_each_other(shore: Path) -> None:
    done = unrep(shore, f"{BUILD} --out x.unrep --workers 2 --dask tcp://127.0.0.1:9")
    assert (done.returncode, (shore / "x.unrep").exists()) == (2, False)
    assert "--workers and --dask exclude each other" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps semaphores in a directory")
def test_without_semaphores_a_thread_builds_the_same(shore: Path) -> None:
    """A machine without a writable /dev/shm."""
    tried = subprocess.run([*WITHOUT_SEMAPHORES, "true"], capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"nothing can be mounted here: {tried.stderr.strip()}")
    without = unrep(shore, f"{BUILD} --out without.unrep --workers 2", *WITHOUT_SEMAPHORES)
    assert without.returncode == 0, without.stderr
    assert "no semaphores for worker processes (Read-only file system)" in without.stderr
    assert unrep(shore, f"{BUILD} --out with.unrep").returncode == 0
    assert (shore / "without.unrep").read_bytes() == (shore / "with.unrep").read_bytes()


def test_a_number_of_workers_that_no_system_manages_is_no_error(shore: Path) -> None:
    done = unrep(shore, f"{BUILD} --out x.unrep --workers 9999999999")
    assert done.returncode == 0, done.stderr


def test_a_worker_takes_no_module_from_where_somebody_stands(shore: Path) -> None:
    """[A-102]: nor does what Python starts beside the workers; a command that signs is run as ever."""
    (shore / "multiprocessing.py").write_text("open('ran', 'w')")
    (shore / "sign.py").write_text(
        "import os, pathlib, sys; from bundle.trust.signing import load_private_key\n"
        "open('path', 'w').write(os.environ.get('PYTHONSAFEPATH', 'unset'))\n"
        "sys.stdout.buffer.write(load_private_key(pathlib.Path('k.key')).sign(sys.stdin.buffer.read()))\n"
    )
    line = BUILD.replace("--key k.key", "--public k.pub --out b.unrep --workers 2 --sign-with").split()
    begin = f"import sys; sys.path[0] = {str(REPOSITORY)!r}; from unrep.cli import main; main()"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    argv = [sys.executable, "-c", begin, *line, f'"{sys.executable}" sign.py']
    environment["PYTHONPATH"] = str(REPOSITORY)
    done = subprocess.run(argv, cwd=shore, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not (shore / "ran").exists() and (shore / "path").read_text() == "unset"
