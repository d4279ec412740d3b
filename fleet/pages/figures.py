"""The page Figures: what updates cost the fleet, week by week."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from fleet.drawing.charts import Bar, bars
from fleet.pages.office import Office
from fleet.pages.rendering import page, seconds, size
from fleet.reports.figures import Week, figures, middle
from fleet.reports.standing import standings


@dataclass(frozen=True)
class Chart:
    """A chart with its table. `svg`: "" where nothing happened."""

    title: str
    head: str
    svg: str
    rows: list[tuple[str, str]]


def figures_page(request: Request) -> Response:
    """Deploy, outage, time to recover, bytes paid, silence."""
    office: Office = request.app.state.office
    shore = office.shore()
    with office.database.reading() as connection:
        found = figures(connection, standings(connection, shore))
    weeks = found.weeks
    silence = [Bar(label, float(count), f"{count:,} ships") for label, count in found.silence]
    charts = [
        _chart("Updates that were applied, by week", [Bar(w.label, w.applied, f"{w.applied:,}") for w in weeks]),
        _chart("Updates that went back, by week", [Bar(w.label, w.went_back, f"{w.went_back:,}") for w in weeks]),
        _seconds("Time that an update took, median of a week", weeks, [middle(w.deploys) for w in weeks]),
        _seconds("Outage of an update, median of a week", weeks, [middle(w.outages) for w in weeks]),
        _seconds("Time until a failed ship was well again, median", weeks, [middle(w.recoveries) for w in weeks]),
        _chart("Bytes paid for, by week", [Bar(w.label, w.paid, size(w.paid)) for w in weeks]),
        _chart("Ships by days of silence", silence, "Days"),
    ]
    return page(
        request, "figures.html", found=found, charts=charts, money=shore.settings.money(found.paid), shore=shore
    )


def _seconds(title: str, weeks: list[Week], values: list[float | None]) -> Chart:
    return _chart(title, [Bar(w.label, value or 0.0, seconds(value)) for w, value in zip(weeks, values, strict=True)])


def _chart(title: str, found: list[Bar], head: str = "Week from") -> Chart:
    most = max(found, key=lambda bar: bar.value, default=Bar("", 0.0, "0"))
    svg = bars(found, title, most.shown) if most.value else ""
    return Chart(title, head, svg, [(bar.label, bar.shown) for bar in found])
