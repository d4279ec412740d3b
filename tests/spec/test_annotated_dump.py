"""The annotated dump of spec/format.md is of today's bytes, and tells each of them."""

import subprocess
import sys

from tests.support.repository import REPOSITORY

VECTORS = REPOSITORY / "spec" / "vectors"


def test_the_dump_of_the_page_is_made_anew() -> None:
    """As `python spec/vectors/annotate.py` prints it."""
    made = subprocess.run([sys.executable, VECTORS / "annotate.py"], capture_output=True, encoding="utf-8", check=True)
    page = (REPOSITORY / "spec" / "format.md").read_text("utf-8")
    assert made.stdout in page
    told = bytes.fromhex("".join(line[6:54] for line in made.stdout.splitlines()))
    assert told == (VECTORS / "inner-delta.unrep").read_bytes()
