"""`unrep verify` for `unrep-conformance`, at the level `verify`: it looks at every byte and makes no object.

    unrep-conformance python spec/conformance/readers/unrep_verify.py [COMMAND...]

COMMAND is `unrep`, unless another is given. Its exit code tells no class, so it answers without one.
"""

import base64
import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

SPKI = bytes.fromhex("302a300506032b6570032100")
SOUND = Path(__file__).resolve().parents[2] / "vectors" / "full.unrep"
OF_BUNDLES = {0: "accept", 3: "refuse"}
OF_KEYS = {2: "refuse", 3: "accept"}  # of one that did not sign what is asked, and may be trusted


def answer(request: dict[str, Any], command: list[str], key: Path) -> dict[str, Any]:
    """What the command says to a request. Raises KeyError for an exit code that is no verdict: the runner tells it."""
    task = request["task"]
    if task == "hello":
        return {"reader": "unrep verify", "levels": ["verify"]}
    if task not in ("bundle", "key"):
        return {"verdict": "lack"}
    raw = request["trusted"] if task == "bundle" else request["data"]
    pem = base64.encodebytes(SPKI + bytes.fromhex(raw)).decode()
    key.write_text(f"-----BEGIN PUBLIC KEY-----\n{pem}-----END PUBLIC KEY-----\n", "ascii")
    words = [*command, "verify", request.get("file", str(SOUND)), "--trust", str(key)]
    ended = subprocess.run(words, capture_output=True, encoding="utf-8", check=False)
    sys.stderr.write(ended.stderr)
    verdicts = OF_BUNDLES if task == "bundle" else OF_KEYS
    return {"verdict": verdicts[ended.returncode], "why": ended.stderr.strip()}


def main(command: list[str]) -> None:
    with TemporaryDirectory(prefix="unrep-conformance-") as scratch:
        for line in sys.stdin:
            request = json.loads(line)
            said = answer(request, command, Path(scratch) / "trusted.pub")
            print(json.dumps({"id": request["id"], **said}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or ["unrep"])
