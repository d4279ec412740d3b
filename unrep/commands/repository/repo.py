"""`unrep repo`: the store of all releases."""

import click

from unrep.commands.repository.checkout import checkout_command
from unrep.commands.repository.importing import import_command
from unrep.commands.repository.init import init_command
from unrep.commands.repository.listing import list_command
from unrep.commands.repository.prune import prune_command
from unrep.commands.repository.show import show_command
from unrep.commands.repository.verify import verify_command
from unrep.terminal.command import CommandGroup


@click.group("repo", cls=CommandGroup)
def repo_command() -> None:
    """Keep all releases of a product, each content once.

    'unrep release' adds to it, and builds from what is in it. Nothing else has to be kept for the next release.
    """


for command in (
    init_command,
    list_command,
    show_command,
    checkout_command,
    verify_command,
    prune_command,
    import_command,
):
    repo_command.add_command(command)
