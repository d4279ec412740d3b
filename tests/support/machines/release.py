"""`make dist` and `make dist-check`: the sdist and the wheel of the last commit, the same bytes whoever builds them.

`dist` builds what is committed, not what lies in the working tree. Times in the archives are the commit's. The build
tool is the locked hatchling. `dist-check` builds once more, elsewhere, under another umask and time zone, and compares;
then it installs the wheel with the locked packages into an environment of its own and runs `unrep --version` and
`unrep demo` there. RELEASE.md says when to run which.
"""

import io
import os
import platform
import subprocess
import sys
import tarfile
import venv
import zlib
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.repository import REPOSITORY

LOCK = REPOSITORY / "requirements" / "runtime.lock"


def build(out: Path, revision: str = "HEAD", **environment: str) -> list[Path]:
    """Builds sdist and wheel of a commit into a directory; their paths, in order of their names.

    Raises CalledProcessError where git does not know the commit or hatchling refuses it.
    """
    archive = _git("archive", "--format=tar", revision)
    committed_at = _git("log", "-1", "--format=%ct", revision).decode().strip()
    with TemporaryDirectory(prefix="unrep-dist-") as scratch:
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(scratch, filter="data")
        command = [sys.executable, "-m", "hatchling", "build", "-d", str(out.resolve())]
        settings = os.environ | environment | {"SOURCE_DATE_EPOCH": committed_at}
        subprocess.run(command, cwd=scratch, env=settings, check=True, stdout=subprocess.DEVNULL)
    return sorted([*out.glob("unrep-*.tar.gz"), *out.glob("unrep-*.whl")])


def sums(files: list[Path]) -> str:
    """Their SHA-256, as sha256sum(1) prints them."""
    return "".join(f"{sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)


def try_wheel(wheel: Path) -> None:
    """Installs it beside the locked packages, in an environment of its own, and runs it there.

    Raises CalledProcessError if a command fails.
    """
    with TemporaryDirectory(prefix="unrep-wheel-") as scratch:
        home = Path(scratch) / "venv"
        venv.create(home, with_pip=True)
        programs = home / ("Scripts" if os.name == "nt" else "bin")
        pip = [str(programs / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        outside = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
        for command in (
            [*pip, "--require-hashes", "-r", str(LOCK)],
            [*pip, "--no-deps", str(wheel.resolve())],
            [str(programs / "unrep"), "--version"],
            [str(programs / "unrep"), "demo"],
        ):
            subprocess.run(command, cwd=scratch, env=outside, check=True)


def main(arguments: list[str]) -> int:
    """Builds into `dist/`, or checks what was built there."""
    out = REPOSITORY / "dist"
    if arguments != ["check"]:
        for old in (*out.glob("unrep-*.tar.gz"), *out.glob("unrep-*.whl")):
            old.unlink()
        made = sums(build(out))
        (out / "SHA256SUMS").write_text(made, encoding="utf-8")
        print(f"{made}by Python {platform.python_version()} and zlib {zlib.ZLIB_RUNTIME_VERSION}")
        if _git("status", "--porcelain"):
            print("unrep: uncommitted changes are not in these files", file=sys.stderr)
        return 0
    there = sorted([*out.glob("unrep-*.tar.gz"), *out.glob("unrep-*.whl")])
    with TemporaryDirectory(prefix="unrep-again-") as scratch:
        umask = os.umask(0o077)
        again = sums(build(Path(scratch), TZ="Asia/Tokyo"))
        os.umask(umask)
    if sums(there) != again:
        print(f"dist/ has\n{sums(there)}and a second build gives\n{again}", end="", file=sys.stderr)
        return 1
    print(f"The same bytes, built twice:\n{again}", end="", flush=True)
    try_wheel(next(path for path in there if path.suffix == ".whl"))
    return 0


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=REPOSITORY, check=True, capture_output=True).stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
