"""The smallest way to make an object wins: bundle.write.tournament."""

from base64 import urlsafe_b64encode
from pathlib import Path
from random import Random

import pytest

from bundle.derived.deriving import Derivation
from bundle.derived.digests import texts
from bundle.derived.rules import Rule
from bundle.errors import InputError
from bundle.format.contents import Slice, first_bytes, read_content
from bundle.format.index import Stream
from bundle.format.varints import write_varints
from bundle.write.tournament import ObjectTask, encode_object
from tests.support.contents.images import image_pair

SEED = 3
NOISE = Random(SEED).randbytes(50_000)


def test_without_a_base_it_is_a_literal() -> None:
    encoding = encode_object(ObjectTask(NOISE, None))
    assert encoding.triples is None and encoding.streams == {Stream.LITERAL: [NOISE]}


def test_what_is_nearly_the_same_is_a_patch() -> None:
    encoding = encode_object(ObjectTask(NOISE[:25_000] + b"new" + NOISE[25_000:], NOISE))
    assert encoding.triples == 2
    assert encoding.streams[Stream.EXTRA] == [b"new"]
    assert (encoding.streams[Stream.SKIP], encoding.streams[Stream.CHANGE]) == ([b"\0"], [b""])


def test_what_the_last_triple_adds_is_not_told() -> None:
    """[F-134]: it follows from the size of the object. That of a form is not known."""
    streams = encode_object(ObjectTask(NOISE[:25_000] + b"new" + NOISE[25_000:], NOISE)).streams
    first, extras = write_varints([25_000]), write_varints([3, 0])
    assert [streams[one] for one in (Stream.ADD_LENGTH, Stream.EXTRA_LENGTH, Stream.SEEK)] == [
        [first],
        [extras],
        [b"\0"],
    ]
    old = b"\n".join(b"%064x  f%d" % (Random(n).getrandbits(256), n) for n in range(50))
    new = old[:-69] + b"%064x  f49x" % Random(50).getrandbits(256)
    derivation = Derivation(Rule.DIGESTS, known=frozenset(texts(new)))
    form = encode_object(ObjectTask(new, old, (1,), derivation=derivation))
    assert form.rule == Rule.DIGESTS and form.triples == 1
    assert form.streams[Stream.ADD_LENGTH] != [b""] and form.streams[Stream.SEEK] == [b"\0"]


def test_what_has_nothing_in_common_is_a_literal() -> None:
    assert encode_object(ObjectTask(Random(SEED + 1).randbytes(50_000), NOISE)).triples is None


def test_what_compresses_better_alone_is_a_literal() -> None:
    assert encode_object(ObjectTask(bytes(1000), Random(SEED).randbytes(300))).triples is None


def test_images_are_re_aimed_where_that_is_smaller() -> None:
    old, new = image_pair(SEED)
    assert Stream.LAYOUT in encode_object(ObjectTask(new, old)).streams


def test_large_images_are_re_aimed_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As small ones are. Their long extra stretches stay in the file."""
    old, new = tmp_path / "old", tmp_path / "new"
    for path, data in zip((old, new), image_pair(SEED), strict=True):
        path.write_bytes(data)
    small = encode_object(ObjectTask(new, old))
    monkeypatch.setattr("bundle.write.tournament.WHOLE_BYTES", 1000)
    assert encode_object(ObjectTask(new, old)) == small
    # Behind debug data, as large an image has few references: both ways are tried.
    for path in (old, new):
        path.write_bytes(path.read_bytes() + NOISE * 2)
    encoding = encode_object(ObjectTask(new, old))
    assert encoding.triples is not None
    assert sum(len(read_content(part)) for part in encoding.streams[Stream.EXTRA]) < 5_000


def test_a_list_of_which_little_changed_is_a_plain_patch() -> None:
    """The form of its base has no hashes, so those that no object has would all be sent."""
    random = Random(SEED)
    lines = [b"f%d,sha256=%s,7" % (n, urlsafe_b64encode(random.randbytes(32))[:43]) for n in range(2000)]
    old = b"\n".join(lines)
    lines[1000] = b"f1000,sha256=%s,7" % urlsafe_b64encode(random.randbytes(32))[:43]
    new = b"\n".join(lines)
    known = frozenset(texts(new)) - {line.partition(b",")[2] for line in lines[:100]}
    encoding = encode_object(ObjectTask(new, old, (1,), derivation=Derivation(Rule.DIGESTS, known=known)))
    assert encoding.rule is None and encoding.price < 150


def test_an_empty_object_needs_no_bytes() -> None:
    encoding = encode_object(ObjectTask(b"", NOISE))
    assert sum(len(read_content(part)) for parts in encoding.streams.values() for part in parts) <= 1


def test_a_large_object_names_what_is_new_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its bytes are not held: long stretches stay in the file until they are packed."""
    monkeypatch.setattr("bundle.write.tournament.WHOLE_BYTES", 40_000)
    monkeypatch.setattr("bundle.write.tournament.LONG_BYTES", 1_000)
    base, target = tmp_path / "base", tmp_path / "target"
    base.write_bytes(NOISE)
    new = Random(SEED + 1).randbytes(5_000)
    target.write_bytes(NOISE[:30_000] + new + NOISE[30_000:] + b"end")
    encoding = encode_object(ObjectTask(target, base))
    assert encoding.triples == 2
    assert [part for part in encoding.streams[Stream.EXTRA] if part] == [Slice(target, 30_000, 5_000), b"end"]
    target.write_bytes(Random(SEED + 2).randbytes(50_000))
    assert encode_object(ObjectTask(target, base)).streams == {Stream.LITERAL: [target]}


def test_a_task_names_a_file_or_a_stretch_of_one(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(NOISE)
    assert read_content(path) == NOISE and first_bytes(path, 2) == NOISE[:2]
    assert read_content(Slice(path, 100, 50)) == NOISE[100:150] and first_bytes(Slice(path, 9, 50), 3) == NOISE[9:12]
    assert encode_object(ObjectTask(Slice(path, 0, 1000), path)) == encode_object(ObjectTask(NOISE[:1000], NOISE))
    path.unlink()
    for content in (path, Slice(path, 0, 1)):
        with pytest.raises(InputError, match="f: cannot be read"):
            read_content(content)
        with pytest.raises(InputError, match="f: cannot be read"):
            first_bytes(content, 1)
