"""A clock that only a test moves, and a link on which nothing happens by itself."""

import pytest

from tests.support.links.recording_link import RecordingLink
from tests.support.links.simulated_link import VirtualClock


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def link() -> RecordingLink:
    return RecordingLink()
