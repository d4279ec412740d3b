"""Lines of keys, for messages."""

from pathlib import Path

import pytest

from apply.errors import ConfigError
from apply.site.config import load
from apply.site.toml_lines import line_of

TEXT = """product = "vms"
[switch] # how
restart = ["a"]

[prepare]
python_wheels = { python = "python3" }
"command" = ["x"]

[[health]]
type = "tcp"

[[ health ]]
  type = "http"
  url = "http://a"
  [prepare.other]
limits.command_timeout_s = 3
"""


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("product", 1),
        ("switch", 2),
        ("switch.restart", 3),
        ("prepare.python_wheels.python", 6),
        ("prepare.command", 7),
        ("health[0].port", 9),
        ("health[0].type", 10),
        ("health[1].url", 14),
        ("health[1].port", 12),
        ("health[2]", 0),
        ("prepare.other.limits.command_timeout_s", 16),
        ("agent.trust", 0),
        ("", 0),
    ],
)
def test_the_line_of_a_key_or_of_what_holds_it(key: str, line: int) -> None:
    assert line_of(TEXT, key) == line
    assert line_of(TEXT.replace("\n", "\r\n"), key) == line


def test_a_configuration_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "unrep.toml"
    path.write_text("# ours\n\n[switch]\nrestart = 'x'\n")
    with pytest.raises(ConfigError, match=r"unrep\.toml: line 4: 'switch\.restart'"):
        load(path)
    path.write_text("[switch]\nrestart = ['x']\n")
    assert load(path).place_of("switch.restart") == f"{path}: line 2"
    assert load(path).place_of("hooks.restore") == str(path)
