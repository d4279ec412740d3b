"""Repair requests, written aboard and read ashore: bundle.format.repair_request."""

import random
from hashlib import sha256

import pytest

from bundle.errors import Malformed
from bundle.format import canonical
from bundle.format.manifest import Entry, Kind, TreeManifest
from bundle.format.repair_request import RepairRequest, left_by, read_repair_request, write_repair_request

SEED = 63
RELEASE = TreeManifest.of([Entry(f"{n:05}", Kind.FILE, 1, sha256(b"%d" % n).digest()) for n in range(9000)], "any")
OTHER = TreeManifest.of(list(RELEASE.entries[1:]), "any")


def test_shore_finds_what_the_ship_has_left() -> None:
    """[F-60], [F-61]"""
    damaged = [1, 2, 500, 9000]
    request = read_repair_request(write_repair_request("vms", RELEASE, damaged), "n")
    assert (request.product, request.damaged) == ("vms", [1, 1, 498, 8500])
    left = left_by(request, RELEASE, "n")
    assert left == RELEASE.without(damaged) and len(left.entries) == 8996
    assert not {entry.path for entry in left.entries} & {"00000", "00001", "00499", "08999"}


def test_one_file_in_a_hundred_is_told_in_a_few_hundred_bytes() -> None:
    """[F-60]"""
    print(f"seed {SEED}")
    damaged = sorted(random.Random(SEED).sample(range(1, 9001), 90))
    assert len(write_repair_request("vms", RELEASE, damaged)) < 300


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"need": 2}, "not a repair request of version 1"),
        ({"tree": b"short"}, "not a repair request"),
        ({"left": b""}, "not a repair request"),
        ({"damaged": [3, 0]}, "not a repair request"),
        ({"damaged": [3, -1]}, "not a repair request"),
        ({"damaged": [9000, 1]}, "is about a release with the tree hash"),
        ({"tree": bytes(32)}, "is about a release with the tree hash 000000000000, and the base given has"),
        ({"damaged": []}, "not a repair request"),
        ({"damaged": [4]}, "what it says is left does not come out"),
    ],
)
def test_a_list_that_does_not_fit_is_refused(change: dict[str, object], words: str) -> None:
    """[F-60], [F-61]"""
    sound = read_repair_request(write_repair_request("vms", RELEASE, [3]), "n")
    fields = {name: getattr(sound, name) for name in sound.__struct_fields__}
    with pytest.raises(Malformed, match=f"n: {words}"):
        left_by(read_repair_request(canonical.encode(RepairRequest(**fields | change)), "n"), RELEASE, "n")


@pytest.mark.parametrize("data", [b"", b"\x80", b"text", bytes(5_000_000)])
def test_what_is_no_list_is_refused(data: bytes) -> None:
    """[F-60]"""
    with pytest.raises(Malformed, match="n: "):
        read_repair_request(data, "n")
