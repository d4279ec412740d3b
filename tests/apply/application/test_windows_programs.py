"""Services of Windows, asked by its own sc.exe."""

import os
from pathlib import Path

import pytest

from apply.application.checks import check_once
from apply.application.windows_programs import service_state
from apply.errors import StepFailed
from apply.site.health_checks import WindowsServiceCheck
from apply.site.layout import StepContext
from tests.support.sites.site import PATIENCE_S

pytestmark = pytest.mark.skipif(os.name != "nt", reason="services of Windows")
ALWAYS_RUNNING = "PlugPlay"


@pytest.fixture
def context(tmp_path: Path) -> StepContext:
    return StepContext(tmp_path, "1.0.1", tmp_path)


def test_a_service_that_runs(context: StepContext) -> None:
    """[A-21]"""
    assert service_state(ALWAYS_RUNNING, context, step="health", timeout_s=PATIENCE_S) == "RUNNING"
    result = check_once(WindowsServiceCheck(name=ALWAYS_RUNNING, timeout_s=20), context)
    assert (result.passed, result.detail) == (True, "is RUNNING")


def test_a_service_that_is_not_there(context: StepContext) -> None:
    """[A-21]"""
    with pytest.raises(StepFailed, match="health: "):
        service_state("no-such-service", context, step="health", timeout_s=PATIENCE_S)
    assert not check_once(WindowsServiceCheck(name="no-such-service", timeout_s=20), context).passed
