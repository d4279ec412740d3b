"""Bad inputs 43 to 47, 49 to 53, 55, 56, 60 and 65, of the attack list: packs, recipes, and what they lead to.

All validly signed: the sender's key is no proof that what it signed is sound.
"""

import struct

from bundle.errors import Corrupt, Malformed, NoSection
from tests.support.contents.raw_bundles import full, packed, raw, streams, vector, with_root
from tests.support.observers.memory import peak_of
from tests.support.sites.attacked_site import Besieged

MIB = 1 << 20
EMPTY_FRAME = b"\x96\xc4\0" + b"\x90" * 5
BLOCK = 128 * 1024  # the most that one block of a Zstandard frame makes


def zeros(size: int) -> bytes:
    """A Zstandard frame of that many zeros, 4 bytes for each 128 KiB, without the magic number."""
    blocks = size // BLOCK
    block = b"".join(struct.pack("<I", BLOCK << 3 | 2 | (n == blocks - 1))[:3] + b"\0" for n in range(blocks))
    return bytes(b"\0\x38" + block)


def test_bad_input_43_a_bomb(site: Besieged) -> None:
    site.refuses_vectors("pack-bomb", "pack-longer", "zstandard-more", "index-packed-more")
    zstandard, lzma2 = zeros(1024 * MIB), raw.lzma2(bytes(64 * MIB))
    with peak_of(32 * MIB):
        site.refuses(packed(lambda data: zstandard), Corrupt, "unpacks to more than")
        site.refuses(packed(lambda data: lzma2, 48), Corrupt, "unpacks to more than")


def test_bad_input_44_a_giant_window(site: Besieged) -> None:
    site.refuses_vectors("codec-window", "x86-filter-large", "zstandard-wide")
    with peak_of(64 * MIB):
        for exponent in (18, 21, 31):
            wide = packed(lambda d, e=exponent: streams.zstandard(d, head=streams.window(e, 7)))
            site.refuses(wide, Corrupt, "pack 0")


def test_bad_input_45_a_size_that_lies(site: Besieged) -> None:
    """In the description, and in a frame's own header (RFC 8878, frame content size)."""
    site.refuses_vectors("pack-longer", "pack-shorter", "zstandard-more", "zstandard-less", "stored-lengths")
    site.refuses_vectors("index-packed-less", "index-packed-more")
    for size in (0, 1, 200, 255):
        site.refuses(packed(lambda d, n=size: streams.zstandard(d, head=bytes([0x20, n]))), Corrupt, "pack 0")
    huge = struct.pack("<Q", 1 << 62)
    site.refuses(packed(lambda d: streams.zstandard(d, head=b"\xe0" + huge)), Corrupt, "pack 0")


def test_bad_input_46_a_second_frame(site: Besieged) -> None:
    site.refuses_vectors("zstandard-two", "zstandard-trailing", "zstandard-magic", "pack-trailing", "pack-cut")
    skippable = b"\x50\x2a\x4d\x18" + struct.pack("<I", 3) + b"abc"
    site.refuses(packed(lambda d: streams.zstandard(d) + skippable), Corrupt, "pack 0")
    site.refuses(packed(lambda d: skippable + streams.zstandard(d)), Corrupt, "pack 0")
    empty = streams.zstandard(b"")
    site.refuses(packed(lambda d: streams.zstandard(d) + empty), Corrupt, "pack 0")


def test_bad_input_47_a_bomb_of_controls(site: Besieged) -> None:
    """[F-41]"""
    site.refuses_vectors("triples-many", "changes-many", "triples-more", "archive-count", "recipes-many")
    count, frame = 5_000_000, raw.delta_frame()
    packs = dict(frame[5]) | {1: bytes(count - 1), 2: raw.varints(len(raw.DRAFT)) + bytes(count)}
    frame[4], frame[5] = [1, count, 100, 2], sorted((packs | {3: bytes(count - 1)}).items())

    def stored(stream: int, data: bytes) -> tuple[list[int], bytes]:
        small = raw.lzma2(data) if len(data) > MIB else data
        return [48 if len(data) > MIB else 0, len(small), len(data)], small

    bomb = raw.write(raw.Bundle([raw.delta(frame, packed=stored)]))
    with peak_of(32 * MIB):
        site.refuses(bomb, Malformed, "triples make no more than")


def test_bad_input_49_sums_that_overflow(site: Besieged) -> None:
    """At 2^31, 2^32, 2^53 and 2^63: offsets of copies, lengths of sections, packs and indexes."""
    site.refuses_vectors("copy-overflow", "varint-huge")
    for edge in (1 << 31, 1 << 32, (1 << 53) - 1):
        for offset in (edge - 1, edge - 50):
            site.refuses(raw.with_frame(4, [1, 1, offset, 2]), Malformed, "beyond its source")
        long = raw.full(described=raw.replaced("length", edge))
        site.refuses(raw.write(raw.Bundle([long])), Corrupt, "cut short")
    for edge in (1 << 53, (1 << 63) - 1, (1 << 64) - 1):
        site.refuses(raw.with_frame(4, [1, 1, edge, 2]), Malformed, "index")
        long = raw.full(described=raw.replaced("length", edge))
        site.refuses(raw.write(raw.Bundle([long])), Malformed, "length")


def test_bad_input_50_packs_that_overlap_or_leave_a_gap(site: Besieged) -> None:
    site.refuses_vectors("packs-short", "section-index-long", "stream-twice", "streams-order", "pack-empty")
    longer = raw.full(packed=lambda stream, data: ([0, len(data) + 1, len(data) + 1], data))
    site.refuses(raw.write(raw.Bundle([longer])), Malformed, "do not fill")
    site.refuses(raw.write(raw.Bundle([raw.full(body=lambda body: body + b"gap")])), Malformed, "do not fill")


def test_bad_input_51_ten_million_entries(site: Besieged) -> None:
    site.refuses_vectors("entries-many", "recipes-many", "opened-many")
    site.refuses(with_root("entries", 10_000_000), Malformed, "entries")
    listing = raw.manifest([])
    claimed = listing.replace(b"\xa5paths\x90", b"\xa5paths\xdd" + struct.pack(">I", 10_000_000))
    site.refuses(raw.write(raw.Bundle([raw.full([], claimed)], [], claimed)), Malformed, "tree manifest")
    crowd = raw.manifest([]).replace(b"\xa5paths\x90", b"\xa5paths\xdd" + struct.pack(">I", 10_000_000))
    crowd = crowd[: crowd.index(b"\xa5kinds")] + b"\xa0" * 10_000_000 + crowd[crowd.index(b"\xa5kinds") :]
    frames = raw.full(index=lambda index: b"\x93\0\x90\xdd" + struct.pack(">I", 500_002) + EMPTY_FRAME * 500_002)
    site.refuses(raw.write(raw.Bundle([frames])), Malformed, "500001")
    bomb = raw.full([], crowd, packed=lambda _, data: ([48, len(raw.lzma2(data)), len(data)], raw.lzma2(data)))
    with peak_of(64 * MIB):
        site.refuses(raw.write(raw.Bundle([bomb], [], crowd)), Malformed, "more than 1,000,000")


def test_bad_input_52_control_values_out_of_bounds(site: Besieged) -> None:
    site.refuses_vectors("numbers-negative", "places-negative", "source-negative", "patch-before", "patch-left-behind")
    site.refuses_vectors("varint-huge", "varint-nine", "varint-cut", "skip-short", "change-beyond")
    edge = (1 << 53) - 1
    for stream, before in ((1, ()), (2, (len(raw.DRAFT),)), (3, ()), (4, (0,))):
        site.refuses(raw.with_stream(stream, raw.varints(*before, edge)), Malformed, "recipe: ")


def test_bad_input_53_a_copy_beyond_the_base(site: Besieged) -> None:
    site.refuses_vectors("copy-beyond", "patch-beyond", "later-object", "place-beyond", "frame-foreign")
    for offset in (101, 200, 1000):
        site.refuses(raw.with_frame(4, [1, 1, offset, 2]), Malformed, "beyond its source")


def test_bad_input_55_a_result_that_is_not_the_signed_one(site: Besieged) -> None:
    site.refuses_vectors("result-hash", "change-hash", "manifest-hash", "tree-other", "manifest-size-other")
    site.refuses_vectors("concat-size", "literal-short", "patch-long", "patch-short", "archive-long", "size", "entries")


def test_bad_input_56_recipes_that_go_in_circles_or_deep(site: Besieged) -> None:
    """[F-33] [F-35] A copy of a copy, 3,000 deep, is no attack: it must work."""
    site.refuses_vectors("cycle", "later-object", "opened-itself", "opened-deep", "opened-nine")
    assert site.apply(vector("copies-deep"))[0] == 0


def test_bad_input_60_pieces_of_another_bundle_and_in_another_order(site: Besieged) -> None:
    """[F-21]"""
    site.refuses_vectors("pieces-exchanged", "flipped-table", "section-hash", "flipped-body")
    one, other = vector("two-levels").read_bytes(), full()
    mixed = one[: -raw.PIECE] + (other * 20)[: raw.PIECE]
    site.refuses(mixed, Corrupt, "do not match their hash")
    header = len(other) - len(raw.stored_section(raw.full())[1])
    swapped = vector("lzma2").read_bytes()
    body = len(raw.stored_section(raw.full())[1])
    site.refuses(other[:header] + swapped[-body:].rjust(body, b"\0"), Corrupt, "do not match their hash")


def test_bad_input_65_executables_that_are_none(site: Besieged) -> None:
    """[F-50] [F-52] What hostile images do to the scanners alone is in tests/bundle/references and tests/fuzz."""
    site.refuses_vectors("reaimed-source", "reaimed-beyond", "reaimed-layout", "reaimed-room", "reaimed-layout-count")
    site.refuses_vectors("reaimed-layout-short", "reaimed-place", "reaimed-shift", "reaimed-change")
    site.refuses_vectors("reaimed-place-twice")
    frame = raw.delta_frame()
    frame[0] = bytes([2, 5, *frame[0][2:]])
    site.refuses(raw.write(raw.Bundle([raw.delta(frame, features=["references-1"])])), Malformed, "executable image")
    site.refuses(raw.write(raw.Bundle([raw.delta(features=["references-2"])])), NoSection, "the site holds 1.0")
