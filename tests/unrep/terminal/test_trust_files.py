"""Days and times of trust roots, and files that are none."""

from datetime import datetime
from pathlib import Path

import pytest

from bundle.errors import InputError
from unrep.terminal.trust_files import now_s, read_trust_file, seconds_of


def test_a_day_in_seconds() -> None:
    assert seconds_of(None) == 0
    assert seconds_of(datetime(1970, 1, 2)) == 86_400
    for day in (datetime(1970, 1, 1), datetime(1969, 12, 31)):
        with pytest.raises(InputError, match="before anything could expire"):
            seconds_of(day)


def test_the_time_can_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert now_s() == 1_700_000_000
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    assert now_s() > 1_700_000_000


def test_a_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"no trust")
    with pytest.raises(InputError, match="name a file that 'unrep trust' has made"):
        read_trust_file(tmp_path / "x")
