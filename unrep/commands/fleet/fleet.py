"""`unrep fleet`: which ship runs what, and the next release, ring by ring."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Final

import click

from unrep.terminal.command import CommandGroup
from unrep.terminal.options.fleet_extra import fleet_extra

_HEADINGS: Final = {
    "Ships": {
        "add": "add",
        "take": "take",
        "status": "status",
        "show": "show",
        "export": "export",
    },
    "Releases": {
        "bases": "bases",
        "rollout": "rollout",
        "pause": "rollout",
        "resume": "rollout",
    },
    "Pages": {
        "serve": "serve",
        "user": "user",
    },
}
_MODULES: Final = {name: module for commands in _HEADINGS.values() for name, module in commands.items()}


class FleetCommands(CommandGroup):
    """The commands under their headings. Each is loaded when it is called for, for it needs the extra."""

    def headings(self, ctx: click.Context) -> Mapping[str, Sequence[str]]:
        """Ships, releases, pages."""
        return {heading: list(commands) for heading, commands in _HEADINGS.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names."""
        return list(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name; None if there is none. Raises ExtraMissing."""
        if cmd_name not in _MODULES:
            return None
        with fleet_extra():
            module = import_module(f"unrep.commands.fleet.{_MODULES[cmd_name]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command


@click.group("fleet", cls=FleetCommands)
def fleet_command() -> None:
    """See which ship runs what, and let the next release go out ring by ring.

    Ships say in receipts how they are. 'unrep fleet take' takes these in, however they came ashore. What is known of
    the ships is kept in repo.db, or in the database that repo.toml names.
    """
