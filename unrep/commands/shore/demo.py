"""`unrep demo`: a whole update, a failure and a rollback on this machine."""

import click

from unrep.demo.story import run_demo
from unrep.terminal.command import Command


@click.command("demo", cls=Command, examples=[("unrep demo", "See the whole life of a release in under a minute:")])
def demo_command() -> None:
    """Show an update over a bad link, a bad release and a rollback, in under a minute.

    It needs no configuration and leaves nothing behind.
    """
    run_demo()
