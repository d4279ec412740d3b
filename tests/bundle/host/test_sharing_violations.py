"""Files that another program of Windows holds open for a moment: bundle.host.sharing_violations."""

from pathlib import Path

import pytest

from bundle.host import sharing_violations
from bundle.host.sharing_violations import retry_on_sharing_violation

PLACE = Path("held.txt")


class Held:
    """An action that fails `times` times with an error of Windows."""

    def __init__(self, times: int, winerror: int) -> None:
        self.times, self.winerror, self.calls = times, winerror, 0

    def __call__(self, path: Path) -> None:
        assert path == PLACE
        self.calls += 1
        if self.calls <= self.times:
            error = OSError("held")
            error.winerror = self.winerror  # type: ignore[attr-defined,unused-ignore]
            raise error


@pytest.mark.parametrize("winerror", [5, 32, 33, 145])
def test_it_is_tried_until_it_works(winerror: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    held = Held(9, winerror)
    retry_on_sharing_violation(held, PLACE)
    assert held.calls == 10
    assert pauses[0] < 0.05 and max(pauses) <= 0.5 and pauses == sorted(pauses)


def test_it_gives_up_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing_violations, "_RETRY_FOR_S", 0.03)
    held = Held(10**6, 32)
    with pytest.raises(OSError, match="held"):
        retry_on_sharing_violation(held, PLACE)
    assert held.calls > 1


def test_any_other_error_is_raised_at_once() -> None:
    held = Held(1, 1117)
    with pytest.raises(OSError, match="held"):
        retry_on_sharing_violation(held, PLACE)
    assert held.calls == 1
