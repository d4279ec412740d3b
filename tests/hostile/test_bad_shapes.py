"""Shapes of deflate streams that lie: validly signed bundles that a ship refuses, within bounds of time and memory."""

from bundle.errors import Malformed
from tests.support.contents.raw_bundles import VECTORS, shapes
from tests.support.observers.memory import peak_of
from tests.support.sites.attacked_site import Besieged

MIB = 1 << 20


def test_hostile_tables_distances_and_counts(site: Besieged) -> None:
    """[F-69] [F-70] [F-71] [F-73]: all that need no base."""
    listed = [name for name, item in VECTORS.items() if name.startswith("shape-") and "base" not in item]
    hostile = [name for name in listed if VECTORS[name]["expect"] == "malformed"]
    assert len(hostile) > 25
    site.refuses_vectors(*hostile)


def test_a_bomb_of_records(site: Besieged) -> None:
    """[F-71] [F-65] Records for a stream of a few bytes: refused before one is read."""
    for size, words in ((4096, "more tokens than its stream can hold"), (12 * MIB, "on the way to a release of 21")):
        bomb = shapes.restored(shapes.FIXED, shapes.shape(bytes(size), shapes.ONE_TOKEN))()
        with peak_of(64 * MIB):
            site.refuses(bomb, Malformed, words)
