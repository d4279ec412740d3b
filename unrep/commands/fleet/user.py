"""`unrep fleet user`: who may see the pages, and who may stop a rollout there."""

import time
from pathlib import Path
from typing import Annotated, Literal, TypedDict, cast

import click
from msgspec import Meta

from fleet.record import accounts
from fleet.record.accounts import MOST_BYTES, ROLES, Role
from unrep.errors import UsageRefused
from unrep.terminal.answers import json_option
from unrep.terminal.command import Command, CommandGroup
from unrep.terminal.console import ask_passphrase, is_terminal, tell
from unrep.terminal.files import read_input
from unrep.terminal.options.fleet import open_fleet
from unrep.terminal.options.repository import repo_option
from unrep.terminal.tables import table


class ListedUser(TypedDict):
    """A user."""

    name: Annotated[str, Meta(description="The name.")]
    role: Annotated[str, Meta(description="'reader', or 'releaser', who may stop a rollout.")]


class UserAnswer(TypedDict):
    """A user that was added, changed or removed."""

    name: Annotated[str, Meta(description="The name.")]
    what: Annotated[Literal["added", "changed", "removed"], Meta(description="What was done.")]


class FleetUsersAnswer(TypedDict):
    """The users of the pages."""

    users: Annotated[list[ListedUser], Meta(description="The users, by name.")]


@click.group("user", cls=CommandGroup)
def user_command() -> None:
    """Say who may see the pages, and who may stop a rollout there."""


@click.command(
    "add",
    cls=Command,
    examples=[("unrep fleet user add anna --role releaser --repo /srv/vms", "Add a user, or set a new password:")],
)
@click.argument("name", metavar="NAME")
@click.option("--role", type=click.Choice(ROLES), default="reader", show_default=True, help="What the user may do.")
@click.option(
    "--password-file", metavar="F", type=click.Path(path_type=Path), help="Read the password from F. Default: ask."
)
@repo_option
@json_option(UserAnswer)
def add_command(name: str, role: str, password_file: Path | None, repo: Path, as_json: bool) -> None:
    """Add user NAME, or give the user another password and role. Sessions of the user end."""
    if password_file is None and not is_terminal():
        raise UsageRefused("nobody is there to be asked for the password; name a --password-file")
    with open_fleet(repo) as fleet:
        typed = (
            ask_passphrase(f"password of {name}", twice=True)
            if password_file is None
            else read_input(password_file, MOST_BYTES + 2).rstrip(b"\r\n")
        )
        try:
            password = typed.decode()
        except UnicodeDecodeError as error:
            raise UsageRefused("the password is no text in UTF-8") from error
        with fleet.database.writing() as connection:
            is_new = accounts.set_user(connection, name, cast(Role, role), password, time.time())
    document: UserAnswer = {"name": name, "what": "added" if is_new else "changed"}
    tell(as_json, document, f"user {name!r}: {document['what']}, {role}")


@click.command(
    "remove", cls=Command, examples=[("unrep fleet user remove anna --repo /srv/vms", "Let a user in no more:")]
)
@click.argument("name", metavar="NAME")
@repo_option
@json_option(UserAnswer)
def remove_command(name: str, repo: Path, as_json: bool) -> None:
    """Remove user NAME, and end the user's sessions."""
    with open_fleet(repo) as fleet, fleet.database.writing() as connection:
        accounts.remove_user(connection, name)
    document: UserAnswer = {"name": name, "what": "removed"}
    tell(as_json, document, f"user {name!r}: removed")


@click.command("list", cls=Command, examples=[("unrep fleet user list --repo /srv/vms", "See who may do what:")])
@repo_option
@json_option(FleetUsersAnswer)
def list_command(repo: Path, as_json: bool) -> None:
    """Show the users and their roles."""
    with open_fleet(repo) as fleet, fleet.database.reading() as connection:
        found = accounts.users(connection)
    document: FleetUsersAnswer = {"users": [{"name": user.name, "role": user.role} for user in found]}
    nobody = "no users, so the pages are for this machine alone; add one with 'unrep fleet user add'"
    rows = [[user.name, user.role] for user in found]
    tell(as_json, document, *(table(["user", "role"], rows) if rows else [nobody]))


user_command.add_command(add_command)
user_command.add_command(remove_command)
user_command.add_command(list_command)
