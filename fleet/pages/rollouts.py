"""The page Rollout: how it stands, what follows and why; and the two forms that stop it and let it go on."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fleet.errors import RolloutRefused
from fleet.pages.forms import read_form
from fleet.pages.office import Office
from fleet.pages.rendering import Visitor, now, page
from fleet.record.rollouts import all_rollouts
from fleet.rollout.advancing import pause, progress, resume


def rollout_page(request: Request, status: int = 200, trouble: str = "") -> Response:
    """The rollout that is under way, and those before it."""
    office: Office = request.app.state.office
    with office.database.reading() as connection:
        found = all_rollouts(connection)
        latest = progress(connection, found[0], now()) if found else None
    return page(request, "rollout.html", status, latest=latest, before=found[1:20], trouble=trouble)


async def change_rollout(request: Request) -> Response:
    """Pauses or resumes, for a releaser, by a form of the user's own session."""
    visitor: Visitor = request.state.visitor
    if visitor.user is None:
        return RedirectResponse("/login", 303)
    form = await read_form(request)
    if not visitor.may_release:
        return page(request, "refused.html", 403, why="Your role is reader. Ask a releaser to do it.")
    if form.get("form") != visitor.user.form:
        return page(request, "refused.html", 403, why="This form is of another session. Open the page again.")
    office: Office = request.app.state.office
    try:
        if form.get("do") == "pause":
            pause(office.database, (form.get("why", "").strip() or "by hand")[:200], visitor.user.name)
        elif form.get("do") == "resume":
            resume(office.database, visitor.user.name)
        else:
            return rollout_page(request, 400, "This form asks for nothing that can be done.")
    except RolloutRefused as error:
        return rollout_page(request, 409, str(error))
    return RedirectResponse("/rollout", 303)
