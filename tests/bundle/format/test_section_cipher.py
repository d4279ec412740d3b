"""Encrypted bodies: every way to spoil a STREAM, at the edges of its chunks, also under a signature that is good.

spec/sealing.md [S-1] to [S-6].
"""

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundle.archives.engines import present_features
from bundle.errors import BundleError, Corrupt, Malformed, Sealed
from bundle.format.objects import MemoryObject
from bundle.format.pieces import HashTree, build_tables, level_lengths, pieces_of
from bundle.format.section_cipher import (
    CHUNK_BYTES,
    PLAIN_BYTES,
    TAG_BYTES,
    ContentKey,
    chunks_of_body,
    encrypted_bytes,
    is_encrypted_length,
    plain_bytes,
)
from bundle.read.body import DecryptedBody, StoredBody
from bundle.read.evaluate import open_evaluation
from bundle.read.reader import open_bundle
from bundle.write import builder
from tests.support.contents.releases import TRUST, Tree, build_from, write_tree
from tests.support.contents.sealed import ALPHA, always, chunks, content_key_of, respoilt, ticket_of

KEY = ContentKey(bytes(range(16)))
EDGES = (1, 2, PLAIN_BYTES - 1, PLAIN_BYTES, PLAIN_BYTES + 1, 2 * PLAIN_BYTES, 2 * PLAIN_BYTES + 5)


def encrypted(plain: bytes, number: int = 0, key: ContentKey = KEY) -> bytes:
    cipher = key.section_cipher(number, chunks_of_body(encrypted_bytes(len(plain))))
    return b"".join(cipher.encrypt(MemoryObject(plain)))


def opened(stored: bytes, piece_bytes: int = 4096, number: int = 0, key: ContentKey = KEY) -> DecryptedBody:
    """A body over bytes in memory, under hash tables that are right for them."""
    tables, top = build_tables(MemoryObject(stored), piece_bytes)
    data = tables + stored
    pieces = [(piece.offset, piece) for piece in pieces_of(len(stored), piece_bytes)]
    tree = HashTree(len(stored), piece_bytes, top)
    body = StoredBody(Path("x"), lambda offset, length: data[offset : offset + length], pieces, tree, piece_bytes)
    return DecryptedBody(Path("x"), body, key.section_cipher(number, chunks_of_body(len(stored))))


@pytest.mark.parametrize("size", EDGES)
def test_lengths_follow_from_each_other(size: int) -> None:
    """[S-2]"""
    stored = encrypted(bytes(size))
    assert len(stored) == encrypted_bytes(size) and plain_bytes(len(stored)) == size
    assert is_encrypted_length(len(stored))
    assert [len(chunk) for chunk in chunks(stored)][:-1] == [CHUNK_BYTES] * (len(chunks(stored)) - 1)


@pytest.mark.parametrize("stored", [1, 15, 16, CHUNK_BYTES + 1, CHUNK_BYTES + TAG_BYTES, 3 * CHUNK_BYTES + 16])
def test_lengths_that_no_encrypted_body_has(stored: int) -> None:
    """[S-2]"""
    assert not is_encrypted_length(stored)


@settings(deadline=None, max_examples=60)
@given(
    size=st.sampled_from(EDGES),
    piece_bytes=st.sampled_from([4096, CHUNK_BYTES, 4 * CHUNK_BYTES]),
    where=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_any_range_is_what_stood_there(size: int, piece_bytes: int, where: tuple[float, float]) -> None:
    """[S-5]"""
    plain = Random(size).randbytes(size)
    start, end = sorted(int(size * share) for share in where)
    body = opened(encrypted(plain), piece_bytes)
    assert b"".join(body.range(start, end - start)) == plain[start:end]
    assert body.size == size
    body.verify()


SPOILS: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "a bit of the first chunk": lambda c: [bytes([c[0][0] ^ 1]) + c[0][1:], *c[1:]],
    "a bit of the last tag": lambda c: [*c[:-1], c[-1][:-1] + bytes([c[-1][-1] ^ 128])],
    "two chunks in each other's place": lambda c: [c[1], c[0], *c[2:]],
    "a chunk twice": lambda c: [c[0], c[0], *c[1:]],
    "the last chunk is missing": lambda c: c[:-1],
    "the first chunk is missing": lambda c: c[1:],
    "a chunk in the middle is missing": lambda c: [c[0], *c[2:]],
    "cut within the last chunk": lambda c: [*c[:-1], c[-1][:-3]],
    "two last chunks": lambda c: [*c[:-1], c[-1].ljust(CHUNK_BYTES, b"\0"), c[-1]],
    "bytes behind the end": lambda c: [*c[:-1], c[-1] + b"\0"],
}


@pytest.mark.parametrize("spoil", SPOILS.values(), ids=SPOILS)
def test_whatever_is_done_to_chunks_shows(spoil: Callable[[list[bytes]], list[bytes]]) -> None:
    """[S-4] [S-5]"""
    stored = encrypted(Random(3).randbytes(2 * PLAIN_BYTES + 900))
    opened(stored).verify()
    with pytest.raises(Corrupt, match="chunk"):
        opened(b"".join(spoil(chunks(stored)))).verify()


def test_a_body_opens_in_its_own_section_under_its_own_key_alone() -> None:
    """[S-3]"""
    stored = encrypted(b"plain", number=1)
    opened(stored, number=1).verify()
    for number, key in ((0, KEY), (2, KEY), (1, ContentKey(bytes(16)))):
        with pytest.raises(Corrupt):
            opened(stored, number=number, key=key).verify()


def test_a_final_chunk_is_no_other_and_no_other_is_final() -> None:
    """[S-4] The same bytes in the same place, but for what follows."""
    first = encrypted(bytes(PLAIN_BYTES))
    both = encrypted(bytes(PLAIN_BYTES + 1))
    for spoilt in (first + both[CHUNK_BYTES:], both[:CHUNK_BYTES]):
        with pytest.raises(Corrupt):
            opened(spoilt).verify()


def test_keys_are_made_at_random_and_do_not_show() -> None:
    """[S-3]"""
    one, two = ContentKey.new(), ContentKey.new()
    assert one.raw != two.raw and repr(one) == repr(two) == "ContentKey()"
    with pytest.raises(Malformed):
        ContentKey(bytes(32))


# In bundles, signed anew for what stands in them

OLD: Tree = {"text.txt": b"one line\n" * 900, "noise.bin": Random(4).randbytes(300_000)}
NEW: Tree = OLD | {"text.txt": b"one line\n" * 901, "more.bin": Random(5).randbytes(200_000)}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encrypted bundle: a delta of four chunks, and a full section of eight."""
    top = tmp_path_factory.mktemp("sealed")
    write_tree(top / "old", OLD)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builder, "PIECE_BYTES", 16 * 1024)
        build_from(write_tree(top / "new", NEW), [top / "old"], top / "b.unrep", full=True, recipients=[ALPHA.public])
    return top / "b.unrep"


def test_a_bundle_gives_back_its_release(built: Path) -> None:
    with open_bundle(built, TRUST, ticket_of(built)) as bundle:
        assert [chunks_of_body(section.length) for section in bundle.root.sections] == [4, 8]
        evaluation = open_evaluation(bundle.open_section(bundle.root.sections[1]), None, present_features())
        made = {place: b"".join(parts) for place, parts in evaluation.objects()}
    assert {evaluation.draft.entry(place).path: data for place, data in made.items()} == NEW


def test_without_a_key_it_is_verified_and_not_opened(built: Path) -> None:
    """[S-6]"""
    with open_bundle(built, TRUST) as bundle:
        for section in bundle.root.sections:
            bundle.verify_section(section)
            with pytest.raises(Sealed, match=r"b\.unrep: is encrypted to ships"):
                bundle.open_section(section)


@pytest.mark.parametrize("spoil", SPOILS.values(), ids=SPOILS)
def test_a_signature_does_not_help_what_was_spoilt(
    built: Path, tmp_path: Path, spoil: Callable[[list[bytes]], list[bytes]]
) -> None:
    """[S-5] Refused before a recipe is run, though every piece is the one that was signed."""
    path = respoilt(built, tmp_path / "spoilt.unrep", spoil)
    key = content_key_of(built)
    with open_bundle(path, TRUST) as bundle:
        bundle.verify_section(bundle.root.sections[0])
    with open_bundle(path, TRUST, always(key)) as bundle, pytest.raises((Corrupt, Malformed)):
        bundle.open_section(bundle.root.sections[0]).verify()
    with open_bundle(path, TRUST, always(key)) as bundle:
        bundle.open_section(bundle.root.sections[1]).verify()


def test_cut_to_the_very_chunks_that_hold_the_index(built: Path, tmp_path: Path) -> None:
    """[S-4] At a chunk's edge, where nothing but the flag of the last one tells."""
    path = respoilt(built, tmp_path / "cut.unrep", lambda c: c[:1], number=1)
    with open_bundle(path, TRUST, always(content_key_of(built))) as bundle, pytest.raises(BundleError, match="chunk 0"):
        bundle.open_section(bundle.root.sections[1])


def test_sections_cannot_change_places(built: Path, tmp_path: Path) -> None:
    """[S-3]"""
    with open_bundle(built, TRUST) as bundle:
        delta = b"".join(bundle.stored_body(bundle.root.sections[0]).range(0, bundle.root.sections[0].length))
    path = respoilt(built, tmp_path / "moved.unrep", lambda c: chunks(delta), number=1)
    with open_bundle(path, TRUST, always(content_key_of(built))) as bundle, pytest.raises(BundleError):
        bundle.open_section(bundle.root.sections[1])


def test_a_range_reads_no_chunk_more_than_it_must(built: Path) -> None:
    """[S-5] A piece of another chunk may be spoilt, or not be there."""
    with open_bundle(built, TRUST, ticket_of(built)) as bundle:
        section = bundle.open_section(bundle.root.sections[1])
        frame = section.index.frames[1]
        start, end = section.stretch_of(frame)
        assert start % CHUNK_BYTES == 0 and (end % CHUNK_BYTES == 0 or end == section.section.length)
        assert bundle.root.index_stretch(section.section) == (0, CHUNK_BYTES)


def test_levels_of_an_encrypted_body_are_those_of_any_other(built: Path) -> None:
    with open_bundle(built, TRUST) as bundle:
        length = bundle.root.sections[1].length
        assert len(level_lengths(length, bundle.root.piece_size)) == 2
