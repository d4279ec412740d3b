"""From the failed verdict to the old version's path serving: the step `switch_back` of real updates that fail.

    python bench/rollback.py [--files 10000] [--runs 20]

Makes two releases of so many files, the second of which has a failing health check, and applies it again and again,
each time under a higher seq. Prints the milliseconds of every run, the median and the worst.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

CONFIG = """\
[[health]]
type = "command"
argv = [{python}, "-c", "import pathlib, sys; sys.exit(pathlib.Path(sys.argv[1], 'sick').exists())", "{{tree}}"]

[health_window]
start_after_s = 0
deadline_s = 0.5
interval_s = 0.05
consecutive_passes = 1
"""


def unrep(directory: Path, line: str, expected: int = 0) -> dict[str, object]:
    """The JSON object of a command."""
    argv = [sys.executable, "-m", "unrep", *line.split(), "--json"]
    done = subprocess.run(argv, cwd=directory, capture_output=True, check=False)
    if done.returncode != expected:
        raise SystemExit(f"unrep {line}: exit code {done.returncode}: {done.stderr.decode()}")
    document: dict[str, object] = json.loads(done.stdout)
    return document


def write_release(directory: Path, files: int, *, sick: bool) -> None:
    """A release of small files."""
    for number in range(files):
        path = directory / f"part_{number // 100:03}" / f"module_{number:05}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"NUMBER = {number}\n", encoding="utf-8")
    if sick:
        (directory / "sick").write_text("yes\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=20)
    options = parser.parse_args()
    milliseconds = []
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix="bench-") as name:
        directory = Path(name)
        write_release(directory / "good", options.files, sick=False)
        write_release(directory / "bad", options.files, sick=True)
        (directory / "site").mkdir()
        (directory / "site" / "unrep.toml").write_text(
            CONFIG.format(python=json.dumps(sys.executable)), encoding="utf-8"
        )
        unrep(directory, "keygen --out k")
        unrep(directory, "build good --product p --version 1.0.0 --seq 1 --key k.key --out good.unrep")
        unrep(directory, "apply good.unrep --site site --trust k.pub")
        for number in range(options.runs):
            release = f"--product p --version 2.0.{number} --seq {number + 2}"
            unrep(directory, f"build bad {release} --base good --key k.key --out bad{number}.unrep")
            run = unrep(directory, f"apply bad{number}.unrep --site site --trust k.pub", expected=6)
            steps = run["steps"]
            assert isinstance(steps, dict)
            milliseconds.append(steps["switch_back"] * 1000)
            print(f"run {number + 1}: {milliseconds[-1]:.2f} ms", flush=True)
    print(f"{options.runs} rollbacks, {options.files} files: median {statistics.median(milliseconds):.2f} ms, ", end="")
    print(f"worst {max(milliseconds):.2f} ms")


if __name__ == "__main__":
    main()
