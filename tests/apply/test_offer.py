"""A bundle that is offered to a site: what it is about, whether it comes in, and what is said beside the verdict."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from apply.audit.run import Run
from apply.errors import Held
from apply.hold import set_hold
from apply.offer import Offer, open_offer
from apply.record.state import Replay, WrongProduct
from apply.site.config import SiteConfig, TrustConfig
from apply.update import rehearse, update
from bundle.errors import Expired, Untrusted
from bundle.trust.trust import Trust
from tests.support.contents.trust import RELEASE, begun, releases, signed_anew
from tests.support.sites.site import QUIET, Ship, bent, shore

SECOND = ("1.0.1", 2, "1.0.0")


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    return Ship.sailing(tmp_path, "1.0.0")


@contextmanager
def offered(
    ship: Ship,
    path: Path,
    run: Run | None = None,
    *,
    config: SiteConfig = SiteConfig(),  # noqa: B008
    trust: Trust | None = None,
    product: str = "",
    override_hold: bool = False,
) -> Iterator[Offer]:
    run = run or Run("apply", ship.site, QUIET)
    with open_offer(
        run, path, trust or shore().trust, config, unlock=None, product=product, override_hold=override_hold
    ) as offer:
        yield offer


def test_the_run_is_about_its_release(ship: Ship) -> None:
    run = Run("apply", ship.site, QUIET)
    with offered(ship, shore().bundle(*SECOND), run) as offer:
        assert run.subject == offer.release and offer.release.version == "1.0.1"
        assert offer.release.tree == shore().tree("1.0.1")
    assert (run.product, run.caution) == ("vms", "") and list(run.steps) == ["verify"]


def test_one_that_does_not_verify_is_none(ship: Ship, tmp_path: Path) -> None:
    run, path = Run("apply", ship.site, QUIET), bent(shore().bundle(*SECOND), tmp_path, 100)
    with pytest.raises(Untrusted), offered(ship, path, run):
        pass
    assert run.subject is None and run.product == ""


class TestAdmission:
    """[A-11]"""

    def test_a_newer_one(self, ship: Ship) -> None:
        with offered(ship, shore().bundle(*SECOND)) as offer:
            assert offer.needs_installing(ship.site, ship.state)

    def test_the_tree_that_runs(self, ship: Ship) -> None:
        """Not even a hold is asked about, for nothing would change."""
        set_hold(ship.site, "in the lock")
        with offered(ship, shore().bundle("1.0.0", 1)) as offer:
            assert not offer.needs_installing(ship.site, ship.state)

    def test_an_older_one(self, ship: Ship) -> None:
        ship.apply(shore().bundle(*SECOND))
        with offered(ship, shore().bundle("1.0.2", 1)) as offer, pytest.raises(Replay):
            offer.needs_installing(ship.site, ship.state)

    @pytest.mark.parametrize("config", [SiteConfig(), SiteConfig(product="vms")])
    def test_a_product_that_a_person_names_goes_before_the_configuration(self, ship: Ship, config: SiteConfig) -> None:
        """[A-91]"""
        with offered(ship, shore().bundle(*SECOND), config=config, product="ecdis") as offer:
            assert offer.product == "ecdis"
            with pytest.raises(WrongProduct, match="this site is for 'ecdis' alone"):
                offer.needs_installing(ship.site, ship.state)

    def test_a_hold_and_who_overrides_it(self, ship: Ship) -> None:
        """[A-64]"""
        set_hold(ship.site, "in the lock")
        with offered(ship, shore().bundle(*SECOND)) as offer, pytest.raises(Held, match=r"1\.0\.1 stays out"):
            offer.needs_installing(ship.site, ship.state)
        with offered(ship, shore().bundle(*SECOND), override_hold=True) as offer:
            assert offer.needs_installing(ship.site, ship.state)


class TestExpiry:
    """[R-13], [R-14]"""

    HISTORY = begun(releases=releases(RELEASE, expires=1_700_000_001))

    @pytest.fixture
    def expired(self, tmp_path: Path) -> Path:
        return signed_anew(shore().bundle(*SECOND), tmp_path / "expired.unrep", RELEASE, self.HISTORY)

    def test_it_is_said_beside_the_verdict(self, ship: Ship, expired: Path) -> None:
        run = Run("apply", ship.site, QUIET)
        with offered(ship, expired, run, trust=self.HISTORY.trust):
            assert "expired" in run.caution

    def test_or_refuses_where_the_site_is_strict(self, ship: Ship, expired: Path) -> None:
        strict = SiteConfig(trust=TrustConfig(strict_expiry=True))
        with (
            pytest.raises(Expired, match="strict_expiry is set"),
            offered(ship, expired, config=strict, trust=self.HISTORY.trust),
        ):
            pass


def test_what_becomes_of_the_state(ship: Ship) -> None:
    """[A-9], [A-10]: placing a release raises no mark; the current tree under a higher seq does."""
    with offered(ship, shore().bundle(*SECOND)) as offer:
        placed = offer.placed(ship.state)
    assert placed.find("1.0.1") == offer.release and placed.high_water == ship.state.high_water
    assert placed.time_floor >= ship.state.time_floor
    with offered(ship, shore().bundle("1.0.0", 9)) as offer:
        confirmed = offer.confirmed(ship.state)
    assert confirmed.high_water and confirmed.high_water.mark == (0, 9)
    assert confirmed.current == msgspec.structs.replace(offer.release, proven=True)


def test_a_rehearsal_takes_what_an_update_takes() -> None:
    """In the same order, so that one cannot be asked about something else than the other does. Nothing is switched by a
    rehearsal, so it asks for no obstacle."""
    shapes = [
        [(name, given.kind) for name, given in inspect.signature(run).parameters.items() if name != "obstacle"]
        for run in (update, rehearse)
    ]
    assert shapes[0] == shapes[1]
