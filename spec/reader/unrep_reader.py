"""A second reader of bundle format 1, written from the text of spec/ alone: format, references, rules, trust, sealing.

    python spec/reader/unrep_reader.py verify BUNDLE --trust TRUST [--base DIRECTORY] [--ship-key KEY --ticket TICKET]
    python spec/reader/unrep_reader.py list BUNDLE [--trust TRUST] [--base DIRECTORY] [--ship-key KEY --ticket TICKET]

TRUST is a public key or a trust file (spec/trust.md). Exit code 0, or 3 with one sentence.
An encrypted bundle is verified without a key, and opened with a ship's key and its ticket (spec/sealing.md).
It needs Python 3.11, `cryptography`, and for Zstandard Python 3.14 or `zstandard`.
It shares no line with the packages of this project: where the two disagree, one of them or the text is wrong.
Of the deflate engines it has zlib alone, so a section that names another it verifies but cannot rebuild, and says so
in capitals; and it holds whole objects in memory. It is there to be compared, not to be shipped.
"""

import argparse
import base64
import hashlib
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

from recipes import Index, Rebuild, usable_features
from sealing import FEATURE, Chunks, Ship, is_length, plain_length, read_ship_key
from tree import NAMES, Base, Entry, is_device
from trust import Trust
from wire import Refused, corrupt, decode, need, packed, unpack

MANIFEST_MAX, INDEX_MAX = 268_435_456, 67_108_864
SPKI = bytes.fromhex("302a300506032b6570032100")
KNOWN = (FEATURE, "posix-1", "python-times-1")
ROOT = {"format": int, "features": list, "product": str, "version": str, "epoch": int, "seq": int, "created": int}
ROOT |= {"tree": bytes, "manifest_size": int, "entries": int, "size": int, "piece_log": int, "sections": list}
SECTION = {"base": bytes, "features": list, "room": int, "index": list, "length": int, "content": bytes}


@dataclass(frozen=True)
class Section:
    """What the root says of a section, and where it starts in the file. Its body may stand in the root [F-100]."""

    base: bytes
    features: list[str]
    room: int
    index: tuple[int, int, int]
    length: int
    content: bytes
    start: int
    number: int

    @property
    def kind(self) -> str:
        return "delta" if self.base else "full"

    @property
    def body_length(self) -> int:
        return self.length or len(self.content)

    def tables(self, piece_size: int) -> list[int]:
        """Lengths of its hash tables, topmost first [F-20]."""
        lengths, size = [], self.length
        while size > piece_size:
            size = -(-size // piece_size) * 32
            lengths.append(size)
        return lengths[::-1]

    def stored(self, piece_size: int) -> int:
        return self.length + sum(self.tables(piece_size))


@dataclass(frozen=True)
class Root:
    """The signed root; `fields` by their names in format.md."""

    fields: dict[str, Any]
    sections: list[Section] = field(default_factory=list)

    @property
    def encrypted(self) -> bool:
        return FEATURE in self.fields["features"]


def parse_root(data: bytes, start: int) -> Root:
    """[F-5] to [F-9]; `start` is the offset of the first section."""
    value = decode(data, "the root")
    _check_known(value)
    fields = listed(value, ROOT, "the root")
    need(all(type(name) is str for name in fields["features"]), "the root: features are strings")
    device = is_device(fields["version"])
    need(bool(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fields["product"])), "the root: product is none")
    need(bool(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}", fields["version"])), "the root: version is none")
    need(not fields["version"].endswith(".") and not device, "the root: version names no directory")
    need(len(fields["tree"]) == 32, "the root: tree is no hash")
    bounds = {"seq": (1, 2**53), "created": (0, 2**53), "manifest_size": (1, MANIFEST_MAX), "entries": (0, 1_000_000)}
    bounds |= {"size": (0, 2**53), "piece_log": (12, 22), "epoch": (0, 2**53)}
    for key, (low, high) in bounds.items():
        need(low <= fields[key] <= high, f"the root: {key} is out of bounds")
    need(all(a < b for a, b in pairwise(fields["features"])), "the root: features are not sorted")
    fields["platform"] = "posix" if "posix-1" in fields["features"] else "any"
    fields["piece_size"] = 1 << fields["piece_log"]
    return Root(fields, _sections(fields["sections"], start, fields["piece_size"], FEATURE in fields["features"]))


def listed(value: Any, types: dict[str, type], name: str) -> dict[str, Any]:
    """An array of just these fields, in this order."""
    need(type(value) is list and len(value) == len(types), f"{name} has not {len(types)} fields")
    for (key, kind), item in zip(types.items(), value, strict=True):
        need(type(item) is kind, f"{name}: {key} has another type")
    return dict(zip(types, value, strict=True))


def _check_known(value: Any) -> None:
    """What a later reader must know is judged first, for it may change all else [F-8]."""
    need(type(value) is list, "the root is no array")
    said, features, *_ = [*value, 0, []][: max(2, len(value))]
    if type(said) is int and said != 1:
        raise Refused("unsupported", f"the root has format {said}")
    if type(features) is list and all(type(name) is str for name in features):
        for name in features:
            if name not in KNOWN:
                raise Refused("unsupported", f"the bundle needs {name!r}, which this reader does not know")


def _sections(values: list[Any], start: int, piece_size: int, encrypted: bool) -> list[Section]:
    found: list[Section] = []
    for number, value in enumerate(values):
        found.append(_section(value, start, number, encrypted))
        start += found[-1].stored(piece_size)
    need(len({(s.base, *s.features) for s in found}) == len(found), "two sections have the same base and features")
    return found


def _section(value: Any, start: int, number: int, encrypted: bool) -> Section:
    fields = listed(value, SECTION, "a section")
    features, length, content = fields["features"], fields["length"], fields["content"]
    need(all(type(name) is str for name in features), "a section: features are strings")
    need(all(a < b for a, b in pairwise(features)), "a section: features are not sorted")
    index = packed(fields["index"], "an index")
    need(length >= 0, "a section: its length is below 0")
    need(length == 0 or len(content) == 32, "a section: its hash is none")
    need(length > 0 or 1 <= len(content) <= 4096, "a section: its body in the root is too short or too long")
    whole = length or len(content)
    need(not encrypted or is_length(whole), "a section: no encrypted body has its length")
    body = plain_length(whole) if encrypted else whole
    need(index[1] <= body and index[2] <= INDEX_MAX, "a section: its index is too long")
    need(fields["room"] >= 0, "a section: room is below 0")
    need(len(fields["base"]) in (0, 32), "a section: its base is no hash")
    return Section(fields["base"], features, fields["room"], index, length, content, start, number)


class Bundle:
    """A file whose header is verified; every piece is verified each time it is read [F-21]."""

    def __init__(self, file: BinaryIO, trust: Trust | None) -> None:
        """Refuses what is malformed or whom the reader does not trust; None reads without judging who signed."""
        self._file = file
        preamble = file.read(14)
        need(len(preamble) == 14 and preamble[:5] == b"UNREP", "the file is no bundle")
        if preamble[5] != 1:
            raise Refused("unsupported", f"the bundle has format {preamble[5]}")
        r, s = (int.from_bytes(preamble[at : at + 4], "little") for at in (6, 10))
        need(1 <= r <= 262_144 and 1 <= s <= 65_536, "the root or the signature block has a length out of bounds")
        header, block = self._whole(file.read(r), r), self._whole(file.read(s), s)
        self.trust = trust.after(header, block) if trust else None
        self.root, self.root_hash = parse_root(header, 14 + r + s), hashlib.sha256(header).digest()
        if self.trust:
            self.trust.judge(self.root.fields["epoch"], self.root.fields["tree"])
        self.piece_size: int = self.root.fields["piece_size"]
        self._check_length(14 + r + s)

    def _whole(self, data: bytes, size: int) -> bytes:
        if len(data) < size:
            raise corrupt("the file ends within its header")
        return data

    def _check_length(self, header: int) -> None:
        """[F-6]"""
        end = header + sum(section.stored(self.piece_size) for section in self.root.sections)
        size = self._file.seek(0, 2)
        if size < end:
            raise corrupt(f"the file ends {end - size} bytes too early")
        need(size == end, f"the file has {size - end} bytes too many")

    def pieces(self, section: Section) -> "Pieces":
        return Pieces(self._file, section, self.piece_size)


class Pieces:
    """A section's body, by verified pieces."""

    def __init__(self, file: BinaryIO, section: Section, piece_size: int) -> None:
        self._file, self._piece_size, self._length = file, piece_size, section.length
        self._inner = b"" if section.length else section.content
        hashes, at = section.content, section.start
        for length in section.tables(piece_size):
            hashes, at = b"".join(self._verified(hashes, at, length)), at + length
        self._hashes, self._start = hashes, at

    def _verified(self, hashes: bytes, at: int, length: int, first: int = 0) -> Iterator[bytes]:
        for number in range(first, -(-length // self._piece_size)):
            self._file.seek(at + number * self._piece_size)
            piece = self._file.read(min(self._piece_size, length - number * self._piece_size))
            if hashlib.sha256(piece).digest() != hashes[32 * number : 32 * number + 32]:
                raise corrupt(f"piece {number} of a section is not what was signed")
            yield piece

    def verify(self) -> None:
        for _ in self._verified(self._hashes, self._start, self._length):
            pass

    def read(self, offset: int, size: int) -> bytes:
        if self._inner:
            return self._inner[offset : offset + size]
        first = offset // self._piece_size
        skip, parts, have = offset - first * self._piece_size, [], 0
        for piece in self._verified(self._hashes, self._start, self._length, first):
            if have >= skip + size:
                break
            parts.append(piece)
            have += len(piece)
        return b"".join(parts)[skip : skip + size]


def choose(bundle: Bundle, base: Base | None) -> Section | None:
    """The section that a receiver with this base takes: its delta, else the full one."""
    usable = [s for s in bundle.root.sections if set(s.features) <= usable_features()]
    deltas = [s for s in usable if base and s.kind == "delta" and s.base == base.tree]
    return next(iter(deltas + [s for s in usable if s.kind == "full"]), None)


def opened(bundle: Bundle, section: Section, ship: Ship | None) -> tuple[Pieces | Chunks, int]:
    """The body of a section, decrypted and verified as a whole where it is encrypted [S-5], and its length."""
    pieces = bundle.pieces(section)
    if not bundle.root.encrypted:
        return pieces, section.body_length
    if ship is None:
        raise Refused("sealed", "the bundle is encrypted, and no ship's key was given")
    content_key = ship.content_key(bundle.root_hash, bundle.trust)
    chunks = Chunks(content_key, section.number, section.body_length, pieces.read)
    chunks.verify()
    return chunks, plain_length(section.body_length)


def rebuild(bundle: Bundle, section: Section, base: Base | None, ship: Ship | None) -> Rebuild:
    """Every object of the section, made and compared with the manifest, which must be what the root says."""
    body, body_length = opened(bundle, section, ship)
    codec, stored, size = section.index
    of_base = base if section.kind == "delta" else None
    index = Index(unpack(codec, body.read(0, stored), size, "the index"), of_base)
    need(stored + index.stored == body_length, "the packs do not add up to the body")
    made = Rebuild(index, bundle.root.fields, of_base, section.room)
    made.run(lambda offset, length: body.read(stored + offset, length))
    return made


def verify(bundle: Bundle, base: Base | None, ship: Ship | None = None) -> tuple[Section | None, list[Entry]]:
    """All pieces, then the objects of the section that this receiver can take, if there is one that it can read."""
    for section in bundle.root.sections:
        bundle.pieces(section).verify()
    section = None if bundle.root.encrypted and ship is None else choose(bundle, base)
    return section, rebuild(bundle, section, base, ship).entries if section else []


def read_key(path: Path) -> bytes:
    """A public key file is a PEM of SubjectPublicKeyInfo (RFC 8410)."""
    lines = path.read_text("ascii", "replace").split("\n")
    try:
        der = base64.b64decode("".join(line for line in lines if not line.startswith("-----")), validate=True)
    except ValueError:
        der = b""
    need(der[:12] == SPKI and len(der) == 44, f"{path} is no public key of Ed25519")
    return der[12:]


def read_trust(paths: Sequence[Path]) -> Trust:
    """One trust file, or public keys that must all have signed."""
    if len(paths) == 1 and not (data := paths[0].read_bytes()).startswith(b"-----"):
        return Trust.of_file(data)
    keys = [read_key(path) for path in paths]
    return Trust.of_keys(keys, len(keys))


def _told(bundle: Bundle, section: Section | None, entries: list[Entry]) -> str:
    fields = bundle.root.fields
    name = f"{fields['product']} {fields['version']} (seq {fields['seq']})"
    if section is None and bundle.root.encrypted:
        why = "it is encrypted, and there is no --ship-key"
        return f"{name}: all pieces are what was signed. NO OBJECT WAS REBUILT: {why}"
    if section is None:
        kinds = ", ".join(" ".join([s.kind, *s.features]) for s in bundle.root.sections)
        return f"{name}: all pieces are what was signed. NO OBJECT WAS REBUILT: no section suits this reader ({kinds})"
    return f"{name}: all pieces are what was signed, and the {section.kind} section makes all {len(entries)} entries"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="A second reader of bundle format 1.")
    parser.add_argument("command", choices=("verify", "list"))
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--trust", type=Path, action="append", help="a trust file, or public keys that must all sign")
    parser.add_argument("--base", type=Path, help="the release that is here")
    parser.add_argument("--ship-key", type=Path, help="the receiver's private key, for an encrypted bundle")
    parser.add_argument("--ticket", type=Path, help="its ticket")
    options = parser.parse_args(arguments)
    if options.command == "verify" and not options.trust:
        parser.error("verify needs --trust")
    try:
        trust = read_trust(options.trust) if options.trust else None
        base = Base.of_directory(options.base) if options.base else None
        ticket = options.ticket.read_bytes() if options.ticket else None
        ship = Ship(read_ship_key(options.ship_key), ticket) if options.ship_key else None
        with options.bundle.open("rb") as file:
            bundle = Bundle(file, trust)
            section, entries = verify(bundle, base, ship)
    except Refused as fault:
        print(f"refused, {fault.kind}: {fault}", file=sys.stderr)
        return 3
    except OSError as fault:
        print(f"refused: {fault}", file=sys.stderr)
        return 3
    if options.command == "list":
        for entry in entries:
            print(f"{NAMES[entry.kind]:10} {entry.size:12} {entry.path}")
    print(_told(bundle, section, entries) + ("" if trust else ". WHO SIGNED IT WAS NOT JUDGED: no --trust"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
