"""[P-17] Releases that were made elsewhere come in, and what is damaged comes back."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from bundle.errors import Untrusted
from bundle.host.progress import Quiet
from bundle.read.tree import scan
from bundle.trust.signing import verifying_key
from bundle.trust.trust import Trust
from repository.errors import ReleaseRefused
from repository.importing import import_bundle, import_directory
from repository.record.database import Release
from repository.store.checkout import check_out
from tests.support.contents.releases import TRUST, build_from, write_tree
from tests.support.contents.repositories import Ashore, content, sound
from tests.support.contents.trust import RELEASE


@pytest.fixture
def ashore(tmp_path: Path) -> Ashore:
    return Ashore(tmp_path)


def directory(ashore: Ashore, number: int, version: str, seq: int | None = None) -> Release:
    source = ashore.source(number)
    with ashore.record() as record:
        return import_directory(source, version, seq, record, ashore.store, ashore.settings, Quiet())


def bundle(ashore: Ashore, path: Path, trust: Trust = TRUST) -> Release:
    with ashore.record() as record:
        return import_bundle(path, trust, record, ashore.repository, ashore.settings, Quiet())


def built(ashore: Ashore, number: int, base: int | None = None, **request: Any) -> Path:
    path = ashore.root / f"{number}.unrep"
    bases = [] if base is None else [ashore.source(base)]
    build_from(ashore.source(number), bases, path, version=f"1.0.{number}", seq=number + 1, **request)
    return path


def test_directories_are_bases_of_the_next_release(ashore: Ashore) -> None:
    assert (directory(ashore, 0, "1.0.0", 7).seq, directory(ashore, 1, "1.0.1").seq) == (7, 8)
    report = ashore.release(2)
    assert [cost.version for cost in report.costs] == ["1.0.1", "1.0.0", ""] and report.release.seq == 9


def test_bundles_are_unpacked_by_their_full_section_or_by_a_base(ashore: Ashore) -> None:
    assert bundle(ashore, built(ashore, 0)).seq == 1
    made = bundle(ashore, built(ashore, 1, base=0))
    assert (made.version, made.seq, made.tree) == ("1.0.1", 2, scan(ashore.source(1)).tree_hash)
    assert ashore.verify().faults == [] and ashore.store.has_tree(made.tree)
    assert [cost.version for cost in ashore.release(2).costs] == ["1.0.1", "1.0.0", ""]


def test_a_delta_without_its_base_is_refused(ashore: Ashore) -> None:
    with pytest.raises(ReleaseRefused, match="has no full section, and none of its bases is in this repository"):
        bundle(ashore, built(ashore, 1, base=0))
    assert ashore.verify().objects == 0


def test_a_bundle_of_others_is_refused(ashore: Ashore) -> None:
    with pytest.raises(Untrusted):
        bundle(ashore, built(ashore, 0), Trust((verifying_key(RELEASE),)))
    with pytest.raises(ReleaseRefused, match=r"is ecdis 1\.0\.0; this repository is for vms"):
        bundle(ashore, built(ashore, 0, product="ecdis"))
    with pytest.raises(ReleaseRefused, match="is for platform posix"):
        bundle(ashore, built(ashore, 0, platform="posix"))


def test_a_version_and_a_number_mean_one_content(ashore: Ashore) -> None:
    directory(ashore, 0, "1.0.0", 3)
    for number, version, seq in ((1, "1.0.0", 3), (1, "1.0.0", 4), (1, "1.0.1", 3), (0, "1.0.1", 3), (0, "1.0.0", 4)):
        with pytest.raises(ReleaseRefused, match=r"the repository has 1\.0\.0 \(seq 3\)"):
            directory(ashore, number, version, seq)
    assert directory(ashore, 0, "1.0.0").seq == 3, "once more changes nothing"


def test_what_was_damaged_or_lost_comes_back(ashore: Ashore) -> None:
    ashore.release(0)
    paths = [path for path in (ashore.root / "repo/objects").rglob("*") if path.is_file()]
    for path in paths:
        path.chmod(0o644)  # Windows removes no read-only file
    paths[0].write_bytes(b"damaged")
    paths[1].unlink()
    assert len(ashore.verify().faults) == 2
    directory(ashore, 0, "1.0.0")
    assert sound(ashore)
    paths[2].unlink()
    bundle(ashore, ashore.root / "www" / next(iter(ashore.published())))
    assert sound(ashore)


@pytest.mark.skipif(os.name == "nt", reason="links and modes of POSIX")
def test_links_modes_and_empty_directories_come_back(ashore: Ashore) -> None:
    """[P-18]"""
    ashore.settle('platform = "posix"')
    source = write_tree(ashore.root / "source", content(0) | {"bin/run": b"#!/bin/sh\n", "empty.txt": b""})
    (source / "bin/run").chmod(0o755)
    (source / "link").symlink_to("bin/run")
    (source / "void").mkdir()
    report = ashore.release(0, source=source)
    check_out(ashore.store, ashore.store.manifest(report.release.tree), ashore.root / "out", Quiet())
    assert scan(ashore.root / "out", "posix") == scan(source, "posix")
    assert stat.S_IMODE((ashore.root / "out/bin/run").stat().st_mode) == 0o755
    assert (ashore.root / "out/link").readlink() == Path("bin/run") and (ashore.root / "out/void").is_dir()
