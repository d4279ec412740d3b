"""What a command loads: a fresh process knows, this one has loaded nearly everything."""

import json
import subprocess
import sys

_CODE = """
import json, sys
from unrep.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    print(json.dumps([int(end.code or 0), sorted(sys.modules)]))
"""
# A machine may load some for every Python, by site or .pth files.
_BARE = "import json, sys; print(json.dumps(list(sys.modules)))"


def loaded(*words: object) -> set[str]:
    """The modules that are there when that command ends, which must succeed, beside those that Python itself brings."""
    line = [sys.executable, "-c", _CODE, *map(str, words)]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    code, names = json.loads(done.stdout.splitlines()[-1])
    assert code == 0, done.stderr
    bare = subprocess.run([sys.executable, "-c", _BARE], capture_output=True, text=True, check=True)
    return set(names) - set(json.loads(bare.stdout))
