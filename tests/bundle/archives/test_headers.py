"""What headers repeat is left out of skeletons and put back, whatever the bytes: bundle.archives.headers."""

import gzip
import io
import random
import zipfile
import zlib
from itertools import accumulate

import pytest

from bundle.archives.headers import Facts
from tests.support.contents.opened_archives import skeleton_of, streams_in, walked

SEED = 59
GIVEN = [Facts(0xDEADBEEF, 1000, 5000), Facts(7, 3, 2), Facts(0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF)]


class OneWay(io.BytesIO):
    """Where zipfile cannot go back, it writes a descriptor behind each member."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_: int) -> int:
        raise io.UnsupportedOperation


def zipped(version: int, year: int, *, one_way: bool = False) -> bytes:
    """An archive of ten members with content and times of that version; one is stored, if sizes can stand before it."""
    out = OneWay() if one_way else io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(10):
            member = zipfile.ZipInfo(f"dir/{number}.txt", (year, 1, 2, 3, 4, 6))
            stored = number == 4 and not one_way
            member.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            archive.writestr(member, b"fixed" if number == 4 else b"version %d of %d\n" % (version, number) * 50)
        archive.comment = b"no member"
    return out.getvalue()


@pytest.mark.parametrize("one_way", [False, True])
def test_versions_of_an_archive_have_nearly_one_skeleton(one_way: bool) -> None:
    """[F-59]: checksums, sizes, offsets follow from the members; a time is said once, for the first of those alike."""
    old, new = zipped(1, 2020, one_way=one_way), zipped(22222, 2021, one_way=one_way)
    one, other = (skeleton_of(data) for data in (old, new))
    assert len(one) == len(other)
    differing = [at for at, (a, b) in enumerate(zip(one, other, strict=True)) if a != b]
    assert len(differing) <= 2, "beside the year of the first member"


def test_a_gzip_trailer_is_left_out() -> None:
    """[F-59]"""
    one, other = (gzip.compress(data * 100, mtime=0) for data in (b"a text\n", b"another, longer text\n"))
    assert skeleton_of(one) == skeleton_of(other)


def test_every_field_holds_what_the_facts_say() -> None:
    """[F-59]: with the facts of other streams, every repeated field says those."""
    data = zipped(1, 2020)
    streams = streams_in(data)
    facts = [Facts(s.crc, s.length, s.size) for s in streams]
    starts = [0, *(s.offset + s.length for s in streams)]
    gaps = [stream.offset - start for stream, start in zip(streams, starts, strict=False)]
    ends = [*(stream.offset for stream in streams), len(data)]
    rest = bytearray(b"".join(data[start:end] for start, end in zip(starts, ends, strict=True)))
    places = list(accumulate(gaps))
    rest = bytearray(walked(bytes(rest), places, facts))
    other = [Facts(crc=number, length=number + 1, size=number + 2) for number in range(len(facts))]
    made = bytearray(walked(bytes(rest), places, other, is_back=True))
    for place, fact in zip(reversed(places), reversed(other), strict=True):
        made[place:place] = bytes(fact.length)
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        taken = [member for member in archive.infolist() if member.compress_type == zipfile.ZIP_DEFLATED]
        assert [(m.CRC, m.compress_size, m.file_size) for m in taken] == [(f.crc, f.length, f.size) for f in other]
        assert archive.read("dir/4.txt") == b"fixed", "offsets moved with the streams"


def test_any_bytes_come_back() -> None:
    """[F-59]: the walk there is the walk back, for archives with every kind of damage and for any facts."""
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    sound = [zipped(1, 2020), zipped(1, 2020, one_way=True), gzip.compress(b"x" * 100), b"PK\x03\x04", b"\x1f\x8b", b""]
    for _ in range(3000):
        data = bytearray(rng.choice(sound))
        streams = streams_in(bytes(data))
        for _ in range(rng.choice((0, 1, 2, 8))):
            if data:
                at = rng.randrange(len(data))
                data[at : at + 2] = rng.choice((b"\0\0", b"\xff\xff", b"PK", rng.randbytes(2)))
        gaps: list[int] = []
        at = 0
        for stream in streams:
            del data[stream.offset - sum(s.length for s in streams[: len(gaps)]) :][: stream.length]
            gaps.append(stream.offset - at)
            at = stream.offset + stream.length
        facts = [rng.choice(GIVEN) for _ in gaps]
        rest = bytearray(data)
        places = list(accumulate(gaps))
        left = walked(bytes(rest), places, facts)
        assert walked(left, places, facts, is_back=True) == data


def test_the_checksum_is_of_the_plain_bytes() -> None:
    data = zipped(3, 2020)
    assert streams_in(data)[0].crc == zlib.crc32(b"version 3 of 0\n" * 50)
