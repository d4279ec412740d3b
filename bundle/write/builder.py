"""How a bundle comes to be, ashore: spec/format.md from the writer's side.

The release and every base are hashed; each base gives a delta section, and a full section is added where asked for or
where there is no base; root and signatures are put before them; and before the file gets its name, the bundle is
opened with its own public key and applied in full, every object compared by hash with the release.
"""

import os
import re
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field
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
from bundle.read.reader import VerifiedBundle, open_bundle, stored_bytes
from bundle.read.tree import DirectoryBase, scan
from bundle.recipients.ship_key import ShipPublicKey
from bundle.recipients.sidecars import check_place, manifests_beside, publish
from bundle.trust.signing import Signer
from bundle.trust.trust import Trust
from bundle.write.encrypt import clear_tickets, encrypt_section, write_tickets
from bundle.write.header import signed_header, trust_to_sign_under
from bundle.write.sections import BuiltSection, SectionBuilder

PIECE_BYTES = 64 * 1024
LARGE_PIECE_BYTES = 256 * 1024
LARGE_RELEASE_BYTES = 128 * 1024 * 1024


@dataclass(frozen=True)
class BuildRequest:
    """What to build: the release directory `new`, what it is called, and the directories of its bases.

    `seq` grows by at least one with every release of a product within an `epoch`. `full` adds the section for a
    first install; without any base it is there anyway. A base may also be given with its manifest, which
    may leave out what a ship has lost.

    `trust`: the trust that ships follow or should come to; the bundle carries its chain, trust roots below version
    `trust_from` left out, and its revocation list.

    `recipients`: the ships that can read it; none: everybody can.
    """

    new: Path
    product: str
    version: str
    seq: int
    out: Path
    bases: Sequence[Path | DirectoryBase] = field(default_factory=list)
    full: bool = False
    epoch: int = 0
    platform: Platform = "any"
    trust: Trust | None = None
    trust_from: int = 0
    recipients: Sequence[ShipPublicKey] = ()


@dataclass(frozen=True)
class BuildReport:
    """What was built; `bases` holds (tree hash, bytes that a ship with that base fetches), `recipes` counts by kind.

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
    """Builds, proves and writes a bundle, with F.sha256 and F.manifests, or F.tickets/ if it is encrypted, beside it.

    `expected`: the tree hash that the release must have.

    The bytes depend on the request's contents and the key alone; those of an encrypted bundle on a random key, too.
    Raises InputError for anything that the user can mend; nothing is left behind then.
    """
    check_place(request.out)
    trust = trust_to_sign_under(request.trust, [key])
    target = scan(request.new, request.platform, progress)
    if expected not in (None, target.tree_hash):
        raise InputError(f"{request.new}: is another release, its tree hash is {target.tree_hash.hex()[:12]}")
    bases = _scan_bases(request, target, progress)
    piece_bytes = LARGE_PIECE_BYTES if target.size > LARGE_RELEASE_BYTES else PIECE_BYTES
    content_key = ContentKey.new() if request.recipients else None
    unproven = request.out.with_name(request.out.name + ".unproven")
    try:
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
        with open_bundle(unproven, trust, (lambda _: content_key) if content_key else None) as bundle:
            _prove(bundle, bases, progress)
            root_hash = bundle.verified.root_hash
        tickets = _put_tickets(request, content_key, root_hash, key)
        listing = None if content_key else _listing([target, *(base.manifest for base in bases)])
        total = publish(unproven, request.out, listing)
    except OSError as error:
        raise InputError(f"{error.filename or request.out}: cannot be read or written: {error.strerror}") from error
    finally:
        with suppress(OSError):  # the first error is the one to report
            unproven.unlink(missing_ok=True)
    costs = [(s.base, len(header) + stored_bytes(root, s)) for s in root.sections if s.base]
    recipes = dict(sum((built.recipes for built in sections), Counter()))
    return BuildReport(request.out, total, root, costs, recipes, tickets)


def _scan_bases(request: BuildRequest, target: TreeManifest, progress: Progress) -> list[DirectoryBase]:
    bases: dict[bytes, DirectoryBase] = {}
    for given in request.bases:
        directory = given if isinstance(given, Path) else given.directory
        if isinstance(given, Path):
            manifest = scan(given, request.platform, progress)
            base = DirectoryBase(given.resolve(), manifest)
        else:
            base = given
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
    """The release's time in seconds since 1970: SOURCE_DATE_EPOCH, else its newest file's. Never the clock's, so that
    the same release gives the same bytes."""
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


def _prove(bundle: VerifiedBundle, bases: list[DirectoryBase], progress: Progress) -> None:
    """Applies every section to its base. Raises what a ship would, so that no ship has to."""
    by_tree = {base.manifest.tree_hash: base for base in bases}
    for section in bundle.root.sections:
        opened = bundle.open_section(section)
        opened.verify()
        evaluation = open_evaluation(opened, by_tree.get(section.base), present_features())
        progress.start("proving", bundle.root.size, "B")
        try:
            for place, chunks in evaluation.objects():
                for _ in chunks:
                    pass
                progress.advance(evaluation.manifest.entry(place).size)
        except BundleError as error:
            raise InputError(
                f"the bundle does not give back the release; did a file change meanwhile? {error}"
            ) from error
        progress.finish()


def _put_tickets(request: BuildRequest, content_key: ContentKey | None, root_hash: bytes, key: Signer) -> list[Path]:
    """Tickets in the place of those of a former bundle; no F.manifests stays, which would tell all names."""
    clear_tickets(request.out)
    if content_key is None:
        return []
    manifests_beside(request.out).unlink(missing_ok=True)
    return write_tickets(request.out, content_key, request.recipients, root_hash, [key])


def _listing(manifests: list[TreeManifest]) -> bytes:
    return zstandard.ZstdCompressor(level=19).compress(canonical.encode([m.encoded for m in manifests]))
