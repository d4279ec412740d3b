"""[L-61] What the office answers is described in spec/fleet.openapi.json, and asked by that description."""

import json
from pathlib import Path

import pytest
from starlette.routing import Route

from fleet.pages.application import application
from fleet.pages.office import Office as PagesOffice
from tests.hostile.http_interface import DESCRIPTION, PROGRAM, asked
from tests.support.fleet.office import Office


def test_every_route_is_described_and_no_other(tmp_path: Path) -> None:
    office = Office.begun(tmp_path, None, versions=1)
    app = application(PagesOffice(office.ashore.repository, office.database, "vms"), ["*"])
    routes = {
        (route.path.replace(":path}", "}"), method.lower())
        for route in app.routes
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }
    paths = json.loads(DESCRIPTION.read_bytes())["paths"]
    assert routes == {(path, method) for path, methods in paths.items() for method in methods}
    office.database.close()


@pytest.mark.slow
def test_no_answer_is_500_and_none_is_undescribed() -> None:
    """`make schemathesis` asks with more examples."""
    if not PROGRAM.exists():
        pytest.skip("schemathesis is not there; 'make schemathesis' gets it")
    code, said = asked(PROGRAM, examples=3)
    assert code == 0, said[-5_000:]
