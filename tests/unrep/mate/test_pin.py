"""The PIN: a thousand guesses take days, whatever is restarted meanwhile, and the right one still opens."""

import json
import os
import random
import stat
import threading
from pathlib import Path

import pytest

from apply.errors import SiteInvalid
from apply.site.layout import Site
from bundle.errors import InputError
from bundle.host.locks import held
from unrep.mate import pin as pin_module
from unrep.mate.pin import (
    FREE_GUESSES,
    LONGEST_DELAY_S,
    NoPin,
    PinGuard,
    TooSoon,
    WrongPin,
    check_pin,
    delay_s,
    has_pin,
    is_pin,
    set_pin,
)

RIGHT = "471102"


class Clock:
    """A wall clock that a test sets."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0

    def wall(self) -> float:
        return self.time

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site.at(tmp_path)
    made.make_directories()
    set_pin(made, RIGHT)
    return made


@pytest.mark.parametrize("pin", ["", "12345", "1" * 13, "12a456", "١٢٣٤٥٦", "000000", "345678", "987654", "471 102"])
def test_what_is_no_pin(pin: str, site: Site) -> None:
    """[A-184]"""
    with pytest.raises(InputError, match="PIN"):
        set_pin(site, pin)
    assert is_pin(site, RIGHT), "the one before stays"


def test_what_is_one() -> None:
    assert check_pin("019283") == "019283" and check_pin("121212121212")


def test_it_is_kept_as_a_hash_for_the_owner_alone(site: Site) -> None:
    """[A-184]"""
    kept = site.pin_file.read_bytes()
    assert RIGHT.encode() not in kept and has_pin(site)
    assert os.name == "nt" or stat.S_IMODE(site.pin_file.stat().st_mode) == 0o600
    set_pin(site, RIGHT)
    assert site.pin_file.read_bytes() != kept, "a salt of its own"


def test_a_thousand_guesses(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """[A-185]: with a restart before each guess, as patient as one can be, they take ten days."""
    monkeypatch.setattr(pin_module, "_COST", 2)  # a thousand slow hashes prove nothing more
    set_pin(site, RIGHT)
    random.seed(16)
    clock, tried = Clock(), 0
    begun = clock.time
    while tried < 1000:
        guess = f"{random.randrange(10**6):06}"
        if guess == RIGHT:
            continue
        try:
            PinGuard(site, clock).check(guess)
        except WrongPin:
            tried += 1
        except TooSoon as early:
            with pytest.raises(TooSoon):
                PinGuard(site, clock).check(RIGHT)
            clock.sleep(early.wait_s)
    assert clock.time - begun > 10 * 86_400
    clock.sleep(LONGEST_DELAY_S)
    PinGuard(site, clock).check(RIGHT)
    with pytest.raises(WrongPin) as again:
        PinGuard(site, clock).check("000001")
    assert again.value.wait_s == 0, "the right one has ended the count"


def test_the_delays() -> None:
    """[A-185]"""
    assert [delay_s(n) for n in range(FREE_GUESSES + 4)] == [0, 0, 0, 1, 2, 4]
    assert delay_s(13) == delay_s(10**9) == LONGEST_DELAY_S


def test_a_clock_that_was_set_back_shortens_nothing(site: Site) -> None:
    """[A-185]"""
    clock = Clock()
    for _ in range(FREE_GUESSES + 3):
        with pytest.raises(WrongPin):
            PinGuard(site, clock).check("000001")
        clock.sleep(1000)
    clock.time -= 500_000
    with pytest.raises(TooSoon) as early:
        PinGuard(site, clock).check(RIGHT)
    assert early.value.wait_s == 4


def test_a_guess_counts_before_it_is_looked_at(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """[A-185]: a process that is killed while it hashes has spent its guess."""

    def killed(*_: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(pin_module, "_digest", killed)
    with pytest.raises(KeyboardInterrupt):
        PinGuard(site, Clock()).check(RIGHT)
    assert json.loads(site.pin_file.read_bytes())["failures"] == 1


def test_guesses_of_several_threads_and_pages_come_one_after_the_other(site: Site) -> None:
    """[A-185]"""
    clock, refused = Clock(), []

    def guess(guard: PinGuard) -> None:
        try:
            guard.check("000001")
        except (WrongPin, TooSoon) as error:
            refused.append(error)

    guards = [PinGuard(site, clock) for _ in range(4)]
    threads = [threading.Thread(target=guess, args=(guards[n % 4],)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    looked_at = [error for error in refused if isinstance(error, WrongPin)]
    assert len(refused) == 12 and len(looked_at) <= FREE_GUESSES + 1
    assert json.loads(site.pin_file.read_bytes())["failures"] == len(looked_at)
    with held(site.pin_lock_file, b""), pytest.raises(TooSoon):
        PinGuard(site, clock).check(RIGHT)


def test_without_a_pin_and_with_a_damaged_one_nothing_opens(site: Site) -> None:
    for spoilt in (b"", b"{}", b'{"salt":"","digest":""', b'{"salt":"AA==","digest":"AA==","more":1}', b"x" * 10_000):
        site.pin_file.write_bytes(spoilt)
        with pytest.raises(SiteInvalid, match="damaged; set a PIN anew"):
            PinGuard(site, Clock()).check("")
    site.pin_file.unlink()
    assert not has_pin(site)
    with pytest.raises(NoPin, match="no PIN is set"):
        PinGuard(site, Clock()).check("")
