"""For which product a site is, and that no other comes in, first installs above all. spec/apply.md, [A-91] [A-92]."""

import json
from pathlib import Path

import pytest

from tests.support.observers.command import run
from tests.support.sites.agent_days import Days, sail
from tests.support.sites.site import Ship, shore

MINE, OTHER = ("1.0.0", 1), ("1.0.1", 9)


def mine() -> Path:
    return shore().bundle(*MINE)


def another() -> Path:
    """A release of another product by the same key."""
    return shore().bundle(*OTHER, product="pms")


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    return Ship(tmp_path)


def pin(ship: Ship, product: str = "vms") -> None:
    """Writes the key above all tables."""
    path = ship.root / "unrep.toml"
    path.write_text(f'product = "{product}"\n' + path.read_text())


def apply(ship: Ship, bundle: Path, *more: object) -> tuple[int, str, str]:
    return run("apply", bundle, "--site", ship.root, "--trust", shore().trust_file, *more)


def fetch(ship: Ship, bundle: Path, *more: object) -> tuple[int, str, str]:
    return run("fetch", bundle, "--site", ship.root, "--trust", shore().trust_file, "--out", ship.app / "got", *more)


class TestApply:
    """[A-91]"""

    @pytest.mark.parametrize("by_option", [False, True], ids=["unrep.toml", "--product"])
    def test_another_product_is_refused_at_a_first_install(self, ship: Ship, by_option: bool) -> None:
        option: tuple[object, ...] = ("--product", "vms") if by_option else ()
        if not by_option:
            pin(ship)
        before = ship.seen("unrep.toml")
        for more in ((), ("--dry-run",)):
            code, _, err = apply(ship, another(), *option, *more)
            assert code == 3 and "brings product 'pms'; this site is for 'vms' alone" in err, err
        assert (ship.seen("unrep.toml"), ship.state.product, ship.current) == (before, "", "")
        code, _, err = apply(ship, mine(), *option)
        assert code == 0 and "from now on" not in err, err

    def test_without_a_word_the_first_release_decides_and_that_is_said(self, ship: Ship) -> None:
        code, out, _ = apply(ship, mine(), "--json")
        assert code == 0 and "from now on this site takes product 'vms' alone" in json.loads(out)["reason"]
        assert "from now on" not in apply(ship, shore().bundle("1.0.1", 2, "1.0.0"))[2]
        code, _, err = apply(ship, another())
        assert code == 3 and "'pms'; this site has 'vms'" in err

    @pytest.mark.parametrize("answer", [True, False])
    def test_a_person_at_a_terminal_is_asked_once(
        self, ship: Ship, monkeypatch: pytest.MonkeyPatch, answer: bool
    ) -> None:
        asked: list[str] = []

        def answered(text: str, **_: object) -> bool:
            asked.append(text)
            return answer

        monkeypatch.setattr("unrep.terminal.options.product.is_terminal", lambda: True)
        monkeypatch.setattr("click.confirm", answered)
        before = ship.seen()
        code, _, err = apply(ship, mine())
        assert len(asked) == 1 and "takes product 'vms' alone; begin with vms 1.0.0 (seq 1)?" in asked[0]
        if answer:
            assert code == 0 and apply(ship, mine())[0] == 0 and len(asked) == 1
        else:
            assert code == 2 and "nothing was changed; name with --product" in err and ship.seen() == before

    @pytest.mark.parametrize("more", [("--product", "vms"), ("--json",), ("--dry-run",)], ids=lambda more: more[0])
    def test_nobody_is_asked_who_has_said_it_or_is_no_person(
        self, ship: Ship, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...]
    ) -> None:
        monkeypatch.setattr("unrep.terminal.options.product.is_terminal", lambda: True)
        monkeypatch.setattr("click.confirm", lambda *_, **__: pytest.fail("somebody was asked"))
        assert apply(ship, mine(), *more)[0] == 0

    def test_two_words_that_differ(self, ship: Ship) -> None:
        pin(ship)
        code, _, err = apply(ship, mine(), "--product", "pms")
        assert code == 2 and "--product 'pms': the site's configuration says 'vms'" in err
        code, _, err = apply(ship, mine(), "--product", "p/q")
        assert code == 2 and "product 'p/q': use 1 to 64 letters" in err
        ship.configure(extra='product = "vms"\n')
        code, _, err = apply(ship, mine())
        assert code == 2 and "unknown key 'health_window.product'" in err and "stands above all tables" in err
        pin(Ship(ship.root.parent), "p q")
        code, _, err = apply(ship, mine())
        assert code == 2 and "product 'p q': use 1 to 64 letters" in err and "unrep.toml" in err

    def test_a_site_that_began_with_the_wrong_one(self, ship: Ship) -> None:
        """[A-92]: what a first install got wrong is put right by hand."""
        assert apply(ship, another())[0] == 0
        pin(ship)
        code, _, err = apply(ship, mine())
        assert code == 3 and "began with 'pms'" in err and "move its versions, current and .unrep away" in err
        ship.point(None)
        for name in ("versions", ".unrep"):
            (ship.root / name).rename(ship.app / name)
        assert apply(ship, mine())[0] == 0


class TestFetch:
    """[A-91]: nothing is paid for what the site will not take."""

    def test_for_a_site_that_is_pinned(self, ship: Ship) -> None:
        pin(ship)
        code, _, err = fetch(ship, another())
        assert code == 3 and "this site is for 'vms' alone" in err and not (ship.app / "got").exists()
        assert fetch(ship, mine())[0] == 0

    def test_by_the_option(self, ship: Ship) -> None:
        assert fetch(ship, another(), "--product", "vms")[0] == 3
        assert fetch(ship, another(), "--product", "pms")[0] == 0

    def test_the_option_is_about_a_site(self, ship: Ship) -> None:
        code, _, err = run(
            "fetch", mine(), "--trust", shore().trust_file, "--out", ship.app / "got", "--product", "vms"
        )
        assert code == 2 and "name the site with --site" in err

    @pytest.mark.parametrize("command", ["plan", "fetch"])
    def test_whatever_the_way(self, ship: Ship, command: str) -> None:
        """The header of a bundle, and volumes of one."""
        pin(ship)
        volumes, out = ship.app / "volumes", [] if command == "plan" else ["--out", ship.app / "got"]
        volumes.mkdir()
        assert run("export", another(), "--volume-size", "1M", "--out", volumes)[0] == 0
        source = another() if command == "plan" else volumes
        code, _, err = run(command, source, "--site", ship.root, "--trust", shore().trust_file, *out)
        assert code == 3 and "this site is for 'vms' alone" in err, err

    def test_for_a_site_that_has_one(self, ship: Ship) -> None:
        apply(ship, mine())
        code, _, err = fetch(ship, another(), "--allow-full")
        assert code == 3 and "'pms'; this site has 'vms'" in err


class TestHeartbeats:
    def beat(self, ship: Ship, product: str) -> Path:
        key, out = shore().directory / "sender.key", ship.app / f"beat-{product}"
        assert run("heartbeat --seq 500 --product", product, "--key", key, "--out", out)[0] == 0
        return out

    def hear(self, ship: Ship, product: str) -> tuple[int, str, str]:
        return run("hear", self.beat(ship, product), "--site", ship.root, "--trust", shore().trust_file)

    def test_of_another_product_than_the_site_is_for(self, ship: Ship) -> None:
        """[R-15], [A-91]"""
        pin(ship)
        code, _, err = self.hear(ship, "pms")
        assert code == 3 and "this site is for 'vms' alone" in err
        assert self.hear(ship, "vms")[0] == 0

    def test_one_that_came_before_the_site_had_a_product(self, ship: Ship) -> None:
        """[A-92]: what another product's shore said is forgotten when the site gets its own."""
        assert self.hear(ship, "pms")[0] == 0
        assert apply(ship, mine())[0] == 0
        assert ship.state.shore is None and not ship.state.waiting


class TestStatus:
    def test_it_shows_for_which_product_a_site_is(self, ship: Ship) -> None:
        """[A-91]"""
        pin(ship)
        assert "product 'vms' alone comes in here" in run("status --site", ship.root)[1]
        shown = json.loads(run("status --json --site", ship.root)[1])
        assert (shown["product"], shown["pinned_product"]) == (None, "vms")
        apply(ship, mine())
        assert run("status --site", ship.root)[1].startswith("vms 1.0.0: ok")
        shown = json.loads(run("status --json --site", ship.root)[1])
        assert (shown["product"], shown["pinned_product"]) == ("vms", "vms")
        (ship.root / "unrep.toml").write_text("nonsense")
        assert run("status --site", ship.root)[0] == 0


class TestAgent:
    """[A-91]: it asks nobody, and takes what sources offer; so a person says beforehand what the site is for."""

    @staticmethod
    def configure(ship: Ship) -> None:
        sources = json.dumps([str(another()), str(mine())])
        ship.configure(f"[agent]\nsources = {sources}\ntrust = {json.dumps(str(shore().trust_file))}\n")

    def test_no_first_install_without_a_product(self, ship: Ship) -> None:
        self.configure(ship)
        before = ship.seen()
        for command in ("agent --once", "agent install"):
            code, _, err = run(f"{command} --site", ship.root)
            assert code == 2 and "unrep.toml: 'product' is missing" in err and err.count("\n") == 1, err
        assert ship.seen() == before

    def test_the_newest_release_of_another_product_is_passed_over(
        self, ship: Ship, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.configure(ship)
        pin(ship)
        sail(ship, Days(1))
        assert (ship.state.product, ship.current) == ("vms", "1.0.0")
        assert "this site is for 'vms' alone" in capsys.readouterr().out
