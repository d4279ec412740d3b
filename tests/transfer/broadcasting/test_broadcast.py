"""A broadcast without sockets: what is sent, and what a listener makes of it that loses, joins late, or is lied to."""

import json
import struct
from collections.abc import Iterator
from hashlib import sha256
from itertools import chain, pairwise
from pathlib import Path
from random import Random
from zlib import crc32

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from bundle.errors import Corrupt, Malformed
from bundle.format.layout import Preamble, read_preamble
from bundle.host.progress import Quiet
from bundle.read.reader import verify_header
from bundle.trust.signing import sign
from tests.support.contents.tiny_bundle import KEY, TRUST, Shape, TinyBundle, tiny_bundle, tree_hash, write_trust
from tests.support.links.broadcast_medium import SHORE, Ear, StoppedClock, from_shore, lossy, on_air, send, write
from tests.support.observers.command import run
from transfer.broadcasting.block import BLOCK_BYTES, Block, header_block, section_blocks
from transfer.broadcasting.carousel import DISTINCT_LAPS, LAPS_PER_ROUND, carousel
from transfer.broadcasting.datagram import HEAD_BYTES, MAX_DATAGRAM_BYTES, Datagram, bundle_id, read_datagram
from transfer.broadcasting.fountain import Fountain, restore
from transfer.broadcasting.headers import MAX_CANDIDATES, Headers
from transfer.broadcasting.symbols import RECORD_BYTES, SymbolStore
from transfer.disk.partial import partial_path, symbols_path
from transfer.errors import Incomplete, OutputRefused
from transfer.plan import SiteHoldings

pytest.importorskip("raptorq", reason="the extra unrep[broadcast] is not installed: no broadcast is tested")

BUNDLE = tiny_bundle(Shape(full_bytes=2_500_000, delta_bytes={"old": 60_000}))
NAME = bundle_id(BUNDLE.header)
BLOCKS = [block for _, block in section_blocks(BUNDLE.verified)]
LIAR = ("10.6.6.6", 666)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path, "bundle.unrep", BUNDLE)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.unrep"


def is_whole(out: Path, bundle: TinyBundle = BUNDLE) -> bool:
    """Whether the bundle is there, and nothing beside it is left of the way to it."""
    assert not symbols_path(out).exists() and not partial_path(out).exists()
    return out.read_bytes() == bundle.data


def assert_nothing_wrong(out: Path, bundle: TinyBundle = BUNDLE) -> int:
    """Every piece in the partial file is the bundle's or a hole; how many bytes of the bundle stand there."""
    data, there = partial_path(out).read_bytes(), 0
    for section in bundle.root.sections:
        for offset, piece in bundle.verified.pieces(section):
            found = data[offset : offset + piece.length]
            assert found == bundle.data[offset : offset + piece.length] or not found.strip(b"\0")
            there += len(found) if found.strip(b"\0") else 0
    return there


def lie(block: Block, symbol: int, name: bytes = NAME) -> bytes:
    """A datagram that looks right, with noise in it."""
    noise = Random(symbol).randbytes(block.symbol_bytes)
    return Datagram(name, block.number, block.length, symbol, noise).pack()


def fetch_rest(source: Path, out: Path) -> int:
    """`unrep fetch` from a directory with the bundle; how many bytes it received."""
    trust, stick = write_trust(out.with_name("shore.pub")), out.with_name("stick")
    stick.mkdir()
    (stick / "b.unrep").write_bytes(source.read_bytes())
    code, printed, _ = run("fetch --json", stick, "--trust", trust, "--out", out)
    assert code == 0
    return int(json.loads(printed)["bytes_received"])


def test_a_datagram_says_what_it_is() -> None:
    """[T-120]: the offsets of the table."""
    packed = Datagram(NAME, 3, 1_000_000, 0xABCDEF, bytes(1368)).pack()
    assert packed[:5] == b"UNRB\x01" and packed[5:13] == NAME and len(packed) == MAX_DATAGRAM_BYTES <= 1400
    assert struct.unpack("<III", packed[13:25]) == (3, 1_000_000, 0xABCDEF)
    assert read_datagram(packed) == Datagram(NAME, 3, 1_000_000, 0xABCDEF, bytes(1368))


def spoilt(position: int, value: int) -> bytes:
    """A good datagram with one byte changed and the checksum made right again."""
    data = bytearray(Datagram(NAME, 3, 1000, 7, bytes(64)).pack())
    data[position] = value
    data[25:29] = struct.pack("<I", crc32(data[HEAD_BYTES:], crc32(data[:25])))
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"UNRB",
        Datagram(NAME, 3, 1000, 7, b"").pack(),
        Datagram(NAME, 3, 0, 7, bytes(64)).pack(),
        Datagram(NAME, 3, 1000, 1 << 24, bytes(64)).pack(),
        Datagram(NAME, 3, 1000, 7, bytes(1376)).pack(),
        spoilt(0, 0),
        spoilt(4, 2),
        Datagram(NAME, 3, 1000, 7, bytes(64)).pack()[:-1],
    ],
)
def test_what_is_no_datagram_is_refused(data: bytes) -> None:
    """[T-120]"""
    with pytest.raises(Malformed):
        read_datagram(data)


def test_every_flipped_bit_is_noticed() -> None:
    """[T-120]"""
    good = Datagram(NAME, 3, 1000, 7, bytes(range(64))).pack()
    for bit in range(len(good) * 8):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Malformed):
            read_datagram(bytes(bad))


@given(
    st.integers(1, 3_000_000), st.dictionaries(st.sampled_from(["a", "b"]), st.integers(1, 1_100_000)), st.booleans()
)
@settings(max_examples=20, deadline=None)
def test_blocks_are_whole_pieces_and_nothing_is_left_out(full: int, deltas: dict[str, int], coarse: bool) -> None:
    """[T-121]"""
    piece_bytes = 4 * BLOCK_BYTES if coarse else 65_536
    bundle = tiny_bundle(Shape(full_bytes=full, delta_bytes=deltas, piece_bytes=piece_bytes))
    at, last = len(bundle.header), 0
    for section, block in section_blocks(bundle.verified):
        ends = {offset + piece.length for offset, piece in bundle.verified.pieces(section)}
        assert block.offset == at and block.end in ends and block.number == last + 1
        at, last = block.end, block.number
        assert block.length <= BLOCK_BYTES or coarse
    assert at == len(bundle.data)


@given(st.integers(1, 4 * BLOCK_BYTES))
def test_a_block_is_cut_into_equal_symbols(length: int) -> None:
    """[T-122]"""
    block = Block(1, 0, length)
    assert block.symbol_bytes % 8 == 0 and 64 <= block.symbol_bytes <= 1368
    assert (block.symbols - 1) * block.symbol_bytes < length <= block.symbols * block.symbol_bytes


@pytest.mark.parametrize("length", [1, 63, 1368, 1369, 30_000, 272_233, BLOCK_BYTES])
def test_any_so_many_symbols_make_a_block_again(length: int) -> None:
    """[T-122]: its own bytes come first, and with two symbols more it always works here."""
    data, block = Random(length).randbytes(length), Block(1, 0, length)
    k = block.symbols
    symbols = Fountain(data, block.symbol_bytes).symbols(0, 3 * k + 2)
    assert b"".join(symbols[:k])[:length] == data and not b"".join(symbols[:k])[length:].strip(b"\0")
    assert {len(symbol) for symbol in symbols} == {block.symbol_bytes}
    assert Fountain(data, block.symbol_bytes).symbols(2 * k, 2) == symbols[2 * k : 2 * k + 2]
    some = Random(1).sample(list(enumerate(symbols)), k + 2)
    assert restore(length, block.symbol_bytes, some) == data
    assert restore(length, block.symbol_bytes, some[: k - 1]) is None


def test_symbols_are_those_of_the_standard_whoever_makes_them() -> None:
    """[T-122]: fixed once and for all, so that ships and shore may have different releases of the codec."""
    digests = []
    for length in (1, 5000, 300_000, BLOCK_BYTES):
        block = Block(1, 0, length)
        symbols = Fountain(Random(length).randbytes(length), block.symbol_bytes).symbols(0, 2 * block.symbols)
        digests.append(sha256(b"".join(symbols)).hexdigest()[:16])
    assert digests == ["380ffe42aed25095", "d188dc9a2c73b4e2", "b9f212d4d960bc00", "aeda26cffbec7d37"]


def test_the_carousel_goes_round_in_small_shares_with_new_ids() -> None:
    """[T-124]"""
    header, blocks = header_block(700), [Block(1, 700, BLOCK_BYTES), Block(2, 9, 300_000), Block(3, 9, 2_000)]
    turns = list(carousel(header, blocks, DISTINCT_LAPS / LAPS_PER_ROUND))
    for block in blocks:
        mine = [turn for turn in turns if turn.block == block]
        ids = [symbol for turn in mine for symbol in range(turn.first, turn.first + turn.count)]
        assert ids == list(range(len(ids))) and len(ids) >= 4 * block.symbols
        assert max(turn.count for turn in mine) == -(-block.symbols // 16)
    heads = [at for at, turn in enumerate(turns) if turn.block == header]
    between = [sum(turn.count for turn in turns[first + 1 : then]) for first, then in pairwise(heads)]
    assert heads[0] == 0 and max(between) < 256 + 48
    assert [turn.block.number for turn in turns if turn.block != header][:6] == [1, 2, 3, 1, 2, 3]
    again = list(carousel(header, blocks, 1, first_lap=DISTINCT_LAPS - 1))
    assert [turn.first for turn in again if turn.block == blocks[0]][:2] == [63 * 48, 0]
    tiny = list(carousel(header, [Block(1, 700, 900)], 1))
    assert sum(turn.block == header for turn in tiny) == 4 and len(tiny) == 20
    assert len(list(carousel(header, [], 1))) >= 16


def test_the_rate_counts_what_the_link_carries(path: Path) -> None:
    """[T-125]"""
    clock = StoppedClock()
    datagrams: list[bytes] = []
    sent = send(path, datagrams.append, 100_000, 0.2, 0, clock)
    on_link = sum(len(datagram) + 28 for datagram in datagrams)
    assert abs(sent.seconds - on_link / 100_000) < 0.05
    assert (sent.datagrams, sent.bytes) == (len(datagrams), sum(map(len, datagrams)))


def test_only_what_verifies_is_sent(tmp_path: Path) -> None:
    """[T-123]"""
    datagrams: list[bytes] = []
    damaged = tmp_path / "damaged"
    damaged.write_bytes(BUNDLE.data[:-1] + bytes([BUNDLE.data[-1] ^ 1]))
    partly = tmp_path / "partly"
    partly.write_bytes(BUNDLE.holding(BUNDLE.root.sections[0]))
    for bad in (damaged, partly):
        with pytest.raises(Corrupt, match=f"{bad.name}.*use the file that 'unrep build' wrote"):
            send(bad, datagrams.append, 10**9, 1, 0, StoppedClock())
    assert not datagrams


@pytest.mark.parametrize("loss", [0.0, 0.1, 0.3, 0.5])
def test_it_completes_at_any_loss(path: Path, out: Path, loss: float, capsys: pytest.CaptureFixture[str]) -> None:
    """[T-126], [T-129]: what was heard is hardly more than the bundle, whatever was lost."""
    seed = 7
    air = on_air(path, rounds=3.0)
    places = {datagram: place for place, datagram in enumerate(air, 1)}
    last: list[bytes] = []

    def noted() -> Iterator[tuple[bytes, tuple[str, int]]]:
        for datagram, sender in lossy(air, loss, seed):
            last.append(datagram)
            yield datagram, sender

    heard = Ear(noted(), out).listen.run()
    length = len(BUNDLE.data)
    sent = sum(map(len, air[: places[last[-1]]]))
    with capsys.disabled():
        over = f"received {heard.bytes_received / length:.3f}, sent {sent / length:.3f} times the bundle"
        print(f"\nloss {loss:.0%}, seed {seed}: {over}")
    assert is_whole(out) and heard.complete and heard.bytes_verified == heard.bytes_needed == length
    assert heard.bytes_received == sum(map(len, last)) and heard.bytes_received < 1.12 * length
    assert sent < 1.12 * length / (1 - loss)


@pytest.mark.parametrize("seed", range(4))
def test_late_and_through_bursts(path: Path, out: Path, seed: int) -> None:
    """[T-124]: joined anywhere in the carousel, and a tenth of a round lost at once, again and again."""
    print(f"seed {seed}")
    random = Random(seed)
    air = on_air(path, rounds=2.5, first_lap=random.randrange(DISTINCT_LAPS))
    kept = air[random.randrange(len(air) // 3) :]
    for _ in range(4):
        at = random.randrange(len(kept))
        del kept[at : at + len(air) // 25]
    assert Ear(from_shore(kept), out).listen.run().complete
    assert is_whole(out)


def test_a_site_keeps_only_its_section(path: Path, out: Path) -> None:
    """[T-127], [T-5]: and hears no more than until that is complete."""
    delta = BUNDLE.root.sections[0]
    ear = Ear(from_shore(on_air(path, rounds=2)), out, SiteHoldings((tree_hash("old"),), is_empty=False))
    heard = ear.listen.run()
    assert heard.sections == (delta,) and heard.bytes_needed < 70_000
    assert out.read_bytes() == BUNDLE.holding(delta) and not symbols_path(out).exists()


def test_two_bundles_and_a_stranger_on_one_group(tmp_path: Path, out: Path) -> None:
    """[T-127]: the first that is trusted and fits; neither disturbs the other."""
    other = tiny_bundle(Shape(product="ecdis", full_bytes=300_000), seed=2)
    stranger = bytearray(BUNDLE.header)
    stranger[-1] ^= 1
    alien = [
        Datagram(bundle_id(bytes(stranger)), 0, len(stranger), number, data).pack()
        for number, data in enumerate(
            Fountain(bytes(stranger), header_block(len(stranger)).symbol_bytes).symbols(0, 40)
        )
    ]
    mine = on_air(write(tmp_path, "mine", BUNDLE), rounds=1.3)
    others = on_air(write(tmp_path, "others", other), rounds=1.3)
    mixed = [d for both in zip(mine, chain(others, others, mine), strict=False) for d in both]
    ear = Ear(from_shore(alien + mixed), out)
    assert ear.listen.run().root == BUNDLE.root
    assert is_whole(out) and not ear.said[0].startswith("passed over")
    second = out.with_name("second")
    assert Ear(from_shore(others + mine), second).listen.run().root == other.root
    assert is_whole(second, other)


def test_a_newer_bundle_on_the_group_replaces_an_older_one_and_never_the_other_way(tmp_path: Path, out: Path) -> None:
    """[T-11], [T-127]: also where somebody plays an old broadcast again."""
    old, new = (tiny_bundle(Shape(version=f"1.{seq}", seq=seq, full_bytes=300_000), seed=seq) for seq in (2, 3))
    replayed, current = (on_air(write(tmp_path, f"b{b.root.seq}", b), rounds=1.5) for b in (old, new))
    ear = Ear(from_shore(replayed[:150] + [d for both in zip(replayed, current, strict=False) for d in both]), out)
    assert ear.listen.run().root == new.root and is_whole(out, new)
    assert ear.said[:2] == [
        f"receiving vms 1.2 (seq 2), {len(old.data):,} bytes",
        f"receiving vms 1.3 (seq 3), {len(new.data):,} bytes, which replaces vms 1.2 (seq 2)",
    ]
    second = out.with_name("second")
    mixed = current[:50] + [d for both in zip(replayed, current[50:], strict=False) for d in both]
    assert Ear(from_shore(mixed), second).listen.run().root == new.root and is_whole(second, new)


def test_the_same_release_signed_twice_is_received_once(tmp_path: Path, out: Path) -> None:
    """[T-127]: two broadcasts of it take nothing from each other."""
    bundle = tiny_bundle(Shape(full_bytes=300_000))
    root = bundle.header[14 : 14 + read_preamble(bundle.header).root_bytes]
    block = sign(root, [KEY, Ed25519PrivateKey.from_private_bytes(bytes(32))])
    header = Preamble(len(root), len(block)).pack() + root + block
    again = TinyBundle(header + bundle.data[len(bundle.header) :], verify_header(header, TRUST))
    airs = [on_air(write(tmp_path, name, made), rounds=1.5) for name, made in (("a", bundle), ("b", again))]
    ear = Ear(from_shore([d for both in zip(*airs, strict=False) for d in both]), out)
    heard = ear.listen.run()
    assert is_whole(out, bundle) and heard.bytes_received < 1.2 * len(bundle.data) and len(ear.said) == 1


def test_what_came_before_the_header_counts(tmp_path: Path, out: Path) -> None:
    """[T-127]"""
    small = tiny_bundle(Shape(full_bytes=400_000))
    air = on_air(write(tmp_path, "small", small))
    late = sorted(air, key=lambda datagram: read_datagram(datagram).block == 0)
    assert Ear(from_shore(late), out).listen.run().complete and is_whole(out, small)


def test_only_strangers(out: Path) -> None:
    """[T-127], [T-132]"""
    stranger = bytearray(BUNDLE.header)
    stranger[-1] ^= 1
    symbols = Fountain(bytes(stranger), header_block(len(stranger)).symbol_bytes).symbols(0, 3)
    name = bundle_id(bytes(stranger))
    air = [Datagram(name, 0, len(stranger), number, data).pack() for number, data in enumerate(symbols)]
    with pytest.raises(Incomplete, match=r"no bundle for us was heard in 60 s, only one that is not.*sign"):
        Ear(from_shore(air), out).listen.run()
    with pytest.raises(Incomplete, match="no bundle was heard in 60 s; check group"):
        Ear([(b"noise", SHORE)] * 5, out).listen.run()
    assert not partial_path(out).exists() and not symbols_path(out).exists()


def test_another_part_at_the_output_is_not_lost(path: Path, tmp_path: Path, out: Path) -> None:
    """[T-11], [T-127]: passed over, said, and left as it is."""
    other = tiny_bundle(Shape(product="ecdis", full_bytes=10_000))
    partial_path(out).write_bytes(other.data[:9000])
    ear = Ear(from_shore(on_air(path)), out)
    with pytest.raises(Incomplete, match="no bundle for us"):
        ear.listen.run()
    assert (
        "holds a part of another bundle, ecdis" in ear.said[0] and partial_path(out).read_bytes() == other.data[:9000]
    )
    out.write_bytes(b"something else")
    with pytest.raises(OutputRefused):
        Ear(from_shore(on_air(path)), out).listen.run()


def test_stopped_at_any_moment_it_goes_on(path: Path, out: Path) -> None:
    """[T-131], [T-132]: symbols that wait are not lost, and in all no more is heard than in one go, or hardly."""
    air = list(lossy(on_air(path, rounds=2.2), 0.3, seed=3))
    needed, heard_in_all = len(BUNDLE.data), 0
    for start in range(0, len(air), 700):
        ear = Ear(air[start : start + 700], out, timeout_s=1.0)
        try:
            ear.listen.run()
        except Incomplete as error:
            assert "bytes are missing after" in str(error) and "unrep fetch" in str(error)
            assert_nothing_wrong(out)
            heard_in_all += ear.listen.figures().bytes_received
        else:
            heard_in_all += ear.listen.figures().bytes_received
            break
    assert is_whole(out) and heard_in_all < 1.15 * needed
    assert Ear([], out, timeout_s=0.1).listen.run().bytes_received == 0, "complete: nothing to be heard"


@pytest.mark.slow
def test_a_torn_store_of_symbols_costs_what_is_torn(path: Path, out: Path) -> None:
    """[T-131]: records that a power cut tore count as never heard."""
    air = list(lossy(on_air(path, rounds=3), 0.3, seed=4))
    with pytest.raises(Incomplete):
        Ear(air[:1200], out).listen.run()
    store = symbols_path(out)
    data = bytearray(store.read_bytes())
    for at in range(RECORD_BYTES * 5, len(data), RECORD_BYTES * 9):
        data[at] ^= 0xFF
    store.write_bytes(data[:-700])
    ear = Ear(air[1200:], out)
    assert ear.listen.run().blocks_anew == 0 and is_whole(out)
    with pytest.raises(Incomplete):
        Ear(air[:1200], second := out.with_name("second")).listen.run()
    other = write(path.parent, "other.unrep", tiny_bundle(Shape(full_bytes=2_500_000, delta_bytes={"old": 60_000}), 2))
    with pytest.raises(Incomplete):
        Ear(from_shore(on_air(other)[:1200]), out.with_name("third")).listen.run()
    symbols_path(second).write_bytes(symbols_path(out.with_name("third")).read_bytes())
    ear = Ear(air, second)
    assert ear.listen.run().blocks_anew == 0 and is_whole(second), "the symbols of another bundle are none of ours"


def test_places_of_dropped_symbols_are_used_again(tmp_path: Path) -> None:
    """[T-128]"""
    path = tmp_path / "f.symbols.part"
    with SymbolStore(path, NAME) as store:
        for number in range(20):
            store.add(1 + number // 10, number, bytes([number]) * 1368)
        store.drop(1)
        assert not store.has(1, 3) and not list(store.symbols(1)) and store.has(2, 13)
        for number in range(10):
            store.add(3, number, bytes([99]) * 64)
    assert path.stat().st_size == 16 + 20 * RECORD_BYTES
    with SymbolStore(path, NAME) as store:
        store.recall(lambda block, symbol, length: (block, symbol) != (2, 15))
        assert sorted(store.ids(2)) == [*range(10, 15), *range(16, 20)] and not store.ids(1)
        assert dict(store.symbols(3)) == {number: bytes([99]) * 64 for number in range(10)}


def test_a_part_at_the_output_makes_its_bundle_known(path: Path, out: Path) -> None:
    """[T-127]: no header has to come again."""
    air = on_air(path, rounds=2)
    with pytest.raises(Incomplete):
        Ear(from_shore(air[:300]), out, timeout_s=1.0).listen.run()
    headless = [datagram for datagram in air[300:] if read_datagram(datagram).block]
    assert Ear(from_shore(headless), out).listen.run().complete and is_whole(out)


def test_the_rest_comes_by_fetch_and_only_that(path: Path, tmp_path: Path, out: Path) -> None:
    """[T-132]: pieces whose own bytes came are kept, though no block was complete."""
    with pytest.raises(Incomplete):
        Ear(lossy(on_air(path), 0.01, seed=5), out, timeout_s=1.0).listen.run()
    kept = assert_nothing_wrong(out)
    assert kept > 0.6 * len(BUNDLE.data) and symbols_path(out).exists()
    received = fetch_rest(path, out)
    assert is_whole(out) and received <= len(BUNDLE.data) - kept + 4096 + len(BUNDLE.header)


def test_a_part_under_another_block_of_signatures_is_gone_on_with(path: Path, out: Path) -> None:
    """[T-133], [T-127]: the header that stands there stays, and what is heard goes to its place behind that."""
    padded = BUNDLE.signed_also(20)
    half = len(padded.data) // 2
    partial_path(out).write_bytes(padded.data[:half] + bytes(len(padded.data) - half))
    heard = Ear(from_shore(on_air(path, rounds=2)), out).listen.run()
    assert is_whole(out, padded) and heard.bytes_resumed > 1_000_000


def test_what_was_fetched_need_not_be_heard(path: Path, out: Path) -> None:
    """[T-128]: a file with damage in one place needs about that much off the air."""
    holed = bytearray(BUNDLE.data)
    holed[1_500_000:1_600_000] = bytes(100_000)
    out.write_bytes(holed)
    heard = Ear(from_shore(on_air(path, rounds=2, first_lap=20)), out).listen.run()
    assert is_whole(out) and heard.bytes_resumed > 2_400_000 and heard.bytes_received < 0.25 * len(BUNDLE.data)


def test_noise_never_becomes_a_byte(path: Path, out: Path) -> None:
    """[T-120], [T-127], [T-128]: other ids, lengths, blocks and sizes, whole and torn, ten for each good datagram."""
    random = Random(6)
    block = BLOCKS[1]

    def noise() -> bytes:
        kind = random.randrange(7)
        if kind == 0:
            return random.randbytes(random.randrange(1500))
        if kind == 1:
            return lie(block, random.randrange(1 << 24), random.randbytes(8))
        if kind == 2:
            return Datagram(NAME, block.number, block.length + 1, 3, bytes(block.symbol_bytes)).pack()
        if kind == 3:
            return Datagram(NAME, block.number, block.length, 3, bytes(block.symbol_bytes - 8)).pack()
        if kind == 4:
            return Datagram(NAME, 4_000_000_000, block.length, 3, bytes(block.symbol_bytes)).pack()
        if kind == 5:
            return Datagram(random.randbytes(8), 0, random.choice([1, 10**5, 2**32 - 1]), 3, bytes(1368)).pack()
        return random.choice(air)[: random.randrange(1397)]

    air = on_air(path, rounds=1.2)
    mixed = ((datagram, LIAR) for good in air for datagram in (good, *(noise() for _ in range(10))))
    ear = Ear(mixed, out)
    heard = ear.listen.run()
    assert is_whole(out) and heard.blocks_anew == 0


@pytest.mark.parametrize("share", [0.002, 0.05, 1.0])
def test_a_liar_is_found_out(path: Path, out: Path, share: float) -> None:
    """[T-129], [T-130]: symbols made up by another sender spoil blocks, which are said and collected anew from one."""
    print("seed 8")
    random = Random(8)

    def air() -> list[tuple[bytes, tuple[str, int]]]:
        mixed = []
        for number, good in enumerate(on_air(path, rounds=4)):
            mixed.append((good, SHORE))
            if random.random() < share:
                mixed.append((lie(random.choice(BLOCKS), 5000 + number), LIAR))
        return mixed

    ear = Ear(air(), out)
    heard = ear.listen.run()
    assert is_whole(out) and heard.blocks_anew >= 1
    assert "not what was signed" in ear.said[1] and len(ear.said) <= 1 + len(BLOCKS)


def test_a_liar_at_the_sender_s_own_address_only_delays(path: Path, out: Path) -> None:
    """[T-130]: what it spoils is not complete, what it leaves alone is, and the rest comes by a fetch."""
    air = [(good, SHORE) for good in on_air(path, rounds=2)]
    spoilt = [pair for number, pair in enumerate(air) for pair in (pair, (lie(BLOCKS[1], 5000 + number), SHORE))]
    ear = Ear(spoilt, out, timeout_s=1.0)
    with pytest.raises(Incomplete):
        ear.listen.run()
    assert ear.listen.figures().blocks_anew >= 2
    there = assert_nothing_wrong(out)
    assert there >= sum(block.length for block in BLOCKS if block != BLOCKS[1])
    fetch_rest(path, out)
    assert is_whole(out)


def test_what_waits_is_bounded(path: Path, out: Path) -> None:
    """[T-127], [T-128]: a flood of symbols for a block that cannot be verified yet, and of headers."""
    body = BLOCKS[2]
    header = [d for d in on_air(path) if read_datagram(d).block == 0][:1]
    flood = [lie(body, number) for number in range(5 * body.symbols)]
    with pytest.raises(Incomplete):
        Ear(from_shore(header + flood), out, timeout_s=1.0).listen.run()
    assert symbols_path(out).stat().st_size <= 16 + (body.symbols + 8) * RECORD_BYTES
    headers = Headers()
    for number in range(1000):
        datagram = Datagram(number.to_bytes(8, "big"), 0, 300_000, 1, bytes(header_block(300_000).symbol_bytes))
        assert headers.take(datagram, LIAR) is None
    assert len(headers._candidates) == MAX_CANDIDATES
    for bad in (
        Datagram(NAME, 0, 327_695, 1, bytes(header_block(327_695).symbol_bytes)),  # longer than any header
        Datagram(NAME, 0, 700, 1, bytes(64)),  # the codec would panic
        Datagram(NAME, 0, 700, 1, bytes(1368)),
        Datagram(NAME, 1, 700, 1, bytes(704)),
    ):
        assert (fresh := Headers()).take(bad, LIAR) is None and not fresh._candidates


def test_a_long_header_comes_in_parts(path: Path) -> None:
    """[T-127]: though a liar speaks in between."""
    header = Random(9).randbytes(20_000)
    block, name = header_block(len(header)), bundle_id(header)
    symbols = Fountain(header, block.symbol_bytes).symbols(0, 40)
    headers, found = Headers(), None
    for number, data in enumerate(symbols):
        assert headers.take(Datagram(name, 0, len(header), 9000 + number, bytes(block.symbol_bytes)), LIAR) is None
        found = found or headers.take(Datagram(name, 0, len(header), number, data), SHORE)
    assert found == header
    assert headers.take(Datagram(name, 0, len(header), 1, symbols[1][:-8]), SHORE) is None


def test_an_interrupt_keeps_what_is_verified(path: Path, out: Path) -> None:
    """[T-132]"""

    def air() -> object:
        yield from from_shore(on_air(path)[:1000])
        raise KeyboardInterrupt

    ear = Ear(air(), out)  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        ear.listen.run()
    assert assert_nothing_wrong(out) > 0 and ear.listen.figures().bytes_verified > 0


def test_progress_counts_to_the_end_and_no_further(path: Path, out: Path) -> None:
    """Also when a block was collected anew."""

    class Counting(Quiet):
        total = done = 0

        def start(self, label: str, total: int, unit: str) -> None:
            self.total, self.done = total, 0

        def advance(self, amount: int) -> None:
            self.done += amount

    ear, counting = Ear([], out), Counting()
    ear.listen._progress = counting
    good = list(from_shore(on_air(path, rounds=3)))
    ear._arrivals = iter([good[0], *((lie(BLOCKS[1], 9000 + n), LIAR) for n in range(40)), *good])
    assert ear.listen.run().blocks_anew >= 1
    assert counting.done == counting.total == len(BUNDLE.data) - len(BUNDLE.header)
