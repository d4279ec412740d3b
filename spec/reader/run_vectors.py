"""Runs the second reader over spec/vectors and compares verdicts; copy it to run a reader of your own.

    python spec/reader/run_vectors.py [vectors.json]

One line for each vector that it judges otherwise or cannot evaluate, then the counts. Exit code 0 if all agree, else 1.
"""

import functools
import json
import sys
from pathlib import Path
from typing import Any

from tree import Base
from trust import Trust, check_key
from unrep_reader import Bundle, verify
from wire import Refused

VECTORS = Path(__file__).resolve().parent.parent / "vectors" / "vectors.json"


def judge(file: Path, trusted: list[bytes], base: Base) -> tuple[str, bool]:
    """The verdict, and whether every rule up to it was evaluated: accepted without a section rebuilt is not."""
    try:
        with file.open("rb") as opened:
            section, _ = verify(Bundle(opened, Trust.of_keys(trusted, 1)), base)
    except Refused as fault:
        return fault.kind, "this reader lacks" not in str(fault)
    return "accept", section is not None


def judge_key(raw: bytes) -> str:
    try:
        check_key(raw)
    except Refused as fault:
        return fault.kind
    return "accept"


def compare(path: Path) -> tuple[int, list[str], list[str]]:
    """How many vectors there are, which are judged otherwise, and which are not evaluated to the end."""
    told = json.loads(path.read_text("utf-8"))
    base = Base({name: (0, functools.partial(bytes.fromhex, content)) for name, content in told["base"].items()})
    other, partly = [], []
    for vector in told["vectors"]:
        verdict, whole = judge(path.parent / f"{vector['name']}.unrep", [bytes.fromhex(told["trusted"])], base)
        if verdict != vector["expect"]:
            other.append(
                f"{vector['name']} ({vector['about']}): {vector['expect']} is expected, the reader says {verdict}"
            )
        if not whole:
            partly.append(f"{vector['name']}: NOT FULLY EVALUATED")
    for key in told.get("keys", []):
        verdict = judge_key(bytes.fromhex(key["key"]))
        if verdict != key["expect"]:
            other.append(f"key {key['name']} ({key['about']}): {key['expect']} is expected, the reader says {verdict}")
    return len(told["vectors"]) + len(told.get("keys", [])), other, partly


def main(arguments: list[Any]) -> int:
    count, other, partly = compare(Path(arguments[0]) if arguments else VECTORS)
    for line in other + partly:
        print(line)
    print(f"{count} vectors: {count - len(other)} judged alike, {count - len(partly)} fully evaluated")
    return bool(other)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
