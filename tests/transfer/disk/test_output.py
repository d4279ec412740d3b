"""What stands at an output before a fetch, and what becomes of it."""

from pathlib import Path

import pytest

from tests.support.contents.tiny_bundle import TRUST, Shape, TinyBundle, tiny_bundle
from tests.support.links.simulated_link import VirtualClock
from transfer.disk.output import inspect_output
from transfer.disk.partial import partial_path
from transfer.errors import OutputRefused

BUNDLE = tiny_bundle(Shape(full_bytes=20_000))
NEWER = tiny_bundle(Shape(full_bytes=20_000, seq=3), seed=2)
OLDER = tiny_bundle(Shape(full_bytes=20_000, seq=1), seed=3)
ANOTHER = tiny_bundle(Shape(full_bytes=20_000, seq=9, product="radar"), seed=4)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out"


def test_nothing_takes_any_bundle(output: Path) -> None:
    """[T-10]"""
    state = inspect_output(output, TRUST)
    assert state.path == partial_path(output) and state.verified is None and not state.is_finished
    state.check(BUNDLE.verified)
    assert state.header_of(BUNDLE.header, BUNDLE.verified) == (BUNDLE.header, BUNDLE.verified)


def test_the_same_bundle_goes_on_under_the_header_that_is_there(output: Path) -> None:
    """[T-10], [T-133]"""
    output.write_bytes(BUNDLE.data)
    state, offered = inspect_output(output, TRUST), BUNDLE.signed_also(2)
    assert state.is_finished and state.continues(offered.verified)
    header, verified = state.header_of(offered.header, offered.verified)
    assert header == BUNDLE.header and verified.header_bytes == len(BUNDLE.header)


@pytest.mark.parametrize("offered", [NEWER, OLDER, ANOTHER])
def test_a_finished_file_of_another_bundle_is_never_given_up(output: Path, offered: TinyBundle) -> None:
    """[T-10]"""
    output.write_bytes(BUNDLE.data)
    with pytest.raises(OutputRefused, match="is another bundle"):
        inspect_output(output, TRUST).check(offered.verified)


@pytest.mark.parametrize("offered", [OLDER, ANOTHER])
def test_a_part_is_given_up_for_a_bundle_that_replaces_it_alone(output: Path, offered: TinyBundle) -> None:
    """[T-11]"""
    partial_path(output).write_bytes(BUNDLE.data[:10_000])
    state = inspect_output(output, TRUST)
    state.check(NEWER.verified)
    with pytest.raises(OutputRefused, match="holds a part of another bundle"):
        state.check(offered.verified)


@pytest.mark.parametrize(("offered", "is_kept"), [(BUNDLE, True), (NEWER, False)])
def test_opening_keeps_a_part_of_the_same_bundle_and_no_other(output: Path, offered: TinyBundle, is_kept: bool) -> None:
    """[T-9], [T-11]"""
    partial_path(output).write_bytes(BUNDLE.data)
    state = inspect_output(output, TRUST)
    with state.open_partial(offered.header, offered.verified, VirtualClock(), 0.1) as partial:
        assert partial.is_new != is_kept
        assert partial.read(len(offered.header), 5000).strip(b"\0") == (
            BUNDLE.data[len(BUNDLE.header) : len(BUNDLE.header) + 5000] if is_kept else b""
        )
    data = partial_path(output).read_bytes()
    assert data.startswith(offered.header) and len(data) == len(offered.data)


def test_a_torn_part_is_taken_over(output: Path) -> None:
    """[T-11]: its pieces may be there all the same."""
    partial_path(output).write_bytes(bytes(600) + BUNDLE.data[600:])
    state = inspect_output(output, TRUST)
    assert state.verified is None and state.continues(BUNDLE.verified)


def test_what_is_no_part_of_a_bundle_is_left_alone(output: Path) -> None:
    """[T-11]"""
    partial_path(output).write_bytes(b"somebody's notes")
    with pytest.raises(OutputRefused, match="is no partial bundle"):
        inspect_output(output, TRUST)
