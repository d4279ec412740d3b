"""From the failed verdict to the old version's path serving, in real trials that fail, and the switch alone.

    python bench/rollback.py [--files 10000] [--runs 1000] [--out FILE]

Makes two releases of so many files, the second of which has a failing health check. An update brings it, fails and goes
back; from then on it is brought into service again and again by hand, `unrep rollback --to`, which hashes all its
files, switches, fails and goes back each time. Prints percentiles of the steps `switch` and `switch_back`, and of the
seconds until the old version was found healthy; --out writes them as JSON.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from apply.audit.history import read_history
from apply.errors import RolledBack
from apply.record.recorded_run import RecordedRun
from apply.rollback import roll_back
from apply.site.config import load
from apply.site.layout import Site
from apply.update import update
from bundle.host.progress import Quiet
from bundle.trust.signing import load_private_key, write_key_pair
from bundle.trust.trust import load_trust
from bundle.write.builder import BuildRequest, build

CONFIG = """\
[[health]]
type = "command"
argv = ["/bin/sh", "-c", "test ! -e $UNREP_TREE/sick"]

[health_window]
start_after_s = 0
deadline_s = 0.4
interval_s = 0.1
consecutive_passes = 1
"""
PERCENTILES = {"p50": 50, "p90": 90, "p99": 99, "max": 100}


def write_release(directory: Path, files: int, *, sick: bool) -> None:
    """A release of small files."""
    for number in range(files):
        path = directory / f"part_{number // 100:03}" / f"module_{number:05}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"NUMBER = {number}\n", encoding="utf-8")
    if sick:
        (directory / "sick").write_text("yes\n", encoding="utf-8")


def write_bundles(directory: Path, files: int) -> tuple[Path, Path]:
    """The bundle of the good release, and that of the sick one."""
    write_key_pair(directory / "k")
    made = []
    for seq, (name, bases) in enumerate((("good", []), ("sick", [directory / "good"])), 1):
        write_release(directory / name, files, sick=name == "sick")
        out = directory / f"{name}.unrep"
        request = BuildRequest(new=directory / name, product="p", version=f"{seq}.0.0", seq=seq, out=out, bases=bases)
        with ThreadPoolExecutor(1) as pool:
            build(request, load_private_key(directory / "k.key"), pool, Quiet())
        made.append(out)
    return made[0], made[1]


def must_fail(run: Callable[[], object]) -> None:
    """It ends with the old version serving."""
    try:
        run()
    except RolledBack:
        return
    raise SystemExit("the sick release was found healthy")


def percentiles(milliseconds: list[float]) -> dict[str, float]:
    """By nearest rank."""
    ordered = sorted(milliseconds)
    return {name: round(ordered[-(-len(ordered) * p // 100) - 1], 3) for name, p in PERCENTILES.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix="bench-") as name:
        directory = Path(name)
        good, sick = write_bundles(directory, options.files)
        site = directory / "site"
        site.mkdir()
        (site / "unrep.toml").write_text(CONFIG, encoding="utf-8")
        config, trust = load(site / "unrep.toml"), load_trust(directory / "k.pub")
        update(good, site, trust, config)
        must_fail(lambda: update(sick, site, trust, config))
        for done in range(1, options.runs):
            must_fail(lambda: roll_back(site, config, "2.0.0"))
            if done % 50 == 0:
                print(f"{done} of {options.runs}", file=sys.stderr, flush=True)
        runs: list[RecordedRun] = []
        read_history(Site.at(site), 1, runs.append).check()
    failed = [run for run in runs if run.failed]
    figures = {
        "switch_ms": percentiles([run.steps["switch"] * 1000 for run in failed]),
        "switch_back_ms": percentiles([run.steps["switch_back"] * 1000 for run in failed]),
        "healthy_again_ms": percentiles([run.recoveries[0].seconds * 1000 for run in failed]),
    }
    print(f"{len(failed)} rollbacks, {options.files} files")
    for step, ranks in figures.items():
        print(f"{step:<18} " + "  ".join(f"{rank} {value:8.2f}" for rank, value in ranks.items()))
    if options.out:
        document = {"runs": len(failed), "files": options.files, "cores": os.cpu_count(), **figures}
        options.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
