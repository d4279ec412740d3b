"""What an agent must be told before it starts."""

import json
from pathlib import Path

import pytest

from apply.errors import ConfigError
from tests.support.sites.site import Ship, shore
from unrep.agent.settings import read_settings

TRUST = "trust = SENDER"


def configure(ship: Ship, agent: str) -> None:
    ship.configure(f"[agent]\n{agent}\n".replace("SENDER", json.dumps(str(shore().trust_file))))


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (TRUST, "'agent.sources' is missing"),
        ("sources = ['x']", "'agent.trust' is missing"),
        (f"sources = ['x']\n{TRUST}", "'product' is missing"),
        (f"sources = ['x']\n{TRUST}\nauth_file = 'nothing here'", "nothing here"),
    ],
)
def test_what_a_person_must_correct(agent: str, words: str, tmp_path: Path) -> None:
    """[A-91]"""
    ship = Ship.sailing(tmp_path, "1.0.0") if "auth_file" in agent else Ship(tmp_path)
    configure(ship, agent)
    with pytest.raises(ConfigError, match=words):
        read_settings(ship.site, None)


def test_sources_beside_the_site_and_elsewhere(tmp_path: Path) -> None:
    ship = Ship.sailing(tmp_path, "1.0.0")
    configure(ship, f"sources = ['stick', 'https://example.com/latest']\n{TRUST}\nlimit_bytes_per_s = 8000")
    settings = read_settings(ship.site, None)
    assert settings.sources == (str(ship.root / "stick"), "https://example.com/latest")
    assert settings.transfer().limit_bytes_per_s == 8000
