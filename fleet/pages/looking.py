"""Pages that show ships: Fleet, with a filter, and Ship."""

from collections import Counter
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from fleet.pages.office import Office
from fleet.pages.rendering import page
from fleet.reports.ships import find_ship, keys_of, next_way, paid_by, sayings
from fleet.reports.standing import STATES, Standing, standings

PAGE_SHIPS: Final = 100
_SAYINGS: Final = 100
_MOST_QUERY: Final = 100
LATE: Final = "late"  # beside the states: whatever keeps a ship from its ring's release


def fleet_page(request: Request) -> Response:
    """All ships, the worst first."""
    office: Office = request.app.state.office
    shore = office.shore()
    with office.database.reading() as connection:
        ships = standings(connection, shore)
    asked = {name: request.query_params.get(name, "")[:_MOST_QUERY] for name in ("q", "state", "ring")}
    found = [ship for ship in ships if _fits(ship, asked)]
    pages = max(1, -(-len(found) // PAGE_SHIPS))
    number = min(max(_whole(request.query_params.get("page", "1")), 1), pages)
    counts = Counter(ship.state for ship in ships)
    return page(
        request,
        "fleet.html",
        ships=found[(number - 1) * PAGE_SHIPS : number * PAGE_SHIPS],
        found=len(found),
        total=len(ships),
        late=sum(ship.is_late for ship in ships),
        counts=[(state, counts[state]) for state in STATES if counts[state]],
        rings=sorted({ship.ring for ship in ships} | set(shore.settings.channels)),
        channels=shore.channels,
        asked=asked,
        number=number,
        pages=pages,
    )


def ship_page(request: Request) -> Response:
    """One ship: what it runs, holds and said, and its next way."""
    office: Office = request.app.state.office
    shore, name = office.shore(), request.path_params["name"]
    everything = request.query_params.get("all") == "1"
    with office.database.reading() as connection:
        ship = find_ship(connection, shore, name)
        if ship is None:
            return page(request, "missing.html", 404, what=f"ship {name}")
        said = sayings(connection, shore, name, _SAYINGS, is_brief=not everything)
        keys = keys_of(connection, name)
        paid = paid_by(connection, name)
    return page(
        request,
        "ship.html",
        ship=ship,
        said=said,
        keys=keys,
        paid=paid,
        way=next_way(ship, shore),
        settings=shore.settings,
        everything=everything,
    )


def _fits(ship: Standing, asked: dict[str, str]) -> bool:
    text = f"{ship.name} {ship.serving} {ship.target} {ship.told} {ship.reason}".lower()
    is_asked = ship.is_late if asked["state"] == LATE else asked["state"] in ("", ship.state)
    return is_asked and asked["q"].strip().lower() in text and asked["ring"] in ("", ship.ring)


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 1
