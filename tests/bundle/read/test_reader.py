"""Reading a bundle, and media that lie: bundle.read.reader."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

import pytest

from bundle.archives.engines import present_features
from bundle.errors import Corrupt, InputError, Malformed, Unsupported, Untrusted
from bundle.format.objects import MemoryObject
from bundle.format.pieces import build_tables
from bundle.read.reader import VerifiedBundle, open_bundle, open_for_display, stored_bytes, verify_header
from bundle.trust.signing import VerifyingKey
from bundle.trust.trust import Trust
from tests.support.contents.releases import TRUST, Tree, build_from, content_of, put_together, take_apart, write_tree

OLD: Tree = {"a.txt": b"the same line\n" * 50, "b.bin": bytes(range(250))}
NEW: Tree = {"a.txt": b"the same line\n" * 49 + b"another line\n", "c.bin": os.urandom(20_000)}
STRANGER = Trust((VerifyingKey(bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")),))


@dataclass(frozen=True)
class Made:
    """A bundle with a delta and the full release, its bytes, and the directory of its base."""

    path: Path
    data: bytes
    base: Path

    def spoiled(self, change: Callable[[bytes], bytes]) -> Path:
        self.path.write_bytes(change(self.data))
        return self.path


@pytest.fixture
def made(tmp_path: Path) -> Made:
    base = write_tree(tmp_path / "old", OLD)
    path = tmp_path / "x.unrep"
    build_from(write_tree(tmp_path / "new", NEW), [base], path, full=True)
    return Made(path, path.read_bytes(), base)


def open_all(path: Path) -> VerifiedBundle:
    with open_bundle(path, TRUST) as bundle:
        for section in bundle.root.sections:
            bundle.open_section(section).verify()
        return bundle


def test_a_sound_bundle_is_read(made: Made) -> None:
    """[F-6], [F-22]"""
    assert content_of(made.path, made.base) == NEW
    assert content_of(made.path, None) == NEW
    bundle = open_all(made.path)
    assert bundle.verified.total_bytes == len(made.data)
    stored = [stored_bytes(bundle.root, section) for section in bundle.root.sections]
    assert bundle.verified.header_bytes + sum(stored) == len(made.data)
    offsets = [[offset for offset, _ in bundle.verified.pieces(section)] for section in bundle.root.sections]
    assert offsets[0][0] == bundle.verified.header_bytes
    assert offsets[1][0] == bundle.verified.header_bytes + stored[0]


def test_every_length_but_the_right_one_is_refused(made: Made) -> None:
    """[F-1], [F-6]"""
    header = open_all(made.path).verified.header_bytes
    for length in (*range(header + 2), len(made.data) // 2, len(made.data) - 1):
        with pytest.raises(Malformed if length < 14 else Corrupt, match=r"x\.unrep: .*(not an unrep|cut short)"):
            open_all(made.spoiled(itemgetter(slice(length))))
    with pytest.raises(Malformed, match="2 bytes too many"):
        open_all(made.spoiled(lambda data: data + b"\0\0"))


def test_every_flipped_bit_of_the_header_is_refused(made: Made) -> None:
    """[F-1], [F-2], [F-4], [F-28]"""
    header = open_all(made.path).verified.header_bytes
    refusals = (Malformed, Corrupt, Untrusted, Unsupported)
    for bit in range(header * 8):
        spoiled = bytearray(made.data[:header])
        spoiled[bit // 8] ^= 1 << bit % 8
        with pytest.raises(refusals) as caught:
            verify_header(bytes(spoiled), TRUST)
        assert "\n" not in str(caught.value)
        if 14 * 8 <= bit < 15 * 8:
            assert caught.type is Untrusted, "the root is not parsed before its signature is verified"


def test_the_signature_comes_before_the_parser(made: Made) -> None:
    """[F-4]: what is not signed is not looked at, whatever stands in it."""
    with pytest.raises(Untrusted, match=r"x\.unrep: signed by key"):
        open_bundle(made.path, STRANGER)
    root_bytes = int.from_bytes(made.data[6:10], "little")
    with pytest.raises(Untrusted):
        open_bundle(made.spoiled(lambda data: data[:14] + b"\x91" * root_bytes + data[14 + root_bytes :]), TRUST)


def test_for_display_nobody_has_to_be_trusted(made: Made) -> None:
    with open_for_display(made.path) as bundle:
        assert bundle.root.version == "1.1"
    with pytest.raises(Corrupt, match="cut short"):
        open_for_display(made.spoiled(lambda data: data[:-1]))


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.unrep: cannot be read"):
        open_bundle(tmp_path / "nowhere.unrep", TRUST)
    with pytest.raises(InputError, match="cannot be read"):
        open_bundle(tmp_path, TRUST)


def test_a_medium_that_changes_after_it_was_verified(made: Made) -> None:
    """[F-21]: each piece is hashed each time that it is read."""
    with open_bundle(made.path, TRUST) as bundle:
        section = bundle.root.full_section(present_features())
        assert section is not None
        opened = bundle.open_section(section)
        opened.verify()
        made.spoiled(lambda data: data[:-100] + b"\0" * 100)
        with pytest.raises(Corrupt, match=r"x\.unrep: the \d+ bytes at offset \d+ .*fetch it again"):
            opened.verify()
        last = opened.index.frames[-1]
        with pytest.raises(Corrupt):
            list(opened.unpack(last, len(last.packs) - 1))


def test_a_medium_that_shrinks(made: Made) -> None:
    """[F-21]"""
    with open_bundle(made.path, TRUST) as bundle:
        os.truncate(made.path, bundle.verified.header_bytes + 10)
        with pytest.raises(Corrupt):
            bundle.open_section(bundle.root.sections[0])


def test_sections_that_were_not_fetched(made: Made) -> None:
    """Zeros stand where nothing was fetched: that section is absent, the other is sound."""
    with open_bundle(made.path, TRUST) as bundle:
        delta, full = bundle.root.sections
        size = stored_bytes(bundle.root, full)
        made.spoiled(lambda data: data[:-size] + bytes(size))
        assert bundle.is_absent(full) and not bundle.is_absent(delta)
        bundle.open_section(delta).verify()
        with pytest.raises(Corrupt):
            bundle.open_section(full)


def test_a_body_of_many_pieces_is_read_across_them(made: Made) -> None:
    """[F-20], [F-22]: packs begin and end anywhere in a piece."""
    parts = take_apart(made.path, 1).with_root(piece_log=12)
    path = made.spoiled(lambda _: put_together(parts))
    with open_bundle(path, TRUST) as bundle:
        (section,) = bundle.root.sections
        assert len(list(bundle.verified.pieces(section))) > 5
        opened = bundle.open_section(section)
        for frame, streams in zip(opened.index.frames, parts.streams, strict=True):
            for number, pack in enumerate(frame.packs):
                assert b"".join(opened.unpack(frame, number)) == streams[pack.stream]
    assert content_of(path, None) == NEW
    tables, _ = build_tables(MemoryObject(path.read_bytes()[-section.length :]), 4096)
    assert tables in path.read_bytes()
