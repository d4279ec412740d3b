"""What a small change costs in each container that software is shipped in: whole bundles, in bytes.

    python bench/containers.py [--json FILE]

Twelve text files of 430 kB in all, a line changed in six of them, packed in each way by Python's own encoders. `lying
open` is a tar of them. A row says the bytes of the bundle.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bundle.host.progress import Quiet
from bundle.read.tree import DirectoryBase, scan
from bundle.write.builder import BuildRequest, build
from tests.support.contents.containers import WAYS, Files, made_up


def cost(way: Callable[[Files], bytes], directory: Path) -> int:
    """Bytes of the bundle from the first version to the second."""
    for version in (1, 2):
        (directory / str(version)).mkdir()
        (directory / str(version) / "file").write_bytes(way(made_up(version)))
    base = DirectoryBase(directory / "1", scan(directory / "1"))
    out = directory / "out"
    request = BuildRequest(new=directory / "2", product="p", version="2", seq=2, out=out, bases=[base])
    with ThreadPoolExecutor(2) as pool:
        build(request, Ed25519PrivateKey.generate(), pool, Quiet())
    return out.stat().st_size


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = {}
    for name, way in WAYS.items():
        with tempfile.TemporaryDirectory() as directory:
            found[name] = cost(way, Path(directory))
        print(f"{name:28}{found[name]:>12,}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
