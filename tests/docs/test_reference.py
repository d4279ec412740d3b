"""The reference is made from the code: nothing is missing in it, and where code and words disagree, the build stops."""

import click
import pytest

from apply.site.config import SiteConfig
from docs.generator import configuration
from docs.generator.answers import answering, exit_codes_page, json_page
from docs.generator.commands import all_commands, commands_page
from docs.generator.configuration import Undocumented, configuration_page, keys
from docs.generator.floors import picture, read_house, rooms_table
from docs.generator.pages import decisions_page, linked, requirements, with_wide_lists
from tests.support.repository import REPOSITORY
from unrep.cli import COMMANDS
from unrep.terminal.exit_codes import ExitCode


def test_every_command_and_option_stands_there() -> None:
    page = commands_page()
    found = all_commands()
    assert {name.split()[1] for name, _ in found} == set(COMMANDS)
    for name, command in found:
        assert f"## `{name}`" in page
        for option in (p for p in command.params if isinstance(p, click.Option) and not p.hidden):
            assert option.opts[0] in page


def test_examples_of_a_command_stand_there(monkeypatch: pytest.MonkeyPatch) -> None:
    _, command = all_commands()[0]
    monkeypatch.setattr(command, "examples", ("unrep keygen --out made-up",), raising=False)
    assert "$ unrep keygen --out made-up" in commands_page()


def test_every_key_stands_there() -> None:
    page = configuration_page()
    tables = set(SiteConfig.__struct_fields__) - {"product", "health"}
    assert all(f"[{name}]" in page for name in tables)
    assert all(f"| `{key.rpartition('.')[2]}` |" in page for key in keys())
    assert len(keys()) > 40
    assert "| `poll_interval_s` | Seconds between two rounds. | number, at least 0.1, at most 86,400 | `900` |" in page


def test_a_key_without_meaning_stops_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configuration, "keys", lambda: [*keys(), "agent.new"])
    with pytest.raises(Undocumented, match=r"agent\.new"):
        configuration_page()


def test_every_exit_code_stands_there() -> None:
    assert all(f"| {int(code)} |" in exit_codes_page() for code in ExitCode)


def test_every_command_with_json_stands_there() -> None:
    assert len(answering()) > 20
    assert all(f"`{name}`" in json_page() for name, _ in answering())


def test_every_room_is_drawn() -> None:
    house, drawn, listed = read_house(), picture(), rooms_table()
    for package, floors in house.floors.items():
        for room in (room for floor in floors for room in floor):
            assert f">{room}</text>" in drawn and f"`{package}/{room}`" in listed
    assert set(house.floors) == {"unrep", "fleet", "repository", "transfer", "apply", "bundle"}


def test_every_decision_is_listed() -> None:
    names = [path.name for path in (REPOSITORY / "spec" / "decisions").glob("[0-9]*.md")]
    assert len(names) > 10 and all(f"({name})" in decisions_page() for name in names)


def test_links_of_the_repository_become_links_of_the_site() -> None:
    text = "[a](../../spec/trust.md#x) [b](../tutorial.md) [c](../../apply/update.py) `[A-1]` [A-1]"
    place = requirements()["A-1"]
    assert linked(text, "howto/keys.md") == (
        f"[a](../specification/trust.md#x) [b](../tutorial.md) c `[A-1]` [\\[A-1\\]](../{place}#a-1)"
    )


def test_a_link_to_nothing_stays_for_the_build_to_refuse() -> None:
    assert linked("[a](nothing.md)", "tutorial.md") == "[a](nothing.md)"


def test_lists_are_read_as_on_github() -> None:
    text = "Text.\n- one\n  goes on\n- two\n\n  belongs to two\n- three\n\nText."
    wide = "Text.\n\n- one\n    goes on\n- two\n\n    belongs to two\n\n- three\n\nText."
    assert with_wide_lists(text) == wide
