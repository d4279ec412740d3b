"""What every object of a section costs, and why. For `inspect`: nothing aboard depends on it.

Packs are solid, so an object's share can only be estimated: its own stretch of each stream is compressed alone, and the
pack's bytes are divided in that proportion. The shares of a section add up to its packs.
"""

from collections import defaultdict
from dataclasses import dataclass
from itertools import islice

import zstandard

from bundle.errors import Malformed
from bundle.format.canonical import MAX_INTEGER
from bundle.format.index import (
    Archive,
    Concat,
    Copy,
    Derived,
    Frame,
    Literal,
    Patch,
    Rebased,
    Shape,
    Step,
    Stream,
    decode_frame,
    name_of,
)
from bundle.format.manifest import TreeManifest
from bundle.format.nesting import Nesting
from bundle.read.packs import Packs
from bundle.read.reader import VerifiedSection

CONTROL = (Stream.ADD_LENGTH, Stream.EXTRA_LENGTH, Stream.SEEK)


@dataclass(frozen=True)
class ObjectCost:
    """One object: its place (0: the tree manifest), how it is made, from which base place, and its share in bytes."""

    place: int
    recipe: str
    source: int | None
    bytes: float


def object_costs(section: VerifiedSection, manifest: TreeManifest | None) -> list[ObjectCost]:
    """The costs of all objects that a section makes, largest first.

    Without the target's manifest the sizes of literals are not known: their pack is then divided evenly.
    """
    opened = section.index.opened
    nesting = Nesting(section.index.base_objects - sum(opened[1::2]), opened)
    found = [
        cost
        for number, frame in enumerate(section.index.frames)
        for cost in _frame_costs(section, frame, number, nesting, manifest)
    ]
    return sorted(found, key=lambda cost: (-cost.bytes, cost.place))


def _frame_costs(
    section: VerifiedSection, frame: Frame, number: int, nesting: Nesting, manifest: TreeManifest | None
) -> list[ObjectCost]:
    base_objects = section.index.base_objects
    steps = list(decode_frame(frame, base_objects, nesting.is_stream, f"index: frame {number}"))
    weights = _weigh(section, frame, steps, manifest)
    totals = {stream: sum(weight[stream] for weight in weights) for stream in Stream}
    lengths = {pack.stream: pack.packed.length for pack in frame.packs}
    costs, pending = [], 0.0
    source: int | None = None
    for step, weight in zip(steps, weights, strict=True):
        pending += sum(lengths.get(stream, 0) * share / totals[stream] for stream, share in weight.items() if share)
        if isinstance(step.recipe, Patch | Rebased | Copy | Derived) and step.recipe.source < base_objects:
            source = nesting.place_of(step.recipe.source)
        if step.place is not None:
            costs.append(ObjectCost(step.place, name_of(step.recipe), source, pending))
            pending, source = 0.0, None
    return costs


def _weigh(
    section: VerifiedSection, frame: Frame, steps: list[Step], manifest: TreeManifest | None
) -> list[dict[Stream, int]]:
    """For each step, what its stretch of each stream weighs when compressed alone."""
    packs = Packs(section, frame)
    weights = []
    for step in steps:
        weight: dict[Stream, int] = defaultdict(int)
        size = _size(section, step, manifest)
        match step.recipe:
            case Literal():
                weight[Stream.LITERAL] = 1 if size is None else _weight(packs, Stream.LITERAL, size)
            case Derived(_, _, 0):
                pass
            case Patch(_, count) | Rebased(_, count) | Derived(_, _, count):
                is_form = isinstance(step.recipe, Derived)  # its triples make a form, not the result
                sized = MAX_INTEGER if size is None else size
                triples = packs.whole_triples(count) if is_form else packs.triples(count, sized)
                extra = sum(extra for _, extra, _ in triples)
                for column in (*CONTROL, Stream.PLACE, Stream.LAYOUT) if isinstance(step.recipe, Rebased) else CONTROL:
                    weight[column] = count
                changes = next(packs.skips, 0)
                weight[Stream.SKIP] = sum(1 for _ in islice(packs.skips, changes)) + 1
                weight[Stream.CHANGE] = _weight(packs, Stream.CHANGE, changes)
                weight[Stream.EXTRA] = _weight(packs, Stream.EXTRA, extra)
            case Copy() | Concat() | Archive() | Shape():
                pass
        weights.append(weight)
    return weights


def _size(section: VerifiedSection, step: Step, manifest: TreeManifest | None) -> int | None:
    if step.place is None:
        return step.size
    if step.place == 0:
        return section.root.manifest_size
    if manifest is None:
        return None
    if not 0 < step.place <= len(manifest.entries):
        raise Malformed(f"index: a recipe makes place {step.place}, which its release has not")
    return manifest.entry(step.place).size


def _weight(packs: Packs, stream: Stream, length: int) -> int:
    if length == 0:
        return 0  # a stream that nothing is taken from may have no pack to pay for
    compressor = zstandard.ZstdCompressor(level=9).compressobj()
    return sum(len(compressor.compress(part)) for part in packs.take(stream, length)) + len(compressor.flush())
