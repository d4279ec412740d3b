"""`unrep metrics`: a site's figures for a monitoring system."""

from pathlib import Path

import click

from apply.audit.history import read_history
from apply.audit.metrics import Tally, exposition
from apply.audit.outbox import waiting
from apply.rebuild.drift import find_drift
from apply.record.database import read_pruned_figures, read_state
from apply.site.layout import Site
from bundle.version import VERSION
from unrep.terminal.command import Command
from unrep.terminal.console import show
from unrep.terminal.options.site import site_option


@click.command(
    "metrics",
    cls=Command,
    examples=[
        ("unrep metrics --site /opt/vms > /var/lib/node_exporter/unrep.prom", "Write figures for node_exporter:")
    ],
)
@site_option
def metrics_command(site: Path) -> None:
    """Print figures of site S in the text format of Prometheus: deployments, recoveries, failures, bytes, versions."""
    place = Site.at(site)
    tally = Tally.of(read_pruned_figures(place))
    history, state = read_history(place, 1, tally.add), read_state(place)
    text = exposition(
        state,
        tally,
        program=VERSION,
        intact=not history.broken,
        receipts=len(waiting(place)),
        drifted=find_drift(place, state).paths,
    )
    show(*text.splitlines())
