"""Pages that show releases: all of them, and what one costs each base, with a picture of its bytes by file."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from bundle.errors import BundleError
from fleet.pages.office import Office
from fleet.pages.pictures import Picture, drawn
from fleet.pages.rendering import page
from fleet.reports.holdings import holdings
from fleet.reports.shore import Shore
from fleet.reports.standing import standings
from repository.errors import RepositoryError
from repository.record.database import Release


@dataclass(frozen=True)
class Cost:
    """What a ship with a base fetches of a release. `key`: names the picture of it."""

    key: str
    base: str
    bytes: int
    money: float
    ships: int


def releases_page(request: Request) -> Response:
    """All releases, the newest first."""
    office: Office = request.app.state.office
    shore = office.shore()
    with office.database.reading() as connection:
        held = {one.tree: one for one in holdings(standings(connection, shore), shore)}
    names = {release.version: _channels(shore, release) for release in shore.releases}
    return page(request, "releases.html", releases=list(reversed(shore.releases)), held=held, names=names)


def release_page(request: Request) -> Response:
    """One release: what it costs each base."""
    office: Office = request.app.state.office
    shore = office.shore()
    release = shore.release(request.path_params["version"])
    if release is None:
        return page(request, "missing.html", 404, what=f"release {request.path_params['version']}")
    with office.database.reading() as connection:
        held = holdings(standings(connection, shore), shore)
    serving = {one.tree: one.serving for one in held}
    costs = _costs(shore, release.version, serving)
    chosen = request.query_params.get("base") or next((cost.key for cost in costs), "")
    picture, trouble = _picture(office, shore, release.version, chosen)
    return page(
        request,
        "release.html",
        release=release,
        costs=costs,
        picture=picture,
        trouble=trouble,
        chosen=chosen,
        channels=_channels(shore, release),
        settings=shore.settings,
        ships=serving.get(release.tree, 0),
    )


def _channels(shore: Shore, release: Release) -> list[str]:
    return [name for name, named in shore.channels.items() if named == release]


def _costs(shore: Shore, version: str, serving: dict[bytes, int]) -> list[Cost]:
    found = []
    for bundle in (one for one in shore.bundles if one.release == version):
        for tree, count in bundle.bases.items():
            ships = serving.get(tree, 0)
            found.append(Cost(tree.hex()[:16], shore.named(tree), count, shore.settings.money(count), ships))
        if bundle.full:
            found.append(Cost("full", "", bundle.full, shore.settings.money(bundle.full), 0))
    return sorted(found, key=lambda cost: (cost.key == "full", -cost.ships, cost.bytes))


def _picture(office: Office, shore: Shore, version: str, chosen: str) -> tuple[Picture | None, str]:
    """The picture of the section that was chosen; and what is wrong where there is none."""
    try:
        for bundle in (one for one in shore.bundles if one.release == version):
            for section in office.costs(shore, bundle):
                if chosen == (section.base.hex()[:16] or "full"):
                    base = f"from {shore.named(section.base)}" if section.base else "in full"
                    return drawn(section.tiles, base, version), ""
    except (RepositoryError, BundleError) as error:
        return None, str(error)
    return None, ""
