"""What a bundle says of itself, as a page for a browser; it needs the extra `unrep[fleet]` [L-45]."""

from fleet.drawing.treemap import Tile
from fleet.pages.single import Part, bundle_page
from unrep.inspection.bundle_summary import Inspection, SectionSummary


def page_of(found: Inspection) -> str:
    """The text of the page."""
    facts = {
        "Product": found.product,
        "Sequence number": f"{found.seq:,}",
        "Built": found.created,
        "Bundle": f"{found.bytes:,} bytes",
        "Release": f"{found.files:,} files, {found.release_bytes:,} bytes",
        "Signed by": ", ".join(found.carried.signed_by),
        "Tree": found.tree,
    }
    notes = ["The signature is not checked here: 'unrep verify' does that."]
    if found.not_opened:
        paths = ", ".join(one.path for one in found.not_opened[:5])
        more = f" and {len(found.not_opened) - 5:,} more" if len(found.not_opened) > 5 else ""
        notes.append(f"Archives that were not opened, and so cost their whole size: {paths}{more}.")
    title = f"{found.product} {found.version}"
    return bundle_page(title, facts, [_part(section, found) for section in found.sections], notes)


def _part(section: SectionSummary, found: Inspection) -> Part:
    base = section.base or ""
    name = f"from tree {base[:12]}" if base else "in full"
    count = found.header_bytes + section.bytes
    tiles = [Tile(one.path or f"file {one.place:,}", float(one.bytes), one.recipe) for one in section.objects]
    if tiles:
        rest = count - sum(tile.size for tile in tiles)
        tiles.append(Tile("(header, signatures, hashes and index)", max(rest, 0.0)))
    return Part(name, count, tiles)
