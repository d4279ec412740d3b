"""What opens an encrypted bundle away from a site."""

from pathlib import Path

import pytest

from bundle.recipients.ship_key import write_ship_key_pair
from bundle.recipients.ticket import TicketFile
from unrep.errors import UsageRefused
from unrep.terminal.options.unlocking import unlock_with


def test_a_ticket_needs_a_key(tmp_path: Path) -> None:
    assert unlock_with(tmp_path / "b", None, None) is None
    with pytest.raises(UsageRefused, match="--ticket"):
        unlock_with(tmp_path / "b", None, tmp_path / "t")
    write_ship_key_pair(tmp_path / "ship")
    assert isinstance(unlock_with(tmp_path / "b", tmp_path / "ship.key", None), TicketFile)
