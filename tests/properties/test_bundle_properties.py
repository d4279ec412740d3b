"""Whatever two releases hold, the bundle between them gives back the second; whatever is damaged is refused."""

import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bundle.archives.engines import present_features
from bundle.errors import BundleError
from bundle.host.progress import Quiet
from bundle.read.evaluate import open_evaluation
from bundle.read.reader import open_bundle
from bundle.read.tree import DirectoryBase, scan
from bundle.trust.signing import verifying_key
from bundle.trust.trust import Trust
from bundle.write.builder import BuildRequest, build

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
TRUST = Trust((verifying_key(KEY),))
SLOW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))

names = st.sampled_from(["a.txt", "b/c.py", "b/d.py", "e/f/g.bin", "lib-1.0.txt", "lib-1.1.txt"])
stems = st.sampled_from([b"", b"x", b"line\n" * 700, bytes(range(256)) * 20, b"PK\x03\x04" * 30])
contents = st.builds(
    lambda stem, extra, at: stem[:at] + extra + stem[at:], stems, st.binary(max_size=40), st.integers(0, 3000)
)
trees = st.dictionaries(names, contents, max_size=6)


def write_tree(directory: Path, tree: dict[str, bytes]) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    for name, content in tree.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(content)


def built(directory: Path, old: dict[str, bytes], new: dict[str, bytes], *, full: bool) -> Path:
    write_tree(directory / "old", old)
    write_tree(directory / "new", new)
    bases = () if full else (directory / "old",)
    request = BuildRequest(
        new=directory / "new", product="p", version="1", seq=1, out=directory / "x.unrep", bases=bases
    )
    with ThreadPoolExecutor(1) as pool:
        build(request, KEY, pool, Quiet())
    return directory / "x.unrep"


def content_of(bundle: Path, base: Path | None) -> dict[str, bytes]:
    """Path to content of every file that a receiver with that base would have in the end."""
    with open_bundle(bundle, TRUST) as opened:
        have = DirectoryBase(base, scan(base)) if base else None
        root, engines = opened.root, present_features()
        section = root.delta_section(have.manifest.tree_hash, engines) if have else root.full_section(engines)
        assert section is not None
        evaluation = open_evaluation(opened.open_section(section), have, engines)
        made = {place: b"".join(chunks) for place, chunks in evaluation.objects()}
        evaluation.finished()
    by_hash = {evaluation.draft.entry(place).hash: data for place, data in made.items() if place}
    if have:
        for entry in have.manifest.entries:
            by_hash.setdefault(entry.hash, (have.directory / entry.path).read_bytes())
    return {entry.path: by_hash[entry.hash] if entry.size else b"" for entry in evaluation.draft.entries}


@SLOW
@given(old=trees, new=trees)
def test_a_delta_gives_the_target(old: dict[str, bytes], new: dict[str, bytes]) -> None:
    if old == new:
        return
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        assert content_of(built(directory, old, new, full=False), directory / "old") == new


@SLOW
@given(new=trees)
def test_a_full_bundle_gives_the_target(new: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        assert content_of(built(directory, {}, new, full=True), None) == new


def test_every_flipped_byte_and_every_cut_is_refused(tmp_path: Path) -> None:
    """[F-4], [F-6], [F-21]: no byte of a bundle is without a guard, and every refusal is one of ours."""
    old = {"a.txt": b"the old line\n" * 40, "b.bin": bytes(range(200))}
    new = {"a.txt": b"the old line\n" * 39 + b"the new line\n", "c.bin": bytes(range(100))}
    bundle = built(tmp_path, old, new, full=False)
    data = bundle.read_bytes()
    spoiled = tmp_path / "spoiled.unrep"
    for at in range(len(data)):
        for changed in (data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :], data[:at]):
            spoiled.write_bytes(changed)
            try:
                content_of(spoiled, tmp_path / "old")
            except BundleError:
                continue
            raise AssertionError(f"byte {at} of {len(data)} can be changed, or the bundle cut there")
