"""Archives beyond every bound that is held in memory: the bounds are made small here. bundle.write.openings."""

import bz2
import io
import lzma
import random
import zipfile
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bundle.archives.engines import present_features
from bundle.errors import InputError
from bundle.read.evaluate import open_evaluation
from bundle.read.reader import open_bundle
from bundle.read.tree import DirectoryBase, scan
from bundle.write import builder
from bundle.write.builder import BuildReport, BuildRequest, build
from bundle.write.section_plan import Closed
from tests.support.contents.opened_archives import opened, streams_in
from tests.support.contents.releases import TRUST, content_of, write_tree
from tests.support.contents.tiny_bundle import KEY
from tests.support.sites.site import QUIET

SEED = 75
WHY = "no deflate engine gives its stream, and no shape of the base's is near to its own"
WHY_XZ = "xz is not opened: it has a dictionary over 8 MiB, other filters than LZMA2, or damage; xz -6 would do"
MOST_BYTES = 1_500
_CHOICE = random.Random(SEED)
WORDS = [_CHOICE.randbytes(4).hex() for _ in range(3000)]


def text(seed: int, size: int = 60_000) -> bytes:
    return " ".join(random.Random(seed).choices(WORDS, k=size // 9)).encode()


def odd_zip(members: dict[str, bytes], odd: str = "") -> bytes:
    """A zip file; the member `odd` is deflated as no engine does. zip64 fields stand in every local header."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            with archive.open(zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0)), "w", force_zip64=True) as member:
                if name == odd:
                    compressor = zlib.compressobj(6, zlib.DEFLATED, -15, 8, zlib.Z_HUFFMAN_ONLY)
                    member._compressor = compressor  # type: ignore[attr-defined]
                else:
                    member._compressor = zlib.compressobj(6, zlib.DEFLATED, -15)  # type: ignore[attr-defined]
                member._zinfo.compress_type = zipfile.ZIP_DEFLATED  # type: ignore[attr-defined]
                member.write(data)
    return out.getvalue()


@pytest.fixture
def small_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of 64 bytes; nothing is held in memory that may go to a file."""
    for bound in (
        "bundle.archives.opened.IN_MEMORY_BYTES",
        "bundle.archives.opening.IN_MEMORY_BYTES",
        "bundle.archives.skeleton._PENDING_BYTES",
        "bundle.format.contents.IN_MEMORY_BYTES",
        "bundle.format.objects.SPOOL_BYTES",
    ):
        monkeypatch.setattr(bound, 0)
    monkeypatch.setattr("bundle.archives.forward.WINDOW_BYTES", 64)
    monkeypatch.setattr("bundle.write.openings.GROUP_BYTES", 1)


def built(tmp_path: Path, old: dict[str, bytes], new: dict[str, bytes], full: bool = False) -> BuildReport:
    base, target = write_tree(tmp_path / "old", old), write_tree(tmp_path / "new", new)
    bases = [DirectoryBase(base, scan(base))]
    request = BuildRequest(
        new=target, product="p", version="2", seq=2, out=tmp_path / "out.unrep", bases=bases, full=full
    )
    with ThreadPoolExecutor(2) as pool:
        report = build(request, KEY, pool, QUIET)
    assert content_of(tmp_path / "out.unrep", base) == new
    return report


@pytest.mark.usefixtures("small_bounds")
def test_a_change_costs_itself_where_nothing_fits_into_memory(tmp_path: Path) -> None:
    """[F-46] [F-75] [F-76]: and what no engine gives costs nothing where it did not change."""
    members = {"a": text(1), "odd": text(2), "b": text(3)}
    old, new = odd_zip(members, "odd"), odd_zip({**members, "b": text(3) + b" and a line"}, "odd")
    assert len(streams_in(new)) == 3
    report = built(tmp_path, {"x.zip": old}, {"x.zip": new}, full=True)
    assert dict(report.bases)[scan(tmp_path / "old").tree_hash] < MOST_BYTES
    assert report.closed == [Closed("x.zip!odd", WHY)], "of the full section, which has no shapes"
    assert report.recipes["archive"] == 2


def test_a_member_that_cannot_be_opened_costs_itself_alone(tmp_path: Path) -> None:
    """The others are opened all the same, and the report names it."""
    members = {"a": text(1), "odd": text(2, 4000), "b": text(3)}
    changed = {**members, "odd": text(4, 4000), "b": text(3) + b" and a line"}
    new = odd_zip(changed, "odd")
    report = built(tmp_path, {"x.zip": odd_zip({"a": text(1), "b": text(3)})}, {"x.zip": new})
    (odd,) = (stream for stream in streams_in(new) if stream.name == "odd")
    assert report.total_bytes < odd.length + MOST_BYTES
    assert report.closed == [Closed("x.zip!odd", WHY)]


def test_packed_files_that_no_engine_gives_are_told(tmp_path: Path) -> None:
    """Once each, and only where they changed."""
    numbers = random.Random(25)
    same, old, new = (lzma.compress(numbers.randbytes(9000), preset=9) for _ in range(3))
    report = built(tmp_path, {"a.xz": same, "b.xz": old}, {"a.xz": same, "b.xz": new})
    assert report.closed == [Closed("b.xz", WHY_XZ)]


def test_what_grows_too_much_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[F-68]: a bomb in a release takes no disk, neither ashore nor aboard."""
    monkeypatch.setattr("bundle.write.openings.LARGE_BYTES", 1 << 20)
    members = {"bomb": bytes(1 << 24), "b": text(3)}
    new = odd_zip({"bomb": bytes((1 << 24) + 9), "b": text(3) + b" and a line"})
    report = built(tmp_path, {"x.zip": odd_zip(members)}, {"x.zip": new})
    assert [one.path for one in report.closed] == ["x.zip!bomb"]
    assert report.closed[0].why.startswith("it unpacks to ")
    assert report.root.sections[0].room < 1 << 20


def test_streams_of_both_releases_are_not_written_out(tmp_path: Path) -> None:
    """Only what changed takes disk ashore."""
    members = {"a": text(1), "b": text(3)}
    of_base, of_target = opened(tmp_path, odd_zip(members), odd_zip({**members, "b": text(5)}))
    assert of_base and of_target
    spilled = sum(path.stat().st_size for path in tmp_path.glob("spill*"))
    assert spilled == len(text(3)) + len(text(5))
    assert [member.engine for member in of_target.members] == [None, 6]


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "zip": lambda plain: odd_zip({"a": plain}),
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}


@pytest.mark.parametrize("packer", PACKERS)
def test_a_file_that_grows_while_it_is_read_is_named(
    packer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = PACKERS[packer]
    real = builder._scan_bases

    def growing(*arguments: object) -> object:
        with (tmp_path / "new" / "x.zip").open("ab") as file:
            file.write(b"more")
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(builder, "_scan_bases", growing)
    with pytest.raises(InputError, match=r"x\.zip: has .* bytes, and had .* when the build began"):
        built(tmp_path, {"x.zip": pack(text(1))}, {"x.zip": pack(text(2))})
    assert not (tmp_path / "out.unrep").exists()


@pytest.mark.parametrize("packer", ["bzip2", "xz"])
def test_a_change_of_a_packed_file_costs_itself_and_a_ship_without_the_engine_lacks_that_file_alone(
    packer: str, tmp_path: Path
) -> None:
    """[F-62]: the full section has it."""
    pack = PACKERS[packer]
    old = {"x": pack(text(1)), "y": text(4)}
    new = {"x": pack(text(1) + b" and a line"), "y": text(4) + b" and a line"}
    report = built(tmp_path, old, new, full=True)
    delta, full = report.root.sections
    assert dict(report.bases)[delta.base] < MOST_BYTES and delta.features == [packer]
    assert "xz" not in full.features
    base = DirectoryBase(tmp_path / "old", scan(tmp_path / "old"))
    with open_bundle(tmp_path / "out.unrep", TRUST) as bundle:
        section = bundle.open_section(bundle.root.sections[0])
        evaluation = open_evaluation(section, base, frozenset(present_features()) - {packer})
        assert {evaluation.draft.entry(place).path for place in evaluation.made} == {"y"}
