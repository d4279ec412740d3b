"""Bars over time or over kinds, in one SVG each. The numbers stand in a table beside it, for who cannot see it."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

WIDTH: Final = 640.0
HEIGHT: Final = 200.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 64.0, 8.0, 10.0, 28.0
_LABELS: Final = 8


@dataclass(frozen=True)
class Bar:
    """A value with its label; `shown`: the value in words."""

    label: str
    value: float
    shown: str


def bars(found: Sequence[Bar], title: str, most_shown: str) -> str:
    """The picture; `most_shown`: the largest value in words, at the axis."""
    most = max((bar.value for bar in found), default=0.0)
    inner_width, inner_height = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM
    base = HEIGHT - _BOTTOM
    parts = [
        f'<svg class="chart" role="img" viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" aria-label="{escape(title)}">',
        f"<title>{escape(title)}</title>",
        f'<line class="axis" x1="{_LEFT}" y1="{base}" x2="{WIDTH - _RIGHT}" y2="{base}"/>',
        f'<line class="grid" x1="{_LEFT}" y1="{_TOP}" x2="{WIDTH - _RIGHT}" y2="{_TOP}"/>',
        f'<text class="number" x="{_LEFT - 6}" y="{_TOP + 4}">{escape(most_shown)}</text>',
        f'<text class="number" x="{_LEFT - 6}" y="{base + 4}">0</text>',
    ]
    step = inner_width / max(len(found), 1)
    each = max(1, -(-len(found) // _LABELS))
    for number, bar in enumerate(found):
        height = inner_height * bar.value / most if most else 0.0
        left = _LEFT + number * step
        parts.append(
            f'<g class="bar"><title>{escape(f"{bar.label}: {bar.shown}")}</title>'
            f'<rect x="{left + step * 0.1:.1f}" y="{base - height:.1f}" width="{step * 0.8:.1f}" '
            f'height="{height:.1f}"/></g>'
        )
        if number % each == 0:
            parts.append(f'<text class="label" x="{left + step / 2:.1f}" y="{HEIGHT - 8}">{escape(bar.label)}</text>')
    parts.append("</svg>")
    return "".join(parts)
