"""Images in memory, and all that is found in them."""

import numpy as np

from bundle.format.objects import MemoryObject
from bundle.references.image import Image, read_image
from bundle.references.kinds import Group, Kind
from bundle.references.pages import Pages
from bundle.references.prediction import ScannedImage, scan


def image_of(data: bytes) -> Image:
    """The layout of an image."""
    image = read_image(Pages(MemoryObject(data)))
    assert image is not None
    return image


def scanned(data: bytes) -> ScannedImage:
    """An image with its references."""
    found = scan(MemoryObject(data))
    assert found is not None
    return found


def groups_of(data: bytes) -> dict[Kind, Group]:
    """All references of each kind."""
    parts: dict[Kind, list[Group]] = {kind: [Group()] for kind in Kind}
    for kind, group in scanned(data).groups():
        parts[kind].append(group)
    return {kind: Group(*map(np.concatenate, zip(*found, strict=True))) for kind, found in parts.items()}


def found_in(data: bytes) -> dict[str, list[tuple[int, ...]]]:
    """Per kind that is there: (offset, target), of jumps (offset, target, anchor)."""
    return {
        kind.name: list(zip(*(column.tolist() for column in group if len(column)), strict=True))
        for kind, group in groups_of(data).items()
        if len(group.where)
    }
