"""What is asked for: sections for a site, runs of pieces, and what stands there already."""

import time
from random import Random

import pytest

from bundle.errors import Corrupt, NoSection
from tests.support.contents.tiny_bundle import Shape, TinyBundle, tiny_bundle, tree_hash
from transfer.errors import ConsentNeeded
from transfer.plan import FetchPlan, SiteHoldings, choose_sections

TWO_DELTAS = Shape(full_bytes=50_000, delta_bytes={"old": 9_000, "older": 5_000})


def site(*names: str, is_empty: bool = False) -> SiteHoldings:
    return SiteHoldings(tuple(tree_hash(name) for name in names), is_empty)


def chosen(bundle: TinyBundle, holdings: SiteHoldings | None, allow_full: bool = False) -> list[tuple[str, bytes]]:
    return [(section.kind, section.base) for section in choose_sections(bundle.root, holdings, allow_full)]


def test_without_a_site_every_section_is_chosen() -> None:
    """[T-4]"""
    bundle = tiny_bundle(TWO_DELTAS)
    assert choose_sections(bundle.root, None, allow_full=False) == tuple(bundle.root.sections)


@pytest.mark.parametrize(
    ("holdings", "expected"),
    [
        (site("old"), [("delta", tree_hash("old"))]),
        (site("old", "older"), [("delta", tree_hash("older"))]),
        (site("unknown", "old"), [("delta", tree_hash("old"))]),
        (site("old", "1.0.1"), []),
        (site(is_empty=True), [("full", b"")]),
    ],
)
def test_for_a_site_the_section_that_costs_least_is_chosen(
    holdings: SiteHoldings, expected: list[tuple[str, bytes]]
) -> None:
    """[T-5]"""
    assert chosen(tiny_bundle(TWO_DELTAS), holdings) == expected


@pytest.mark.parametrize("holdings", [site("unknown"), site()])
def test_the_full_release_needs_consent_where_something_is_installed(holdings: SiteHoldings) -> None:
    """[T-6]"""
    bundle = tiny_bundle(TWO_DELTAS)
    with pytest.raises(ConsentNeeded) as refusal:
        choose_sections(bundle.root, holdings, allow_full=False)
    message = str(refusal.value)
    assert tree_hash("old").hex()[:12] in message and tree_hash("older").hex()[:12] in message
    assert all(tree.hex()[:12] in message for tree in holdings.trees) and (holdings.trees or "no release" in message)
    assert "50,416 bytes" in message  # 50,000 and the hashes of 13 pieces
    assert chosen(bundle, holdings, allow_full=True) == [("full", b"")]


@pytest.mark.parametrize("allow_full", [False, True])
def test_a_bundle_without_anything_for_the_site_is_refused(allow_full: bool) -> None:
    """[T-5]"""
    bundle = tiny_bundle(Shape(delta_bytes={"old": 100}))
    with pytest.raises(NoSection, match="no full release"):
        choose_sections(bundle.root, site("unknown"), allow_full)


def planned(bundle: TinyBundle, *, fresh: bool) -> FetchPlan:
    """A plan for all of the bundle."""
    return FetchPlan.of(bundle.verified, bundle.root.sections, fresh)


def test_of_a_section_only_what_touches_the_stretches_is_wanted() -> None:
    """[T-41]: beside its tables, which name it."""
    bundle = tiny_bundle(Shape(delta_bytes={"old": 9_000}, full_bytes=4096 * 300))
    delta, full = bundle.root.sections
    plan = FetchPlan(bundle.verified)
    plan.add(delta, fresh=True)
    before = plan.wanted_bytes
    plan.add(full, [(100, 101), (4096 * 7 - 1, 4096 * 9), (4096 * 299, 4096 * 300)], fresh=True)
    tables = sum(piece.length for _, piece in bundle.verified.pieces(full) if piece.level < 2)
    assert plan.wanted_bytes == before + tables + 4096 * 5
    plan.add(full, [(0, 4096)])
    assert plan.wanted_bytes == before + tables + 4096 * 5
    for slot in plan.missing():
        plan.accept(slot, bundle.data[slot.offset : slot.offset + slot.length])
    assert plan.present_bytes == plan.wanted_bytes and not plan.missing()
    indexes = [slot.piece.index for slot in plan.slots if slot.tree is plan.slots[-1].tree and not slot.is_table]
    assert indexes == [0, 6, 7, 8, 299]


def test_a_new_output_is_one_run_for_sections_side_by_side() -> None:
    """[T-7]"""
    bundle = tiny_bundle(TWO_DELTAS)
    plan = planned(bundle, fresh=True)
    run = plan.missing()
    assert run[0].offset == len(bundle.header)
    assert sum(slot.length for slot in run) == plan.wanted_bytes == len(bundle.data) - len(bundle.header)


def test_a_run_can_be_verified_in_the_order_of_the_file_and_ends_the_plan() -> None:
    """[T-8]: with tables of tables, as the body needs more hashes than a piece holds."""
    bundle = tiny_bundle(Shape(full_bytes=4096 * 300))
    plan = planned(bundle, fresh=True)
    run = plan.missing()
    assert sum(slot.is_table for slot in run) == 1 + 3
    for slot in run:
        plan.accept(slot, bundle.data[slot.offset : slot.offset + slot.length])
    assert plan.present_bytes == plan.wanted_bytes and plan.missing() == []


def test_a_wrong_piece_is_not_accepted_and_stays_missing() -> None:
    """[T-8]"""
    bundle = tiny_bundle(Shape(full_bytes=9_000))
    plan = planned(bundle, fresh=True)
    slot = plan.missing()[0]
    with pytest.raises(Corrupt):
        plan.accept(slot, bytes(slot.length))
    with pytest.raises(Corrupt):
        plan.accept(slot, bundle.data[slot.offset : slot.offset + slot.length - 1])
    assert plan.present_bytes == 0 and plan.missing()[0] == slot


def test_pieces_under_a_missing_table_are_looked_at_again_when_it_is_there() -> None:
    """[T-9]"""
    bundle = tiny_bundle(Shape(full_bytes=40_000))
    (section,) = bundle.root.sections
    table = next(bundle.verified.pieces(section))
    damaged = bytearray(bundle.data)
    damaged[table[0]] ^= 1
    plan = planned(bundle, fresh=False)

    def read(offset: int, length: int) -> bytes:
        return bytes(damaged[offset : offset + length])

    assert plan.examine(read) == 0
    (slot,) = plan.missing()
    assert slot.is_table
    plan.accept(slot, bundle.data[slot.offset : slot.offset + slot.length])
    assert plan.examine(read) == 40_000
    assert plan.missing() == []


def test_a_delta_from_what_is_left_is_chosen_where_no_other_is() -> None:
    """[T-40]: the files are hashed for it, so only then is it asked for."""
    bundle = tiny_bundle(TWO_DELTAS)
    asked = []

    def left() -> list[bytes]:
        asked.append(True)
        return [tree_hash("old")]

    assert chosen(bundle, SiteHoldings((tree_hash("older"),), False, left)) == [("delta", tree_hash("older"))]
    assert chosen(bundle, SiteHoldings((), True, left)) == [("full", b"")] and not asked
    assert chosen(bundle, SiteHoldings((tree_hash("damaged"),), False, left)) == [("delta", tree_hash("old"))]


def test_stretches_without_number_cost_no_time() -> None:
    """[T-41], [T-137]: whatever they are, as one by one; a damaged site may make very many."""
    bundle = tiny_bundle(Shape(full_bytes=3_000_000))
    (full,) = bundle.root.sections
    random, size = Random(5), bundle.root.piece_size
    stretches = [(at := random.randrange(2_000_000), at + random.randrange(1, 900)) for _ in range(200)]
    plan = FetchPlan(bundle.verified)
    plan.add(full, stretches, fresh=True)
    wanted = {slot.piece.index for slot in plan.slots if not slot.is_table}
    assert wanted == {at // size for start, end in stretches for at in range(start, end)}
    began = time.process_time()
    FetchPlan(bundle.verified).add(full, [(at, at + 1) for at in range(6_000_000, 3_000_000, -15)], fresh=True)
    assert time.process_time() - began < 3
