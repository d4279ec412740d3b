"""`unrep demo`: a whole update, a failure and a rollback on this machine."""

import click

from unrep.demo.story import run_demo
from unrep.terminal.command import Command


@click.command("demo", cls=Command, examples=[("unrep demo", "See the whole life of a release in under a minute:")])
def demo_command() -> None:
    """Show an update, a bad link, a bad release and a rollback; takes under a minute, needs nothing, leaves nothing."""
    run_demo()
