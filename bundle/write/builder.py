"""How a bundle comes to be, ashore: spec/format.md from the writer's side. `build` is the whole story.

1. The release is hashed, and every base that is given as a directory.
2. Each base gives a delta section. A full section is added where it is asked for, or where there is no base.
3. With recipients, the sections are encrypted with a content key that is made for this bundle.
4. The root describes the sections, and the header signs it. A small section that is the only one stands in the root
   itself. All of it is written under a name that is not the bundle's.
5. That file is proven: it is opened under the trust that ships follow, or else with the builder's own public key. Every
   object of every section is made from it, and the manifest that their hashes complete is compared with the signed one.
6. Only then are the sidecars written. Last, the bundle gets its name.
"""

import os
import re
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import zstandard

from bundle.archives.engines import present_features
from bundle.errors import BundleError, InputError, Malformed
from bundle.format import canonical
from bundle.format.codecs import FEW_BYTES, ZSTD_WINDOW_LOG
from bundle.format.contents import chunks_of
from bundle.format.layout import FORMAT
from bundle.format.manifest import Kind, TreeManifest
from bundle.format.root import (
    ENCRYPTED_FEATURE,
    POSIX_FEATURE,
    PYTHON_TIMES_FEATURE,
    Platform,
    Root,
    Section,
    check_root,
)
from bundle.format.section_cipher import ContentKey
from bundle.host import presence
from bundle.host.files import create_buffered
from bundle.host.output import OUTPUT, WORK
from bundle.host.progress import Progress
from bundle.host.temporary_files import room_for_temporary_files, temporary_directory
from bundle.names.plain_text import excerpt
from bundle.read.base_objects import BuildBase
from bundle.read.evaluate import open_evaluation
from bundle.read.reader import VerifiedSection, open_bundle, stored_bytes
from bundle.read.tree import DirectoryBase, scan
from bundle.recipients.ship_key import ShipPublicKey
from bundle.recipients.sidecars import check_output_path, manifests_beside, publish
from bundle.trust.signing import Signer
from bundle.trust.trust import Trust
from bundle.wheels.bytecode import compiled_by_time
from bundle.write.encrypt import clear_tickets, encrypt_section, write_tickets
from bundle.write.header import signed_header, trust_to_prove_under
from bundle.write.section_plan import Closed
from bundle.write.sections import BuiltSection, SectionBuilder, within_root
from bundle.write.unproven import unproven_file

# A hash of 32 bytes stands in the file for every piece, and a damaged piece is fetched again whole. Large releases have
# larger pieces, so that their hash tables stay small.
PIECE_BYTES = 64 * 1024
LARGE_PIECE_BYTES = 256 * 1024
LARGE_RELEASE_BYTES = 128 * 1024 * 1024
MOST_TOLD = 1000  # archives and members that F.manifests says were not opened


@dataclass(frozen=True, kw_only=True)
class BuildRequest:
    """What to build: the release in directory `new`, what it is called, and the file `out` to write.

    `bases`: the releases that ships may have: directories, or what a repository holds. A `DirectoryBase` is given with
    its manifest, which may leave out files that a ship has lost.

    `full` adds the section for a first install. Without any base that section is there anyway.

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
    bases: Sequence[Path | BuildBase] = ()
    full: bool = False
    epoch: int = 0
    platform: Platform = "any"
    trust: Trust | None = None
    trust_from: int = 0
    recipients: Sequence[ShipPublicKey] = ()


@dataclass(frozen=True)
class BuildReport:
    """What was built. `bases`: (tree hash, bytes that a ship with that base fetches). `recipes`: counts by kind.

    `tickets`: one for each recipient. `closed`: archives and members that were not opened, or only in part.
    """

    path: Path
    total_bytes: int
    root: Root
    bases: list[tuple[bytes, int]]
    recipes: dict[str, int]
    tickets: list[Path]
    closed: list[Closed]


def build(
    request: BuildRequest, key: Signer, pool: Executor, progress: Progress, expected: bytes | None = None
) -> BuildReport:
    """Builds, proves and writes a bundle with its sidecars: F.sha256, and F.manifests or, if encrypted, F.tickets/.

    `expected`: the tree hash that the release must have.

    The bytes depend on the contents of the request, on the key, on the release's time (SOURCE_DATE_EPOCH, else the time
    of its newest file), and on whether its compiled Python files fit the times of their sources. Those of an encrypted
    bundle depend on a random content key, too.

    Raises InputError for anything that the user can correct, NoRoom, and Refused if what was written does not verify.
    No part of a new bundle is left then, and a former one stays. Its sidecars may be gone or new if the last steps
    failed.
    """
    check_output_path(request.out)
    proving_trust = trust_to_prove_under(request.trust, [key])
    target = _scan_target(request, expected, progress)
    created, features = _created(request.new, target), _root_features(request, target)
    bases = _scan_bases(request, target, progress)
    piece_bytes = LARGE_PIECE_BYTES if target.size > LARGE_RELEASE_BYTES else PIECE_BYTES
    content_key = ContentKey.new() if request.recipients else None
    room = room_for_temporary_files(request.out.absolute().parent, _temporary_bytes(target, bases))
    with room, WORK.errors(request.out), unproven_file(request.out) as unproven:
        with temporary_directory("unrep-build-") as scratch:
            builder = SectionBuilder(request.new, target, piece_bytes, pool, scratch, progress)
            sections = [builder.build_delta(base) for base in bases]
            if request.full or not bases:
                sections.append(builder.build_full())
            if content_key:
                sections = [
                    encrypt_section(built, n, content_key, piece_bytes, Path(scratch, f"{n}.encrypted"))
                    for n, built in enumerate(sections)
                ]
            if len(sections) == 1:  # of several, each ship would pay for those of the others
                sections = [within_root(sections[0])]
            root = _make_root(request, target, created, features, piece_bytes, [built.section for built in sections])
            encoded_root = canonical.encode(root)
            # The header carries the trust that was given. Without any it carries none.
            header = signed_header(encoded_root, [key], request.trust, request.trust_from)
            with OUTPUT.errors(request.out):
                _write(unproven, header, sections)
        _prove(unproven, proving_trust, content_key, bases, request.new, target, progress)
        _remove_former_sidecars(request.out, is_encrypted=content_key is not None)
        tickets: list[Path] = []
        if content_key:
            root_hash = sha256(encoded_root).digest()
            tickets = write_tickets(request.out, content_key, request.recipients, root_hash, [key])
        closed = list(dict.fromkeys(one for built in sections for one in built.closed))
        manifests = None if content_key else _packed_manifests([target, *(base.manifest for base in bases)], closed)
        total = publish(unproven, request.out, manifests)
    costs = [(section.base, len(header) + stored_bytes(root, section)) for section in root.sections if section.base]
    recipes = dict(sum((built.recipes for built in sections), Counter()))
    return BuildReport(request.out, total, root, costs, recipes, tickets, closed)


def _scan_target(request: BuildRequest, expected: bytes | None, progress: Progress) -> TreeManifest:
    target = scan(request.new, request.platform, progress)
    if expected not in (None, target.tree_hash):
        raise InputError(f"{request.new}: is another release, its tree hash is {target.tree_hash.hex()[:12]}")
    return target


def _scan_bases(request: BuildRequest, target: TreeManifest, progress: Progress) -> list[BuildBase]:
    """The bases with their manifests. Raises InputError for one that is named twice, or is the release itself.

    Two of one tree hash would give two sections for one base, which no root may have [F-9].
    """
    bases: dict[bytes, BuildBase] = {}
    for given in request.bases:
        base: BuildBase
        if isinstance(given, Path):
            name, base = str(given), DirectoryBase(given.resolve(), scan(given, request.platform, progress))
        else:
            name, base = given.name, given
        known = bases.setdefault(base.manifest.tree_hash, base)
        if known is not base:
            raise InputError(f"{name}: the same release as {known.name}; name every base once")
        if base.manifest.tree_hash == target.tree_hash:
            raise InputError(f"{name}: the same release as {request.new}; there is nothing to send from this base")
    return list(bases.values())


def _temporary_bytes(target: TreeManifest, bases: list[BuildBase]) -> int:
    """How much temporary files may take: the contents of archives lie unpacked there, and all sections beside."""
    return 2 * (target.size + sum(base.manifest.size for base in bases))


def _make_root(
    request: BuildRequest,
    target: TreeManifest,
    created: int,
    features: list[str],
    piece_bytes: int,
    sections: list[Section],
) -> Root:
    """The root of the bundle. Raises InputError for a value of the request that no root may have."""
    root = Root(
        format=FORMAT,
        product=request.product,
        version=request.version,
        seq=request.seq,
        created=created,
        tree=target.tree_hash,
        manifest_size=len(target.encoded),
        entries=len(target.entries),
        size=target.size,
        piece_log=piece_bytes.bit_length() - 1,
        sections=sections,
        epoch=request.epoch,
        features=features,
    )
    try:
        check_root(root)
    except Malformed as error:
        raise InputError(str(error)) from error
    return root


def _root_features(request: BuildRequest, target: TreeManifest) -> list[str]:
    """What a reader must know, sorted [F-8]."""
    features = [ENCRYPTED_FEATURE] if request.recipients else []
    if request.platform == "posix":
        features.append(POSIX_FEATURE)
    compiled = list(compiled_by_time(request.new.resolve(), target.entries.paths))
    # A stale file of the right size must not come to look fresh aboard: Python would run what the source was once.
    if compiled and all(found.fits or found.seconds < 0 for found in compiled):
        features.append(PYTHON_TIMES_FEATURE)
    return features


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
    unproven: Path,
    trust: Trust,
    content_key: ContentKey | None,
    bases: list[BuildBase],
    new: Path,
    target: TreeManifest,
    progress: Progress,
) -> None:
    """Makes every object of every section from what was written and the base, as a ship would, and compares its hash.

    Raises InputError if an object cannot be made or is another than the release's, and Refused if the header, the hash
    tables or the recipes of a section are not sound.
    """
    by_tree = {base.manifest.tree_hash: base for base in bases}
    with open_bundle(unproven, trust, (lambda _: content_key) if content_key else None) as bundle:
        for section in bundle.root.sections:
            _prove_section(bundle.open_section(section), by_tree.get(section.base), new, target, progress)


def _changed(directory: Path, manifest: TreeManifest) -> str:
    """The first file that has another size than when it was hashed, in a sentence. Empty if none has."""
    for entry in manifest.entries:
        path = directory / entry.path
        if entry.kind in (Kind.FILE, Kind.EXECUTABLE) and presence.exists(path) and path.stat().st_size != entry.size:
            size = f"{path.stat().st_size:,} bytes, and had {entry.size:,} when the build began"
            return f"{path}: has {size}; build again once nothing changes it"
    return ""


def _prove_section(
    section: VerifiedSection, base: BuildBase | None, new: Path, target: TreeManifest, progress: Progress
) -> None:
    section.verify()
    evaluation = open_evaluation(section, base, present_features())
    progress.start("proving", section.root.size, "B")
    try:
        for size in evaluation.verify_objects():
            progress.advance(size)
    except BundleError as error:
        changed = _changed(new, target) or (
            _changed(base.directory, base.manifest) if isinstance(base, DirectoryBase) else ""
        )
        why = changed or f"the bundle does not give back the release; did a file change meanwhile? {error}"
        raise InputError(why) from error
    progress.finish()


def _remove_former_sidecars(out: Path, is_encrypted: bool) -> None:
    """Removes the sidecars of a former bundle that the new one does not replace.

    Those are its tickets, and F.manifests if the new one is encrypted: it would show the names of all files.
    """
    clear_tickets(out)
    if is_encrypted:
        manifests_beside(out).unlink(missing_ok=True)


def _packed_manifests(manifests: list[TreeManifest], closed: list[Closed]) -> bytes:
    """The content of F.manifests."""
    told = [[one.path, one.why] for one in closed[:MOST_TOLD]]
    data = canonical.encode([[manifest.encoded for manifest in manifests], told])
    # The hashes of one manifest stand in the next again, megabytes apart. Long-distance matching finds them in a
    # moment. Any reader takes a window of 2^27 bytes, as that of packs does.
    window = max(10, min(ZSTD_WINDOW_LOG, (len(data) - 1).bit_length()))
    level = 19 if len(data) <= FEW_BYTES else 5
    parameters = zstandard.ZstdCompressionParameters.from_level(level, window_log=window, enable_ldm=True)
    return zstandard.ZstdCompressor(compression_params=parameters).compress(data)
