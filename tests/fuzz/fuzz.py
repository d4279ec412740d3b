"""`make fuzz`: each target for a while under atheris, a fuzzer that follows which branches the bytes reach.

    python -m tests.fuzz.fuzz [SECONDS] [TARGET...]     prints for each target its executions and findings
    python -m tests.fuzz.fuzz --one TARGET [libFuzzer's options]

What is found stays in build/fuzz/TARGET: `finding-*` and the corpus, with which the next run goes on. A finding is
mended in the product, and moves to tests/fuzz/corpus/TARGET, or becomes a vector.
"""

import re
import subprocess
import sys
from pathlib import Path

from tests.fuzz.targets import LONGEST, TARGETS, seeds
from tests.support.repository import REPOSITORY

BUILD = REPOSITORY / "build" / "fuzz"
STATISTIC = re.compile(r"stat::(\w+):\s+(\d+)")
LIMIT_MIB = 512
LIMIT_S = 10
# A new process goes on from the corpus after so long: what atheris takes for itself grows with calls of numpy.
STRETCHES_S = {"images": 10}


def fuzz(name: str, seconds: int) -> int:
    """Fuzzes one target, a stretch of the time in a process each; how many findings it has."""
    home = BUILD / name
    for directory in (home / "corpus", home / "seeds"):
        directory.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(name)):
        (home / "seeds" / f"{number:04}").write_bytes(seed)
    before, executions, peak, said = len(list(home.glob("finding-*"))), 0, 0, ""
    stretch_s = STRETCHES_S.get(name, seconds)
    while seconds > 0 and not said:
        made, highest, said = _stretch(name, home, min(seconds, stretch_s))
        executions, peak, seconds = executions + made, max(peak, highest), seconds - stretch_s
    findings = len(list(home.glob("finding-*"))) - before
    print(f"{name:10} {executions:>12,} executions, {findings} findings, peak {peak} MiB", flush=True)
    if said:
        print(said)
    return findings + int(not executions)


def _stretch(name: str, home: Path, seconds: int) -> tuple[int, int, str]:
    """Executions, peak in MiB, and what the fuzzer said if it ended otherwise than by the time."""
    options = [f"-max_total_time={seconds}", f"-max_len={LONGEST}", f"-rss_limit_mb={LIMIT_MIB}", f"-timeout={LIMIT_S}"]
    options += [f"-artifact_prefix={home}/finding-", "-print_final_stats=1", str(home / "corpus"), str(home / "seeds")]
    command = [sys.executable, "-m", "tests.fuzz.fuzz", "--one", name, *options]
    ended = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace")
    statistics = {key: int(value) for key, value in STATISTIC.findall(ended.stderr)}
    executions = statistics.get("number_of_executed_units", 0)
    failed = ended.returncode or not executions
    return executions, statistics.get("peak_rss_mb", 0), ended.stderr[-4000:] if failed else ""


def one(name: str, options: list[str]) -> None:
    """This process, until libFuzzer ends it."""
    import atheris

    atheris.instrument_all()
    atheris.Setup(["fuzz", *options], TARGETS[name])
    atheris.Fuzz()


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--one"]:
        one(arguments[1], arguments[2:])
    seconds = int(arguments[0]) if arguments else 30
    return int(sum(fuzz(name, seconds) for name in arguments[1:] or TARGETS) > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
