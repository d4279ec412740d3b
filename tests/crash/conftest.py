"""The scenes and the workers, once for all tests here."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import pytest

from tests.support.faults.crash_scenes import Scene, Stage
from tests.support.faults.traced_command import pool


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> list[Scene]:
    """All of them."""
    return Stage(tmp_path_factory.mktemp("stage")).scenes()


@pytest.fixture(scope="session")
def workers() -> Iterator[ProcessPoolExecutor]:
    """From which runs are forked."""
    with pool(2) as made:
        yield made
