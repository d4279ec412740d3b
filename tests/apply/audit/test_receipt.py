"""Receipts: what they say, how large they get, whose word they are [A-83], [A-84], and the outbox [A-85]."""

import os
import stat
from pathlib import Path
from random import Random

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from apply.audit.log import no_log
from apply.audit.outbox import waiting
from apply.audit.receipt import MAX_RECEIPT_BYTES, PAYLOAD_TYPE, Receipt, open_receipt, sign_receipt
from apply.audit.save import save_run
from apply.audit.site_key import load_site_public_key, site_key
from apply.errors import RolledBack, SiteInvalid
from apply.record.chain import Link
from apply.record.database import RECEIPTS_KEPT, Record
from apply.site.layout import Site
from bundle.errors import InputError, Malformed, Refused, Untrusted
from bundle.format.canonical import MAX_INTEGER
from bundle.format.layout import PAYLOAD_TYPE as ROOT_TYPE
from bundle.format.layout import pre_authentication_encoding
from bundle.host import durable
from bundle.trust.signing import verifying_key
from tests.support.sites.records import recorded
from tests.support.sites.site import Ship, shore

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
LINK = Link(7, "{}", "5e" * 32)
FIELDS = (
    1,
    verifying_key(KEY).key_id,
    "vms",
    "1.0.1",
    0,
    2,
    b"t" * 32,
    "applied",
    "1.0.1",
    7,
    b"h" * 32,
    1_800_000_000,
)


def signed(payload: bytes, payload_type: bytes = PAYLOAD_TYPE, key: Ed25519PrivateKey = KEY) -> bytes:
    return msgspec.msgpack.encode([payload, key.sign(pre_authentication_encoding(payload, payload_type))])


def opened(data: bytes) -> Receipt:
    return open_receipt(data, verifying_key(KEY), "r.receipt")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site.at(tmp_path)
    site.make_directories()
    return site


def receipts(site: Site) -> list[Receipt]:
    key = load_site_public_key(site.public_key_file)
    return [open_receipt(path.read_bytes(), key, path.name) for path in waiting(site)]


def test_a_voyage_in_receipts(tmp_path: Path) -> None:
    """[A-84]: each outcome but nothing-to-do; product, release, what serves, and the head of the chain."""
    ship = Ship.sailing(tmp_path, "1.0.0")
    ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
    ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
    with pytest.raises(RolledBack):
        ship.apply(shore().bundle("dead", 3, "1.0.1"))
    ship.recover()
    ship.roll_back()
    found = receipts(ship.site)
    assert [(r.outcome, r.version, r.seq, r.serving, r.number) for r in found] == [
        ("applied", "1.0.0", 1, "1.0.0", 1),
        ("applied", "1.0.1", 2, "1.0.1", 2),
        ("already-current", "1.0.1", 2, "1.0.1", 3),
        ("rolled-back", "dead", 3, "1.0.1", 4),
        ("rolled-back", "1.0.0", 1, "1.0.0", 6),
    ]
    assert {r.product for r in found} == {"vms"} and found[3].tree.hex() == shore().tree("dead")
    assert len({r.head for r in found}) == 5 and all(
        abs(r.time - path.stat().st_mtime) < 60 for r, path in zip(found, waiting(ship.site), strict=True)
    )
    assert all(path.stat().st_size < 250 for path in waiting(ship.site))


def test_a_refused_first_install_has_a_receipt(tmp_path: Path) -> None:
    ship = Ship(tmp_path)
    ship.order("fail-prepare")
    with pytest.raises(Exception, match="prepare is broken"):
        ship.apply(shore().bundle("1.0.0", 1))
    assert [(r.product, r.version, r.outcome, r.serving) for r in receipts(ship.site)] == [
        ("vms", "1.0.0", "refused", "")
    ]


def test_the_largest_receipt_fits() -> None:
    """[A-84]: with names of 64 characters and the largest numbers."""
    name, outcome = "v" * 64, "already-current"
    release = {"version": name, "seq": MAX_INTEGER, "epoch": MAX_INTEGER, "tree": "ff" * 32}
    run = recorded(product=name, release=release, outcome=outcome, to=name)
    data = sign_receipt(run, Link(2**63 - 1, "", "ff" * 32), KEY, 2.0**60)
    assert 250 < len(data) <= MAX_RECEIPT_BYTES
    assert opened(data).version == name[:31] and opened(data).tree == b"\xff" * 32


def test_a_receipt_of_a_run_without_a_release() -> None:
    receipt = opened(sign_receipt(recorded(release=None, outcome="interrupted", product="", to=""), LINK, KEY, -5))
    assert (receipt.version, receipt.seq, receipt.tree, receipt.time) == ("", 0, b"", 0)


def test_the_bytes_are_those_of_the_page() -> None:
    """[A-84]: written here without the encoder's struct."""
    assert sign_receipt(recorded(), LINK, KEY, 1_800_000_000) == signed(
        msgspec.msgpack.encode((*FIELDS[:6], b"\xab" * 32, *FIELDS[7:10], b"\x5e" * 32, FIELDS[11]))
    )


def test_any_bit_that_flips_is_noticed() -> None:
    data = sign_receipt(recorded(), LINK, KEY, 1_800_000_000)
    for place in range(len(data) * 8):
        bent = bytearray(data)
        bent[place // 8] ^= 1 << place % 8
        with pytest.raises(Refused, match=r"^r\.receipt: "):
            opened(bytes(bent))


def test_any_length_but_the_right_one_is_refused() -> None:
    data = sign_receipt(recorded(), LINK, KEY, 1_800_000_000)
    for wrong in (*(data[:size] for size in range(len(data))), data + b"\0", data + bytes(300)):
        with pytest.raises(Malformed):
            opened(wrong)


def _with(**changes: object) -> bytes:
    names = [field.name for field in msgspec.structs.fields(Receipt)]
    return msgspec.msgpack.encode([changes.get(name, value) for name, value in zip(names, FIELDS, strict=True)])


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (
            signed(_with(), key=Ed25519PrivateKey.from_private_bytes(bytes(32))),
            Untrusted,
            "not signed by the site with",
        ),
        (signed(_with(), ROOT_TYPE), Untrusted, "not signed by the site with"),
        (signed(_with(receipt=2)), Malformed, "format 2; this unrep reads format 1"),
        (signed(_with(site=bytes(8))), Malformed, "a key id or a hash in it is none"),
        (signed(_with(tree=b"t" * 31)), Malformed, "a key id or a hash in it is none"),
        (signed(_with(head=b"")), Malformed, "a key id or a hash in it is none"),
        (signed(_with(seq=2.0)), Malformed, "Expected `int`"),
        (signed(msgspec.msgpack.encode([*FIELDS, 1])), Malformed, "Expected `array` of at most length 12"),
        (signed(b"\xdc\x00\x0c" + _with()[1:]), Malformed, "not in canonical form"),
        (b"", Malformed, "truncated"),
        (b"x" * 301, Malformed, "over 300 bytes, no receipt"),
    ],
)
def test_what_is_not_a_receipt_of_this_site(data: bytes, error: type[Refused], words: str) -> None:
    """[A-84]"""
    with pytest.raises(error, match=rf"^r\.receipt: .*{words}"):
        opened(data)


def test_the_key_is_made_once_and_for_its_owner_alone(site: Site) -> None:
    """[A-83]"""
    first = site_key(site).private_bytes_raw()
    assert site_key(site).private_bytes_raw() == first
    if os.name == "posix":
        assert stat.S_IMODE(site.key_file.stat().st_mode) == 0o600
        assert stat.S_IMODE(site.public_key_file.stat().st_mode) & 0o400
    assert load_site_public_key(site.public_key_file) == verifying_key(site_key(site))


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_the_key_is_never_readable_by_others_while_it_is_written(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """[A-83]"""
    modes, replace = [], durable.replace

    def watched(source: Path, destination: Path) -> None:
        modes.append(stat.S_IMODE(source.stat().st_mode))
        replace(source, destination)

    monkeypatch.setattr(durable, "replace", watched)
    site_key(site)
    assert modes[0] == 0o600


@pytest.mark.parametrize("damage", [b"", b"-----BEGIN PRIVATE KEY-----\n", bytes(200)])
def test_a_key_that_is_damaged_is_not_replaced_and_stops_nothing(tmp_path: Path, damage: bytes) -> None:
    """[A-83], [A-88]"""
    ship = Ship.sailing(tmp_path, "1.0.0")
    ship.site.key_file.write_bytes(damage)
    with pytest.raises(SiteInvalid, match=r"site\.key: not the key that unrep made; put back"):
        site_key(ship.site)
    report = ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
    assert report.outcome == "applied" and "; no receipt could be signed: " in report.reason
    assert ship.site.key_file.read_bytes() == damage and len(waiting(ship.site)) == 1
    assert ship.runs[-1]["outcome"] == "applied"


def test_a_public_half_that_is_lost_comes_back(site: Site) -> None:
    key = site_key(site)
    site.public_key_file.write_bytes(b"")
    site_key(site)
    assert load_site_public_key(site.public_key_file) == verifying_key(key)


@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_what_is_no_public_key(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "site.pub"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"site\.pub: (cannot be read|not the public key of a site)"):
        load_site_public_key(path)


@pytest.fixture
def small_outbox(monkeypatch: pytest.MonkeyPatch) -> int:
    """How many receipts stay; 256 would take long."""
    assert RECEIPTS_KEPT == 256
    monkeypatch.setattr("apply.record.database.RECEIPTS_KEPT", 6)
    monkeypatch.setattr("apply.audit.outbox.RECEIPTS_KEPT", 6)
    return 6


def test_the_outbox_keeps_the_newest(site: Site, small_outbox: int) -> None:
    """[A-85]: whoever carries receipts may be away for years."""
    record = Record(site)
    stranger = site.outbox / "notes.txt"
    stranger.write_text("not ours")
    for number in range(small_outbox + 5):
        assert save_run(site, record, no_log, recorded(f"run {number}")) == []
    record.close()
    assert [path.name for path in waiting(site)] == [f"{n:08}.receipt" for n in range(6, small_outbox + 6)]
    assert stranger.exists()


def test_receipts_that_cannot_be_posted_do_not_pile_up_either(site: Site, small_outbox: int) -> None:
    """[A-85]"""
    site.outbox.rmdir()
    site.outbox.write_text("in the way")
    record = Record(site)
    for number in range(small_outbox + 5):
        (trouble,) = save_run(site, record, no_log, recorded(f"run {number}"))
        assert trouble.startswith("a receipt could not be put into the outbox: ")
    assert len(record.unposted()) == small_outbox
    record.close()


def test_random_bytes_are_no_receipt() -> None:
    seed = Random().randrange(1_000_000)
    print(f"seed {seed}")
    random = Random(seed)
    for _ in range(2000):
        with pytest.raises(Refused):
            opened(random.randbytes(random.randrange(300)))
