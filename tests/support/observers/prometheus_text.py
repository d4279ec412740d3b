"""A strict reader of Prometheus' text format 0.0.4, for tests: whatever the format forbids, or a scraper would stumble
over, raises AssertionError."""

import math
import re
from collections.abc import Iterator

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_SAMPLE = re.compile(rf"({_NAME})(?:\{{(.+)\}})? ([0-9.eE+-]+|\+Inf|-Inf|NaN)")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|\Z)')
_SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("", "_sum", "_count")}
Key = tuple[str, frozenset[tuple[str, str]]]


def read_metrics(text: str) -> dict[Key, float]:
    """Every sample by name and labels."""
    assert text.endswith("\n"), "the last line ends with a newline, too"
    samples: dict[Key, float] = {}
    known: set[str] = set()
    family = kind = described = ""
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            described, _, words = line[7:].partition(" ")
            assert re.fullmatch(_NAME, described) and words and described not in known, line
        elif line.startswith("# TYPE "):
            family, kind = line[7:].split(" ")
            assert family == described, f"{line}: TYPE follows the HELP of its family"
            assert kind in ("counter", "gauge", "histogram", "summary") and family not in known, line
            assert (kind == "counter") == family.endswith("_total"), line
            known.add(family)
        else:
            match = _SAMPLE.fullmatch(line)
            assert match, f"{line!r} is no sample"
            suffix = match[1].removeprefix(family)
            assert match[1].startswith(family) and suffix in _SUFFIXES.get(kind, ("",)), f"{line} is not of {family}"
            key = match[1], frozenset(_labels(match[2] or ""))
            assert key not in samples, f"{line} is there twice"
            samples[key] = float(match[3])
            assert kind == "gauge" or samples[key] >= 0, line
    _check_histograms(samples)
    return samples


def _labels(text: str) -> Iterator[tuple[str, str]]:
    place, names = 0, set()
    while place < len(text):
        match = _LABEL.match(text, place)
        assert match and match[1] not in names, f"{text!r} are no labels"
        names.add(match[1])
        yield match[1], re.sub(r"\\(.)", lambda escape: {"n": "\n"}.get(escape[1], escape[1]), match[2])
        place = match.end()
        assert bool(match[3]) == (place < len(text)), f"{text!r} ends with a comma"


def _check_histograms(samples: dict[Key, float]) -> None:
    buckets: dict[Key, dict[float, float]] = {}
    for (name, labels), value in samples.items():
        if bounds := [text for label, text in labels if label == "le"]:
            rest = frozenset(label for label in labels if label[0] != "le")
            buckets.setdefault((name.removesuffix("_bucket"), rest), {})[float(bounds[0])] = value
    for (name, labels), counted in buckets.items():
        counts = [counted[bound] for bound in sorted(counted)]
        assert counts == sorted(counts), f"{name}: a bucket holds less than a smaller one"
        assert counted[math.inf] == samples[f"{name}_count", labels] and (f"{name}_sum", labels) in samples, name
