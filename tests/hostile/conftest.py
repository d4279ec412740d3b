"""The site that bad bundles are brought to: made once for a file of tests, copied for each."""

from pathlib import Path

import pytest

from tests.support.sites.attacked_site import Besieged


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Besieged:
    return Besieged.made(tmp_path_factory.mktemp("pattern"))


@pytest.fixture
def site(pattern: Besieged, tmp_path: Path) -> Besieged:
    return pattern.copied(tmp_path)
