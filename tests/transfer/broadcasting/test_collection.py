"""From symbols to verified pieces: one block after the other, whatever order and whoever sends."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bundle.host.progress import Quiet
from tests.support.contents.tiny_bundle import Shape, tiny_bundle
from tests.support.links.broadcast_medium import SHORE, StoppedClock
from transfer.broadcasting.block import section_blocks
from transfer.broadcasting.collection import Collection
from transfer.broadcasting.datagram import Datagram, bundle_id
from transfer.broadcasting.fountain import Fountain
from transfer.broadcasting.symbols import SymbolStore
from transfer.disk.partial import Partial
from transfer.plan import FetchPlan

pytest.importorskip("raptorq", reason="the extra unrep[broadcast] is not installed: no broadcast is tested")

BUNDLE = tiny_bundle(Shape(full_bytes=60_000))
BLOCKS = [block for _, block in section_blocks(BUNDLE.verified)]
NAME = bundle_id(BUNDLE.header)


@contextmanager
def collection(directory: Path, said: list[str] | None = None) -> Iterator[Collection]:
    path, lines = directory / "out.part", [] if said is None else said
    with (
        Partial(path, BUNDLE.header, len(BUNDLE.data), StoppedClock(), 0.1) as partial,
        SymbolStore(directory / "symbols", NAME) as store,
    ):
        plan = FetchPlan.of(BUNDLE.verified, BUNDLE.root.sections, fresh=partial.is_new)
        plan.examine(partial.read)
        yield Collection(plan, BLOCKS, partial, store, Quiet(), lines.append)


def datagrams(first: int, count: int, flip: bool = False) -> Iterator[Datagram]:
    (block,) = BLOCKS
    fountain = Fountain(BUNDLE.data[block.offset : block.end], block.symbol_bytes)
    for number, data in enumerate(fountain.symbols(first, count), first):
        yield Datagram(NAME, block.number, block.length, number, bytes([data[0] ^ 1]) + data[1:] if flip else data)


def test_any_symbols_make_the_block(tmp_path: Path) -> None:
    """[T-128], [T-129]: once there are as many as the block has, or few more."""
    with collection(tmp_path) as found:
        for datagram in datagrams(1000, BLOCKS[0].symbols + 8):
            found.take(datagram, SHORE)
        assert found.is_complete and found.blocks_anew == 0
    assert (tmp_path / "out.part").read_bytes() == BUNDLE.data


def test_symbols_outlive_the_process(tmp_path: Path) -> None:
    """[T-131]"""
    half = BLOCKS[0].symbols // 2
    with collection(tmp_path) as found:
        for datagram in datagrams(0, half):
            found.take(datagram, SHORE)
    with collection(tmp_path) as again:
        for datagram in datagrams(half, BLOCKS[0].symbols - half):
            again.take(datagram, SHORE)
        assert again.is_complete


def test_a_wrong_symbol_costs_the_block_and_no_wrong_byte(tmp_path: Path) -> None:
    """[T-130], [T-129]"""
    said: list[str] = []
    with collection(tmp_path, said) as found:
        for datagram in [*datagrams(2000, 1, flip=True), *datagrams(0, BLOCKS[0].symbols)]:
            found.take(datagram, SHORE)
        assert found.blocks_anew == 1 and not found.is_complete and "is not what was signed" in said[0]
        for datagram in datagrams(0, BLOCKS[0].symbols + 1):
            found.take(datagram, SHORE)
        assert found.is_complete
    assert (tmp_path / "out.part").read_bytes() == BUNDLE.data


def test_without_the_rest_what_is_whole_is_kept(tmp_path: Path) -> None:
    """[T-132]"""
    with collection(tmp_path) as found:
        for datagram in datagrams(0, BLOCKS[0].symbols - 3):
            found.take(datagram, SHORE)
        found.salvage()
        assert not found.is_complete
    kept = (tmp_path / "out.part").read_bytes()
    assert kept[:40_000] == BUNDLE.data[:40_000] and kept != BUNDLE.data
