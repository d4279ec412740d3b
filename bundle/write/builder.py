"""How a bundle comes to be, ashore: spec/format.md from the writer's side. `build` is the whole story.

1. The release and every base are hashed.
2. Each base gives a delta section. A full section is added where it is asked for, or where there is no base.
3. The root describes the sections, and the header signs it. All of it is written under a name that is not the bundle's.
4. That file is opened with the builder's own public key and applied in full: every object is compared by its hash.
5. Only then the bundle gets its name, and its sidecars.
"""

import os
import re
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import zstandard

from bundle.archives.engines import present_features
from bundle.errors import BundleError, InputError, Malformed
from bundle.format import canonical
from bundle.format.contents import chunks_of
from bundle.format.layout import FORMAT
from bundle.format.manifest import TreeManifest
from bundle.format.root import ENCRYPTED_FEATURE, Platform, Root, Section, check_root
from bundle.format.section_cipher import ContentKey
from bundle.host.files import create_buffered
from bundle.host.progress import Progress
from bundle.names.plain_text import excerpt
from bundle.read.evaluate import open_evaluation
from bundle.read.reader import VerifiedSection, open_bundle, stored_bytes
from bundle.read.tree import DirectoryBase, scan
from bundle.recipients.ship_key import ShipPublicKey
from bundle.recipients.sidecars import check_place, manifests_beside, publish
from bundle.trust.signing import Signer
from bundle.trust.trust import Trust
from bundle.write.encrypt import clear_tickets, encrypt_section, write_tickets
from bundle.write.header import signed_header, trust_to_sign_under
from bundle.write.sections import BuiltSection, SectionBuilder
from bundle.write.unproven import unproven_file

# A hash of 32 bytes stands in the file for every piece, and a damaged piece is fetched again whole. Large releases have
# larger pieces, so that their hash tables stay small.
PIECE_BYTES = 64 * 1024
LARGE_PIECE_BYTES = 256 * 1024
LARGE_RELEASE_BYTES = 128 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class BuildRequest:
    """What to build: the release in directory `new`, what it is called, and the file `out` to write.

    `bases`: the releases that ships may have. One that is given with its manifest may leave out files that a ship has
    lost. `full` adds the section for a first install. Without any base that section is there anyway.

    `seq` grows by at least one with every release of a product within an `epoch`.

    `trust`: the trust that ships follow or should come to. The bundle carries its revocation list, and its chain of
    trust roots from version `trust_from` on.

    `recipients`: the ships that can read the bundle. Without any, everybody can.
    """

    new: Path
    product: str
    version: str
    seq: int
    out: Path
    bases: Sequence[Path | DirectoryBase] = ()
    full: bool = False
    epoch: int = 0
    platform: Platform = "any"
    trust: Trust | None = None
    trust_from: int = 0
    recipients: Sequence[ShipPublicKey] = ()


@dataclass(frozen=True)
class BuildReport:
    """What was built. `bases`: (tree hash, bytes that a ship with that base fetches). `recipes`: counts by kind.

    `tickets`: one for each recipient.
    """

    path: Path
    total_bytes: int
    root: Root
    bases: list[tuple[bytes, int]]
    recipes: dict[str, int]
    tickets: list[Path]


def build(
    request: BuildRequest, key: Signer, pool: Executor, progress: Progress, expected: bytes | None = None
) -> BuildReport:
    """Builds, proves and writes a bundle with its sidecars: F.sha256, and F.manifests or, if encrypted, F.tickets/.

    `expected`: the tree hash that the release must have.

    The bytes depend on the request's contents and the key alone, and in an encrypted bundle on a random key, too.
    Raises InputError for anything that the user can correct. Then nothing is left behind.
    """
    check_place(request.out)
    trust = trust_to_sign_under(request.trust, [key])
    target = _scan_target(request, expected, progress)
    bases = _scan_bases(request, target, progress)
    piece_bytes = LARGE_PIECE_BYTES if target.size > LARGE_RELEASE_BYTES else PIECE_BYTES
    content_key = ContentKey.new() if request.recipients else None
    with unproven_file(request.out) as unproven:
        with tempfile.TemporaryDirectory(prefix="unrep-build-") as scratch:
            builder = SectionBuilder(request.new, target, piece_bytes, pool, Path(scratch), progress)
            sections = [builder.delta(base) for base in bases]
            if request.full or not bases:
                sections.append(builder.full())
            if content_key:
                sections = [encrypt_section(s, n, content_key, piece_bytes) for n, s in enumerate(sections)]
            root = _describe(request, target, piece_bytes, [built.section for built in sections])
            header = signed_header(canonical.encode(root), [key], request.trust, request.trust_from)
            _write(unproven, header, sections)
        root_hash = _prove(unproven, trust, content_key, bases, progress)
        tickets = _write_tickets(request, content_key, root_hash, key)
        listing = None if content_key else _listing([target, *(base.manifest for base in bases)])
        total = publish(unproven, request.out, listing)
    costs = [(s.base, len(header) + stored_bytes(root, s)) for s in root.sections if s.base]
    recipes = dict(sum((built.recipes for built in sections), Counter()))
    return BuildReport(request.out, total, root, costs, recipes, tickets)


def _scan_target(request: BuildRequest, expected: bytes | None, progress: Progress) -> TreeManifest:
    target = scan(request.new, request.platform, progress)
    if expected not in (None, target.tree_hash):
        raise InputError(f"{request.new}: is another release, its tree hash is {target.tree_hash.hex()[:12]}")
    return target


def _scan_bases(request: BuildRequest, target: TreeManifest, progress: Progress) -> list[DirectoryBase]:
    """Every base once. Two of one tree hash would give two sections for one base, which no root may have [F-9]."""
    bases: dict[bytes, DirectoryBase] = {}
    for given in request.bases:
        if isinstance(given, Path):
            directory, base = given, DirectoryBase(given.resolve(), scan(given, request.platform, progress))
        else:
            directory, base = given.directory, given
        known = bases.setdefault(base.manifest.tree_hash, base)
        if known is not base:
            raise InputError(f"{directory}: the same release as {known.directory}; name every base once")
        if base.manifest.tree_hash == target.tree_hash:
            raise InputError(f"{directory}: the same release as {request.new}; there is nothing to send from this base")
    return list(bases.values())


def _describe(request: BuildRequest, target: TreeManifest, piece_bytes: int, sections: list[Section]) -> Root:
    root = Root(
        format=FORMAT,
        product=request.product,
        version=request.version,
        seq=request.seq,
        created=_created(request.new, target),
        platform=request.platform,
        tree=target.tree_hash,
        manifest_size=len(target.encoded),
        entries=len(target.entries),
        size=target.size,
        piece_size=piece_bytes,
        sections=sections,
        epoch=request.epoch,
        features=[ENCRYPTED_FEATURE] if request.recipients else [],
    )
    try:
        check_root(root)
    except Malformed as error:
        raise InputError(str(error)) from error
    return root


def _created(new: Path, target: TreeManifest) -> int:
    """The release's time in seconds since 1970: SOURCE_DATE_EPOCH, else the time of its newest file.

    Never the clock's: the same release has to give the same bytes. spec/decisions, 0003.
    """
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        if not re.fullmatch(r"[0-9]{1,16}", given):
            raise InputError(f"SOURCE_DATE_EPOCH: '{excerpt(given)}' is not a number of seconds since 1970")
        return int(given)
    newest = max((os.lstat(new / entry.path).st_mtime for entry in target.entries), default=0.0)
    return max(0, int(newest))


def _write(path: Path, header: bytes, sections: list[BuiltSection]) -> None:
    with create_buffered(path) as file:
        file.write(header)
        for built in sections:
            file.write(built.tables)
            for chunk in chunks_of([built.body]):
                file.write(chunk)


def _prove(
    unproven: Path, trust: Trust, content_key: ContentKey | None, bases: list[DirectoryBase], progress: Progress
) -> bytes:
    """Applies every section to its base, as a ship would. The root's hash. Raises InputError if anything is wrong."""
    by_tree = {base.manifest.tree_hash: base for base in bases}
    with open_bundle(unproven, trust, (lambda _: content_key) if content_key else None) as bundle:
        for section in bundle.root.sections:
            _prove_section(bundle.open_section(section), by_tree.get(section.base), progress)
        return bundle.verified.root_hash


def _prove_section(section: VerifiedSection, base: DirectoryBase | None, progress: Progress) -> None:
    section.verify()
    evaluation = open_evaluation(section, base, present_features())
    progress.start("proving", section.root.size, "B")
    try:
        for place, _ in evaluation.objects():  # an object that nobody reads is made and verified all the same
            progress.advance(evaluation.manifest.entry(place).size)
    except BundleError as error:
        raise InputError(f"the bundle does not give back the release; did a file change meanwhile? {error}") from error
    progress.finish()


def _write_tickets(request: BuildRequest, content_key: ContentKey | None, root_hash: bytes, key: Signer) -> list[Path]:
    """Tickets in the place of those of a former bundle. F.manifests goes: it would show the names of all files."""
    clear_tickets(request.out)
    if content_key is None:
        return []
    manifests_beside(request.out).unlink(missing_ok=True)
    return write_tickets(request.out, content_key, request.recipients, root_hash, [key])


def _listing(manifests: list[TreeManifest]) -> bytes:
    """The content of F.manifests."""
    return zstandard.ZstdCompressor(level=19).compress(canonical.encode([m.encoded for m in manifests]))
