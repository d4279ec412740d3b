"""Which recipes of a section can run here, and what they use: bundle.read.steps."""

import pytest

from bundle.archives.engines import ISAL_FEATURE, ZLIB_FEATURE
from bundle.errors import Malformed
from bundle.format.index import Archive, Copy, Index, Literal, Patch, Step, encode_frame
from bundle.format.nesting import Nesting
from bundle.read.steps import SectionSteps, decode_steps

BOTH = frozenset({ZLIB_FEATURE, ISAL_FEATURE})
# A base of its manifest (0) and three entries, of which the third is opened: it gives 4 to 6, of which 6 is a stream.
# Results begin at 7.
OPENED = [3, 3]
STEPS = [
    Step(Patch(0, 1), 0),
    Step(Patch(1, 1), 1),
    Step(Literal(), None, 10),
    Step(Archive(4, (5, 9, 6), (6, 51, 60)), 2),
    Step(Copy(10, 0), 3),
    Step(Copy(2, 0), 4),
]


def decoded(*frames: list[Step], engines: frozenset[str] = BOTH, lost: tuple[int, ...] = ()) -> SectionSteps:
    index = Index(7, OPENED, [encode_frame(list(steps), [], Nesting(4, OPENED).is_stream) for steps in frames])
    return decode_steps(index, Nesting(4, OPENED), engines, lost)


def test_with_everything_at_hand_all_is_made() -> None:
    steps = decoded(STEPS)
    assert steps.places == {0, 1, 2, 3, 4} and steps.made == {1, 2, 3, 4}
    assert steps.unavailable == [set()]
    assert steps.base_places() == {1, 2, 3}
    assert steps.reused == [{9, 10}]


def test_what_is_made_from_a_result_that_cannot_be_had_cannot_be_had() -> None:
    """[F-62]"""
    assert decoded(STEPS, lost=(1,)).made == {2, 3, 4}
    without_an_engine, lost_archive = decoded(STEPS, engines=frozenset({ZLIB_FEATURE})), decoded(STEPS, lost=(3,))
    for steps in (without_an_engine, lost_archive):
        assert steps.made == {1, 4} and steps.unavailable == [{10, 11}]
        assert steps.base_places() == {1, 2}, "an archive that no recipe can use is not opened"


def test_an_archive_closes_after_its_last_use() -> None:
    """[F-64]: steps are counted through all frames."""
    assert decoded(STEPS).closing == {3: [0]}
    again = decoded(STEPS, [Step(Patch(5, 1), 5)])
    assert again.firsts == [0, 6, 7] and again.closing == {6: [0]}
    assert again.frames_making({5}) == [1] and again.frames_making({1, 5}) == [0, 1] and not again.frames_making({9})


@pytest.mark.parametrize("frames", [[], [[]], [[Step(Literal(), 1)]], [[Step(Literal(), None, 1), Step(Literal(), 0)]]])
def test_the_manifest_comes_first(frames: list[list[Step]]) -> None:
    """[F-31]"""
    with pytest.raises(Malformed, match="its first recipe does not make the tree manifest"):
        decoded(*frames)


def test_a_manifest_that_cannot_be_made_is_refused() -> None:
    with pytest.raises(Malformed, match="first recipe"):
        decoded([Step(Patch(1, 1), 0)], lost=(1,))


def test_another_base_is_refused() -> None:
    with pytest.raises(Malformed, match="another number of objects"):
        decode_steps(Index(8, OPENED, []), Nesting(4, OPENED), BOTH, ())
