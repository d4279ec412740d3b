"""[L-60] A fleet of real agents: no hand aboard, no bad release past the canaries. `make fleet` sails with thirty."""

import os
import random
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy", reason="needs the extra unrep[fleet]")

from tests.support.fleet.voyage import under_way

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="its health checks are those of POSIX")]


def test_every_ship_runs_what_its_ring_should(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    with under_way(tmp_path, 6, seed) as voyage:
        voyage.install()
        voyage.sail(2, bad={1})
        voyage.drift(voyage.vessels[2])
        voyage.rotate(voyage.vessels[3])
        voyage.sail(2, bad=set())
        voyage.come_home()
        found = {ship.name: (ship.state, ship.serving) for ship in voyage.standings()}
        assert {state for state, _ in found.values()} == {"current"}, f"seed {seed}: {found}"
        assert {vessel.name: vessel.runs for vessel in voyage.vessels} == {
            name: runs for name, (_, runs) in found.items()
        }
        assert voyage.bad and not voyage.escaped
        paid, full = voyage.paid()
        assert 0 < paid < full
