"""[L-60], [L-62] A fleet of real agents: no hand aboard, no bad release past the canaries.

`make fleet` sails with thirty ships.
"""

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
        drifting, docked, losing = voyage.vessels[2], voyage.vessels[3], voyage.vessels[5]
        dock: list[str] = []
        events = {
            1: [voyage.back_up],
            2: [voyage.restore],
            3: [lambda: voyage.drift(drifting), lambda: voyage.lose_key(losing)],
            4: [voyage.prune, lambda: voyage.replace_key(losing), lambda: dock.append(voyage.leave_dock())],
        }
        voyage.install(docked)
        voyage.sail(5, bad={1}, events=events)
        voyage.come_home()
        found = {ship.name: (ship.state, ship.serving) for ship in voyage.standings()}
        assert {state for state, _ in found.values()} == {"current"}, f"seed {seed}: {found}"
        assert {vessel.name: vessel.runs for vessel in voyage.vessels} == {
            name: runs for name, (_, runs) in found.items()
        }
        assert dock == ["stranded"] and voyage.bad
        assert voyage.settled(), (voyage.escaped, voyage.twice, voyage.backwards)
        paid, full = voyage.paid()
        assert 0 < paid < full
