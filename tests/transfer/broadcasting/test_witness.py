"""Whom to believe about a block: anybody at first, one sender at a time once it was wrong."""

from transfer.broadcasting.headers import Sender
from transfer.broadcasting.witness import Judged, Witness

SHORE: Sender = ("10.0.0.1", 4000)
NOISE: Sender = ("10.0.0.66", 4000)


def test_at_first_anybody_is_heard() -> None:
    """[T-130]"""
    witness = Witness()
    assert witness.hear(1, SHORE) == witness.hear(1, NOISE) == Judged(True)


def test_a_block_that_was_wrong_is_collected_from_one_sender() -> None:
    """[T-130]: of the same standing, whoever speaks first; other blocks are no matter."""
    witness = Witness()
    witness.refute(1)
    assert witness.hear(1, NOISE) == Judged(True) and witness.hear(1, SHORE) == Judged(False)
    assert witness.hear(2, SHORE) == witness.hear(2, NOISE) == Judged(True)


def test_who_was_wrong_less_often_takes_over() -> None:
    """[T-130]: what the other said of the block counts no more."""
    witness = Witness()
    witness.refute(1)
    witness.hear(1, NOISE)
    witness.refute(1)  # the noise was believed, and was wrong
    assert witness.hear(1, NOISE) == Judged(True)
    assert witness.hear(1, SHORE) == Judged(True, begins_anew=True)
    assert witness.hear(1, NOISE) == Judged(False) and witness.hear(1, SHORE) == Judged(True)


def test_a_block_that_is_there_is_forgotten() -> None:
    """[T-130]"""
    witness = Witness()
    witness.refute(1)
    witness.hear(1, NOISE)
    witness.close(1)
    assert witness.hear(1, SHORE) == Judged(True)
