"""What is fuzzed: every function that takes bytes from a link, a stick, or a ship, as `TARGETS[name](data)`.

A target returns, whatever the bytes, or raises what is a finding. Where a signature or a hash would end every run at
once it is made to fit, so that the code behind is reached. Seeds come from spec/vectors, so they are stored once;
`corpus/NAME/` keeps what a run found.
"""

import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache, partial
from hashlib import sha256
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from bundle.archives.engines import present_features
from bundle.archives.opened import open_archive
from bundle.archives.skeleton import rebuild
from bundle.deflate.blocks import NoShape
from bundle.deflate.shape import restore, shape_of
from bundle.errors import BundleError, Malformed
from bundle.format import canonical
from bundle.format.codecs import LZMA2, X86_LZMA2, ZSTD, Packed, unpack
from bundle.format.layout import Preamble
from bundle.format.manifest import EMPTY_HASH, Entry, Kind, TreeManifest
from bundle.format.objects import MemoryObject, Readable, read_all
from bundle.format.repair_request import read_repair_request, write_repair_request
from bundle.format.root import decode_root
from bundle.format.varints import read_varints
from bundle.read.evaluate import open_evaluation
from bundle.read.reader import VerifiedSection, open_bundle, open_for_display
from bundle.receipts.receipt import open_receipt
from bundle.recipients.ship_key import ShipKey
from bundle.recipients.ticket import HINT_BYTES, TICKET_TYPE, decode_ticket, open_ticket, verify_ticket
from bundle.references.prediction import scan
from bundle.trust.heartbeat import HEARTBEAT_TYPE, Heartbeat, verify_heartbeat
from bundle.trust.signing import Links, SignatureBlock, Signed, VerifyingKey, parse_public_key, sign_payload
from bundle.trust.trust import Trust, trust_of
from bundle.trust.trust_file import decode_trust_file
from bundle.trust.trust_root import TRUST_TYPE, decode_revocations, decode_trust_root
from tests.support.contents.in_memory import in_memory
from tests.support.contents.raw_bundles import DIRECTORY, DOCUMENT, VECTORS, raw, shapes, streams, vector
from tests.support.contents.trust import begun
from transfer.broadcasting.block import header_block
from transfer.broadcasting.datagram import Datagram, read_datagram
from transfer.broadcasting.headers import Headers
from transfer.channels.channel import Channel, ChannelBase, ChannelBundle, ChannelRelease
from transfer.channels.signing import PAYLOAD_TYPE as CHANNEL_TYPE
from transfer.channels.signing import verify_channel
from transfer.disk.volume import VolumeMap, open_volume
from transfer.errors import TransferError
from unrep.inspection.bundle_summary import Names, inspect_bundle

CORPUS = Path(__file__).parent / "corpus"
TRUSTED = VerifyingKey(bytes.fromhex(DOCUMENT["trusted"]))
TRUST = Trust((TRUSTED,))
SHIP = ShipKey(X25519PrivateKey.from_private_bytes(bytes.fromhex(DOCUMENT["ship"])))
LONGEST = 1 << 16
MAX_OPENED_BYTES = 1 << 30

Target = Callable[[bytes], object]


class BaseOfVectors:
    """The base of the vectors, in memory."""

    def __init__(self) -> None:
        paths = sorted(DOCUMENT["base"])
        self.contents = [bytes.fromhex(DOCUMENT["base"][path]) for path in paths]
        entries = zip(paths, self.contents, strict=True)
        self.manifest = TreeManifest.of(
            [Entry(path, Kind.FILE, len(data), sha256(data).digest()) for path, data in entries], "any"
        )

    def open(self, place: int) -> Readable:
        return MemoryObject(self.contents[place - 1])


BASE = BaseOfVectors()


def read_bundle(data: bytes) -> None:
    """As `verify` and `apply` read it, signature and all."""
    with open_bundle(in_memory(data, "fuzzed"), TRUST) as bundle:
        delta = bundle.root.delta_section(BASE.manifest.tree_hash, present_features())
        section = delta or bundle.root.full_section(present_features())
        if section:
            _evaluate(bundle.open_section(section), BASE if delta else None)


def show_bundle(data: bytes) -> None:
    """As `inspect` reads it, which asks for no signature."""
    with open_for_display(in_memory(data, "fuzzed")) as bundle:
        inspect_bundle(bundle, Names({BASE.manifest.tree_hash: BASE.manifest, bundle.root.tree: BASE.manifest}))


def run_recipes(data: bytes) -> None:
    """The bytes are a section's body: two for the index's length, then index and packs; all else is made to fit."""
    index_bytes = int.from_bytes(data[:2], "little")
    body = data[2:]
    for base in (BASE, None):
        about = [BASE.manifest.tree_hash if base else b"", [], 1 << 20, [0, index_bytes, index_bytes]]
        about += [len(body), sha256(body).digest()]
        size = sum(len(content) for _, _, content in raw.TARGET)
        about_release = [1, [], "vectors", "1.1", 0, 2, 1_700_000_000, sha256(TARGET).digest()]
        made = [*about_release, len(TARGET), 7, size, 16, [about]]
        root = msgspec.msgpack.encode(made)
        block = msgspec.msgpack.encode({"s": [[bytes(8), bytes(64)]]})
        with open_for_display(
            in_memory(Preamble(len(root), len(block)).pack() + root + block + body, "fuzzed")
        ) as bundle:
            _evaluate(bundle.open_section(bundle.root.sections[0]), base)


TARGET = raw.manifest(raw.TARGET)


def _evaluate(section: VerifiedSection, base: BaseOfVectors | None) -> None:
    section.verify()
    evaluation = open_evaluation(section, base, present_features())
    for _, chunks in evaluation.objects():
        for _ in chunks:
            pass
    evaluation.finished()


def read_manifest(data: bytes) -> None:
    for platform in ("any", "posix"):
        with_refusals(TreeManifest.decode, data, platform)
        with_refusals(TreeManifest.of_draft, data, {1, 2}, platform)


def read_statements(data: bytes) -> None:
    """Signature blocks, trust roots, lists and trust files, each also behind a signature that holds."""
    signed = Signed(data, sign_payload(data, TRUST_TYPE, [raw.TRUSTED]))
    with_refusals(lambda: TRUST.verify(b"root", data))
    with_refusals(lambda: decode_trust_root(data, "trust root"))
    with_refusals(lambda: decode_revocations(data, "revocation list"))
    with_refusals(lambda: trust_of(decode_trust_file(data)))
    with_refusals(lambda: TRUST.following(Links(1, [signed])))
    with_refusals(lambda: parse_public_key(data, Path("fuzzed.pub")))


def read_announcements(data: bytes) -> None:
    """Channel files, heartbeats, receipts, repair requests and the maps of volumes."""
    beat = Signed(data, sign_payload(data, HEARTBEAT_TYPE, [raw.TRUSTED]))
    channel = [data, SignatureBlock(sign_payload(data, CHANNEL_TYPE, [raw.TRUSTED]))]
    with_refusals(verify_heartbeat, canonical.encode(beat), TRUST)
    with_refusals(verify_channel, canonical.encode(channel), TRUST)
    for verify in (verify_heartbeat, verify_channel):
        with_refusals(verify, data, TRUST)
    with_refusals(lambda: open_receipt(data, {TRUSTED.key_id: TRUSTED}, "receipt"))
    with_refusals(lambda: read_repair_request(data, "repair request"))
    with_refusals(lambda: open_volume(in_memory(data, "fuzzed")))
    with_refusals(lambda: open_volume(in_memory(b"VOLUME1\n" + len(data).to_bytes(4, "little") + data, "fuzzed")))


def hear_datagrams(data: bytes) -> None:
    """A datagram as it stands; and headers out of symbols, 7 bytes each: block's length, symbol id, what fills it."""
    with_refusals(lambda: read_datagram(data))
    headers = Headers()
    for at in range(0, min(len(data), 7 * 200) - 6, 7):
        length = int.from_bytes(data[at : at + 3], "little") or 1
        symbol = int.from_bytes(data[at + 3 : at + 6], "little")
        filled = bytes([data[at + 6]]) * header_block(length).symbol_bytes
        datagram = read_datagram(Datagram(bytes(8), 0, length, symbol, filled).pack())
        headers.take(datagram, ("127.0.0.1", 1))


def open_tickets(data: bytes) -> None:
    """A ticket as it stands, and one whose signature holds."""
    root_hash = data[1 : 1 + HINT_BYTES].ljust(32, b"\0")
    with_refusals(lambda: _open_ticket(data, root_hash))
    head = data[:73].ljust(73, b"\0")
    signed = sign_payload(root_hash + head, TICKET_TYPE, [raw.TRUSTED])[0]
    with_refusals(lambda: _open_ticket(head + signed.key_id + signed.value, root_hash))


def _open_ticket(data: bytes, root_hash: bytes) -> None:
    ticket = decode_ticket(data)
    verify_ticket(ticket, root_hash, TRUST)
    open_ticket(ticket, SHIP, root_hash)


def open_archives(data: bytes) -> None:
    """The opener, whose objects must make the archive again where it found nothing; and skeletons."""
    given = open_archive(MemoryObject(data), None, MAX_OPENED_BYTES, b"\1" * 10_000)
    opened = [given.object(within) for within in range(1 + given.count // 2)]
    try:
        for found in opened:
            for _ in read_all(found):
                pass
        members = opened[1:]
        if not members:
            assert b"".join(rebuild(opened[0], [], [], len(data))) == data, (
                "an archive without streams is not its skeleton"
            )
        with_refusals(
            lambda: list(
                rebuild(MemoryObject(data), members or [MemoryObject(b"a")], [6] * max(1, len(members)), 2 * len(data))
            )
        )
    finally:
        given.close()


def read_shapes(data: bytes) -> None:
    """As a stream, whose shape must give it back, and as a shape. The other one of the two is sound."""
    inflater, plain = zlib.decompressobj(-15), b""
    with suppress(zlib.error):
        plain = inflater.decompress(data, LONGEST)
    with suppress(NoShape):
        shape = b"".join(shape_of(MemoryObject(data), MemoryObject(plain)))
        if inflater.eof and not inflater.unused_data:
            assert b"".join(restore(MemoryObject(plain), MemoryObject(shape), len(data))) == data
    for own in (b"a", b"ababa", b"a" * 300):
        made = 0
        with suppress(Malformed):
            for chunk in restore(MemoryObject(own), MemoryObject(data), 4096):
                made += len(chunk)
        assert made <= 4096


def scan_images(data: bytes) -> None:
    image = scan(MemoryObject(data))
    if image is None:
        return
    for _, group in image.groups():
        assert len(group.where) == len(group.targets)
        assert not len(group.where) or (group.where.min() >= 0 and group.where.max() < len(data))
    assert len(image.known()) >= 0


def unpack_packs(data: bytes) -> None:
    """Every codec; the first two bytes are the size."""
    size, packed = int.from_bytes(data[:2], "little"), data[2:]
    for codec in (ZSTD, LZMA2 + 12, LZMA2 + 26, X86_LZMA2 + 16):
        made = 0
        try:
            for chunk in unpack(Packed(codec, len(packed), size), iter((packed,)), "pack"):
                made += len(chunk)
        except BundleError:
            continue
        assert made == size
    with_refusals(lambda: list(read_varints(data)))


def with_refusals(read: Callable[..., object], *arguments: object) -> None:
    """Any refusal will do; it is one sentence."""
    try:
        read(*arguments)
    except (BundleError, TransferError) as error:
        assert str(error).isprintable(), f"more than a sentence: {error}"


_READERS: dict[str, Target] = {
    "bundle": read_bundle,
    "inspect": show_bundle,
    "root": decode_root,
    "recipes": run_recipes,
    "manifest": read_manifest,
    "trust": read_statements,
    "announcements": read_announcements,
    "datagrams": hear_datagrams,
    "tickets": open_tickets,
    "archives": open_archives,
    "shapes": read_shapes,
    "images": scan_images,
    "packs": unpack_packs,
}
TARGETS: dict[str, Target] = {name: partial(with_refusals, read) for name, read in _READERS.items()}


def seeds(name: str) -> Iterator[bytes]:
    """What a target begins with: parts of the vectors, and what corpus/NAME keeps."""
    yield from _seeds_of[name]() if name in _seeds_of else bundles()
    for path in sorted((CORPUS / name).glob("*")):
        yield path.read_bytes()


@cache
def bundles() -> tuple[bytes, ...]:
    found = (vector(name).read_bytes() for name in VECTORS)
    return tuple(data for data in found if len(data) < 4096)


def _roots() -> Iterator[bytes]:
    for data in bundles():
        yield data[14 : 14 + int.from_bytes(data[6:10], "little")][:LONGEST]


def _blocks() -> Iterator[bytes]:
    for data in bundles():
        start = 14 + int.from_bytes(data[6:10], "little")
        yield data[start : start + int.from_bytes(data[10:14], "little")]
    yield canonical.encode(begun().file)
    yield begun().file.links.roots[0].payload


def _bodies() -> Iterator[bytes]:
    for data in bundles():
        try:
            root = decode_root(data[14 : 14 + int.from_bytes(data[6:10], "little")])
        except BundleError:
            continue
        section = root.sections[0] if root.sections else None
        if section and section.index.codec == 0:
            yield section.index.length.to_bytes(2, "little") + data[len(data) - section.length :]


def _manifests() -> Iterator[bytes]:
    yield from (TARGET, raw.manifest(raw.BASE), raw.manifest([]))


def _announcements() -> Iterator[bytes]:
    release = ChannelRelease("1.1", 0, 2, EMPTY_HASH)
    said = ChannelBundle("b.unrep", 1000, EMPTY_HASH, release, 2000, 900, [ChannelBase(bytes(8), 100)])
    yield canonical.encode(Channel("vectors", "stable", 3, release, [said]))
    yield canonical.encode(Heartbeat(1, "vectors", 0, 2, 1, 0, 1_700_000_000, bytes(8)))
    yield write_repair_request("vectors", BASE.manifest, [1, 3])
    yield canonical.encode(VolumeMap(1, 2, [(0, 300), (400, 20)]))


def _tickets() -> Iterator[bytes]:
    yield from (bytes.fromhex(item["ticket"]) for item in VECTORS.values() if "ticket" in item)


def _datagrams() -> Iterator[bytes]:
    yield Datagram(bytes(8), 0, 300, 0, bytes(300)).pack()
    for length in (1, 300, 3000, 100_000):
        yield b"".join(length.to_bytes(3, "little") + symbol.to_bytes(3, "little") + b"a" for symbol in range(80))


def _archives() -> Iterator[bytes]:
    yield from (streams.ZIP, streams.GZIP, streams.skeleton(1, 10), streams.skeleton(1, 31, rest=streams.ZIP_REST))


def _shapes() -> Iterator[bytes]:
    yield from (shapes.FIXED, shapes.MATCH, shapes.STORED, shapes.OWN, shapes.OF_FIXED, shapes.OF_MATCH)
    yield from (shapes.OF_LONG, shapes.own_codes(), shapes.empty_blocks(16)())


def _images() -> Iterator[bytes]:
    listed = msgspec.json.decode((DIRECTORY / "images.json").read_bytes())["images"]
    yield from (data for item in listed if len(data := bytes.fromhex(item["image"])) < 8192)


def _packs() -> Iterator[bytes]:
    for data in (b"", b"abc" * 50):
        yield len(data).to_bytes(2, "little") + raw.lzma2(data)
        yield len(data).to_bytes(2, "little") + b"\0\0" + (len(data) << 3 | 1).to_bytes(3, "little") + data


_seeds_of: dict[str, Callable[[], Iterator[bytes]]] = {
    "root": _roots,
    "recipes": _bodies,
    "manifest": _manifests,
    "trust": _blocks,
    "announcements": _announcements,
    "datagrams": _datagrams,
    "tickets": _tickets,
    "archives": _archives,
    "shapes": _shapes,
    "images": _images,
    "packs": _packs,
}
