"""Finding references by fixed rules, the same on both sides: spec/format.md, section 9 [F-51], [F-54] to [F-58].

The rules look at byte patterns, not at instructions one after the other. So they may take data for a reference. Both
sides take it alike: a false hit costs bytes, never correctness.
"""

import numpy as np

from bundle.references import aarch64, elf, pe, x86
from bundle.references.image import Image, Machine
from bundle.references.kinds import Group, Kind, References, origins_of, pointed, width_of
from bundle.references.words import NONE, Bytes, Numbers, apart, joined


def find_references(data: Bytes, image: Image) -> References:
    """All references in an image, by kind. `data` is the file that it was read from."""
    # All readers run: those of one format find nothing in an image of the other.
    frames, here, back = elf.frames(data, image)
    names, values = elf.symbols(data, image)
    relative, jumps, code = NONE, Group(), aarch64.Code()
    if image.machine == Machine.X86_64:
        relative = x86.relatives(data, image)
        jumps = x86.jumps(data, image, relative)
    else:
        code = aarch64.find_code(data, image)
    long = joined(pe.relocations(data, image), elf.relocations(data, image), values)
    return (
        _joined_jumps(frames, names, jumps),
        _group(Kind.RELATIVE, data, image, relative),
        _group(Kind.HERE, data, image, here),
        _group(Kind.BACK, data, image, back),
        _group(Kind.SHORT, data, image, pe.exceptions(data, image)),
        _group(Kind.LONG, data, image, long),
        _group(Kind.BRANCH, data, image, code.branches),
        Group(code.pages, code.page_targets),
        Group(code.lows, code.low_targets),
    )


def _group(kind: Kind, data: Bytes, image: Image, where: Numbers) -> Group:
    width = width_of(kind)
    where = apart(where[(where >= 0) & (where <= len(data) - width)], width)
    return Group(where, pointed(kind, data, where, origins_of(kind, image, where, NONE)))


def _joined_jumps(*parts: Group) -> Group:
    """All of them, ascending. The first of those that overlap counts, and at one place that of the earlier part."""
    where, targets, anchors = map(np.concatenate, zip(*parts, strict=True))
    # Of equal places numpy.unique gives the first index. So the order of the parts decides: frames, symbols, code
    # [F-51].
    places, first = np.unique(where, return_index=True)
    chosen = first[np.isin(places, apart(places, width_of(Kind.JUMP)))]
    return Group(where[chosen], targets[chosen], anchors[chosen])
