"""Figures in the text format of Prometheus, 0.0.4: prometheus.io/docs/instrumenting/exposition_formats."""

from collections.abc import Iterable, Iterator

from bundle.names.plain_text import plain

Sample = tuple[str, dict[str, str], float]  # what follows the family's name, labels, value
Family = tuple[str, str, str, Iterable[Sample]]  # name, type, help, samples


def exposition(families: Iterable[Family]) -> str:
    """The text of some families of figures."""
    return "".join(line for family in families for line in _lines(*family))


def single(value: float) -> list[Sample]:
    """The samples of a family that has one, without labels."""
    return [("", {}, value)]


def _lines(name: str, kind: str, text: str, samples: Iterable[Sample]) -> Iterator[str]:
    yield f"# HELP {name} {text}\n"
    yield f"# TYPE {name} {kind}\n"
    for suffix, labels, value in samples:
        shown = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        number = str(int(value)) if value == int(value) else repr(float(value))
        yield f"{name}{suffix}{{{shown}}} {number}\n" if shown else f"{name}{suffix} {number}\n"


def _escaped(text: str) -> str:
    return plain(text).replace("\\", "\\\\").replace('"', '\\"')
