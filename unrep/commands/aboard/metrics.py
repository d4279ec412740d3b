"""`unrep metrics`: a site's figures for a monitoring system."""

from pathlib import Path
from typing import Annotated, TypedDict

import click
from msgspec import Meta

from apply.audit.history import read_history
from apply.audit.metrics import Tally, families
from apply.audit.outbox import waiting
from apply.rebuild.drift import find_drift
from apply.record.database import read_pruned_figures, read_state
from apply.site.layout import Site
from bundle.names.exposition import Family, exposition
from bundle.version import VERSION
from unrep.terminal.answers import json_option
from unrep.terminal.command import Command
from unrep.terminal.console import tell
from unrep.terminal.options.site import site_option


class SampleAnswer(TypedDict):
    """A figure of a family."""

    name: Annotated[str, Meta(description="Name of the figure, as in the text format.")]
    labels: Annotated[dict[str, str], Meta(description="Its labels.")]
    value: Annotated[float, Meta(description="Its value.")]


class FamilyAnswer(TypedDict):
    """Figures that belong together."""

    name: Annotated[str, Meta(description="Name of the family.")]
    type: Annotated[str, Meta(description="'gauge', 'counter', 'histogram' or 'summary'.")]
    help: Annotated[str, Meta(description="What it counts.")]
    samples: Annotated[list[SampleAnswer], Meta(description="The figures.")]


class MetricsAnswer(TypedDict):
    """A site's figures."""

    families: Annotated[list[FamilyAnswer], Meta(description="The same as in the text format, in its order.")]


@click.command(
    "metrics",
    cls=Command,
    examples=[
        ("unrep metrics --site /opt/vms > /var/lib/node_exporter/unrep.prom", "Write figures for node_exporter:")
    ],
)
@site_option
@json_option(MetricsAnswer)
def metrics_command(site: Path, as_json: bool) -> None:
    """Print figures of site S in the text format of Prometheus: deployments, recoveries, failures, bytes, versions."""
    place = Site.at(site)
    tally = Tally.of(read_pruned_figures(place))
    history, state = read_history(place, 1, tally.add), read_state(place)
    made = families(
        state,
        tally,
        program=VERSION,
        intact=not history.broken,
        receipts=len(waiting(place)),
        drifted=find_drift(place, state).paths,
    )
    found: list[Family] = [(name, kind, text, list(samples)) for name, kind, text, samples in made]
    tell(as_json, {"families": list(map(_answer, found))}, *exposition(found).splitlines())


def _answer(family: Family) -> FamilyAnswer:
    name, kind, text, samples = family
    shown: list[SampleAnswer] = [
        {"name": f"{name}{suffix}", "labels": labels, "value": float(value)} for suffix, labels, value in samples
    ]
    return {"name": name, "type": kind, "help": text, "samples": shown}
