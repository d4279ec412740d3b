"""Figures for Prometheus, made from the record when they are asked for [L-55]."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from sqlalchemy import Connection, func, select
from starlette.requests import Request
from starlette.responses import Response

from bundle.receipts.meanings import outcome_name
from fleet.pages.office import Office
from fleet.pages.rendering import now
from fleet.record import tables
from fleet.record.rollouts import all_rollouts
from fleet.reports.standing import DAY_S, STATES, Standing, standings
from fleet.rollout.advancing import progress


class FleetCollector:
    """What the record says at the moment."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def collect(self) -> Iterator[Metric]:
        """The families, each with its help."""
        shore = self._office.shore()
        with self._office.database.reading() as connection:
            yield from _of_ships(standings(connection, shore))
            yield _of_apart(connection)
            yield from _of_words(connection.execute(_TOLD))
            yield from _of_rollout(connection)


_RECEIPT: Final = tables.receipt.c
_TOLD: Final = (
    select(
        _RECEIPT.outcome,
        func.count().label("many"),
        func.sum(_RECEIPT.paid).label("paid"),
        func.sum(_RECEIPT.outage_ms).label("outage"),
        func.sum(_RECEIPT.deploy_ms).label("deploy"),
    )
    .where(_RECEIPT.outcome != tables.ALIVE)
    .group_by(_RECEIPT.outcome)
)


def _of_apart(connection: Connection) -> Metric:
    found = GaugeMetricFamily("unrep_fleet_apart", "Receipts of no ship of the fleet, by why.", labels=["why"])
    apart = select(tables.apart.c.why, func.count().label("many")).group_by(tables.apart.c.why)
    for row in connection.execute(apart):
        found.add_metric([row.why], row.many)
    return found


def _of_rollout(connection: Connection) -> Iterator[Metric]:
    help_ = "1 for the state of the latest rollout."
    state = GaugeMetricFamily("unrep_fleet_rollout", help_, labels=["version", "state"])
    help_ = "Ships of a ring of the latest rollout, by how they are on its release."
    ships = GaugeMetricFamily("unrep_fleet_rollout_ships", help_, labels=["version", "ring", "how"])
    for one in all_rollouts(connection)[:1]:
        state.add_metric([one.version, one.state], 1)
        for ring in progress(connection, one, now()).rings:
            counts = {"healthy": ring.healthy, "fresh": ring.fresh, "failed": len(ring.failed)}
            for how, count in counts.items():
                ships.add_metric([one.version, ring.name, how], count)
    yield from (state, ships)


def metrics(request: Request) -> Response:
    """The page for Prometheus."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(FleetCollector(request.app.state.office))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)


def _of_ships(ships: list[Standing]) -> Iterator[Metric]:
    counts = Counter((ship.ring, ship.state) for ship in ships)
    family = GaugeMetricFamily("unrep_fleet_ships", "Ships, by ring and state.", labels=["ring", "state"])
    for ring in sorted({ship.ring for ship in ships}):
        for one in STATES:
            family.add_metric([ring, one], counts[ring, one])
    yield family
    silence = GaugeMetricFamily(
        "unrep_fleet_ship_silent_seconds", "Seconds since a ship was last heard.", labels=["ship", "ring"]
    )
    state = GaugeMetricFamily("unrep_fleet_ship_state", "1 for the state of a ship.", labels=["ship", "ring", "state"])
    free = GaugeMetricFamily("unrep_fleet_ship_free_bytes", "Room on a ship's disk.", labels=["ship", "ring"])
    missing = GaugeMetricFamily("unrep_fleet_missing_receipts", "Receipts that never came.", labels=[])
    forks = GaugeMetricFamily("unrep_fleet_forks", "Receipts that contradict others.", labels=[])
    for ship in ships:
        if ship.silent_days is not None:
            silence.add_metric([ship.name, ship.ring], ship.silent_days * DAY_S)
        if ship.free_bytes is not None:
            free.add_metric([ship.name, ship.ring], ship.free_bytes)
        state.add_metric([ship.name, ship.ring, ship.state], 1)
    missing.add_metric([], sum(ship.missing for ship in ships))
    forks.add_metric([], sum(ship.forks for ship in ships))
    yield from (silence, state, free, missing, forks)


def _of_words(rows: Iterable[Any]) -> Iterator[Metric]:
    runs = CounterMetricFamily("unrep_fleet_runs", "Words of ships, by outcome.", labels=["outcome"])
    paid = CounterMetricFamily("unrep_fleet_paid_bytes", "Bytes that ships fetched over links.")
    outage = CounterMetricFamily("unrep_fleet_outage_seconds", "Seconds from a switch until health, in all.")
    deploy = CounterMetricFamily("unrep_fleet_deploy_seconds", "Seconds that updates took, in all.")
    totals = [0.0, 0.0, 0.0]
    for row in rows:
        runs.add_metric([outcome_name(row.outcome)], row.many)
        sums = float(row.paid), float(row.outage) / 1000, float(row.deploy) / 1000  # decimals, from PostgreSQL
        totals = [total + more for total, more in zip(totals, sums, strict=True)]
    for family, total in zip((paid, outage, deploy), totals, strict=True):
        family.add_metric([], total)
    yield from (runs, paid, outage, deploy)
