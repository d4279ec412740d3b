"""`make mutations`: a million mutants of small bundles, and what became of them.

    python -m tests.hostile.mutations [COUNT] [FIRST]

Numbers from FIRST on, so many; every number gives the same mutant at any time. What was accepted goes through the
second reader of spec/reader as well, which must accept it too. Exit code 1 for any finding, shown by its number.
"""

import json
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path

from tests.support.contents.mutants import mutant
from tests.support.contents.raw_bundles import DOCUMENT, sealed
from tests.support.faults.mutant_trial import Tally, Trial
from tests.support.repository import REPOSITORY
from tests.support.sites.attacked_site import Besieged
from unrep.terminal.memory import peak_rss_bytes

READER = REPOSITORY / "spec" / "reader" / "conformance.py"
SHARE = 10_000
SHOWN = 20
MAX_RSS_BYTES = 256 * 1024 * 1024


def share(first: int, count: int) -> tuple[Tally, int]:
    """One process's share, at a site of its own; the tally, and the peak of the process in bytes."""
    with tempfile.TemporaryDirectory(prefix="unrep-mutants-") as name:
        site = Path(name) / "pattern"
        site.mkdir()
        tally = Trial(Besieged.made(site), Path(name)).run(range(first, first + count))
    return tally, peak_rss_bytes() or 0


def second_opinion(accepted: list[int]) -> list[str]:
    """Those that the second reader refuses, as it says it; what needs an engine that it lacks it leaves open."""
    with tempfile.TemporaryDirectory(prefix="unrep-mutants-") as name:
        known = {"task": "bundle", "adopted": False} | {key: DOCUMENT[key] for key in ("trusted", "ship", "base")}
        questions = []
        for seed in accepted:
            file, data = Path(name) / f"{seed}.unrep", mutant(seed).data
            file.write_bytes(data)
            ticket = sealed.Ticket().write(data).hex()
            questions.append(json.dumps({"id": seed, "file": str(file), "ticket": ticket, **known}) + "\n")
        ended = subprocess.run(
            [sys.executable, READER], input="".join(questions), capture_output=True, encoding="utf-8", check=False
        )
    answers = [json.loads(line) for line in ended.stdout.splitlines()]
    disputed = [f"{said['id']}: the reader says {said['class']}" for said in answers if said["verdict"] == "refuse"]
    unanswered = [f"{len(accepted) - len(answers)} were not answered"] if len(answers) < len(accepted) else []
    return disputed + unanswered + ended.stderr.splitlines()


def main(count: int, first: int) -> int:
    begun, total, peak = time.monotonic(), Tally(), 0
    starts = range(first, first + count, SHARE)
    with ProcessPoolExecutor() as pool:
        for tally, rss in pool.map(share, starts, repeat(SHARE)):
            total.add(tally)
            peak = max(peak, rss)
            print(f"\r{total.count:,} mutants", end="", file=sys.stderr, flush=True)
    disputed = second_opinion(total.accepted)
    refused = ", ".join(f"{name} {number:,}" for name, number in total.refused.most_common())
    print(f"\n{total.count:,} mutants from {first} on, {time.monotonic() - begun:.0f} s; {total.identical:,} identical")
    print(f"refused: {refused}; {total.at_the_site:,} of these by a site, too")
    print(f"signed anew and sound: {total.sound:,}, of which the second reader disputes {len(disputed)}")
    print(f"accepted wrongly: {len(total.wrong)}; failures: {len(total.failures)}")
    print(f"changed outside staging: {len(total.changed_outside_staging)}; peak memory {peak / 2**20:.0f} MiB")
    for finding in (total.wrong + total.failures + total.changed_outside_staging + disputed)[:SHOWN]:
        print(finding)
    return int(not total.is_good or bool(disputed) or peak > MAX_RSS_BYTES)


if __name__ == "__main__":
    given = [int(word.replace(",", "")) for word in sys.argv[1:]]
    sys.exit(main(*(given + [1_000_000, 1_000_000][len(given) :])))
