"""The PIN of the mate's page: kept as a scrypt hash, and guessed ever more slowly [A-184], [A-185].

Each guess is counted, durably, before it is looked at, so neither a kill nor a restart gives one away. While the delay
after a wrong guess lasts, not even the right PIN is looked at.
"""

import hashlib
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

import msgspec

from apply.errors import SiteInvalid
from apply.site import durable
from apply.site.layout import Site
from bundle.errors import InputError
from bundle.host import presence
from bundle.host.clock import WallClock
from bundle.host.files import PRIVATE, read_plain
from bundle.host.locks import LockTaken, held

LEAST_DIGITS: Final = 6
MOST_DIGITS: Final = 12
FREE_GUESSES: Final = 2  # wrong ones without a delay: fingers slip
LONGEST_DELAY_S: Final = 900.0
_BUSY_S: Final = 1.0  # until another process has looked at its guess
_MAX_FILE_BYTES: Final = 4096
_COST: Final = 1 << 14  # scrypt's N: 16 MiB and some 50 ms
_ROWS: Final = "0123456789", "9876543210"


class PinRefused(Exception):
    """A PIN did not open anything. `wait_s`: until the next guess is looked at."""

    def __init__(self, sentence: str, wait_s: float = 0.0) -> None:
        super().__init__(sentence)
        self.wait_s = wait_s


class NoPin(PinRefused):
    """The site has no PIN, so nothing behind one can be done."""


class WrongPin(PinRefused):
    """It was looked at, and is another."""


class TooSoon(PinRefused):
    """It was not looked at, for the delay after a wrong one lasts."""


class _Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the file holds. `failures`: wrong guesses since the last right one, the latest at `failed_at`."""

    salt: bytes
    digest: bytes
    failures: int = 0
    failed_at: float = 0.0


def check_pin(pin: str) -> str:
    """The PIN, if it may be one. Raises InputError."""
    if not (pin.isascii() and pin.isdecimal() and LEAST_DIGITS <= len(pin) <= MOST_DIGITS):
        raise InputError(f"the PIN must have {LEAST_DIGITS} to {MOST_DIGITS} digits, and nothing else")
    if len(set(pin)) == 1 or any(pin in row for row in _ROWS):
        raise InputError("the PIN is the first that anybody would try; choose one without such an order")
    return pin


def has_pin(site: Site) -> bool:
    """Whether one is set. Raises StorageFailed."""
    with durable.storage_errors(site.pin_file):
        return presence.exists(site.pin_file)


def set_pin(site: Site, pin: str) -> None:
    """Sets the PIN in the place of the one before. Raises InputError, StorageFailed or DiskFull."""
    salt = secrets.token_bytes(16)
    _keep(site, _Kept(salt, _digest(check_pin(pin), salt)))


def is_pin(site: Site, pin: str) -> bool:
    """Whether that is the PIN, for whoever may set another anyway: no guess is counted. Raises as `PinGuard.check`."""
    kept = _read(site)
    return secrets.compare_digest(_digest(pin, kept.salt), kept.digest)


class PinGuard:
    """Looks at guesses, one after the other. For any thread, and beside other processes."""

    def __init__(self, site: Site, clock: WallClock) -> None:
        self._site = site
        self._clock = clock
        self._one_at_a_time = threading.Lock()

    def check(self, pin: str) -> None:
        """Returns for the right PIN. Raises NoPin, WrongPin or TooSoon; SiteInvalid, StorageFailed or DiskFull."""
        with self._one_at_a_time, self._alone():
            kept, now = _read(self._site), self._clock.wall()
            if wait_s := _wait_s(kept, now):
                raise TooSoon("too many wrong PINs", wait_s)
            counted = msgspec.structs.replace(kept, failures=kept.failures + 1, failed_at=now)
            _keep(self._site, counted)
            # A longer text than any PIN is not worth its hash.
            digest = _digest(pin, kept.salt) if len(pin) <= MOST_DIGITS else b""
            if not secrets.compare_digest(digest, kept.digest):
                raise WrongPin("that is not the PIN", delay_s(counted.failures))
            _keep(self._site, msgspec.structs.replace(kept, failures=0, failed_at=0.0))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with ExitStack() as lock:
            try:
                with durable.storage_errors(self._site.pin_lock_file):
                    lock.enter_context(held(self._site.pin_lock_file, str(os.getpid()).encode()))
            except LockTaken as error:
                raise TooSoon("another PIN is being looked at", _BUSY_S) from error
            yield


def delay_s(failures: int) -> float:
    """How long nothing is looked at after so many wrong guesses in a row."""
    over = failures - FREE_GUESSES
    return min(2.0 ** (over - 1), LONGEST_DELAY_S) if 0 < over < 32 else LONGEST_DELAY_S if over > 0 else 0.0


def _wait_s(kept: _Kept, now: float) -> float:
    """The rest of the delay; all of it where the clock was set back meanwhile, for then nobody knows."""
    delay = delay_s(kept.failures)
    passed = now - kept.failed_at
    return max(0.0, delay - passed) if passed >= 0 else delay


def _digest(pin: str, salt: bytes) -> bytes:
    return hashlib.scrypt(pin.encode(errors="replace"), salt=salt, n=_COST, r=8, p=1, maxmem=64 << 20, dklen=32)


def _read(site: Site) -> _Kept:
    path = site.pin_file
    with durable.storage_errors(path):
        try:
            data = read_plain(path, _MAX_FILE_BYTES)
        except FileNotFoundError as error:
            raise NoPin(f"no PIN is set; whoever looks after this ship sets one: {_how(site)}") from error
    try:
        return msgspec.json.decode(data, type=_Kept)
    except msgspec.MsgspecError as error:
        raise SiteInvalid(f"{path}: damaged; set a PIN anew with {_how(site)}") from error


def _how(site: Site) -> str:
    return f"'unrep init {site.root} --pin-file F'"


def _keep(site: Site, kept: _Kept) -> None:
    durable.write_file(site.pin_file, msgspec.json.encode(kept), PRIVATE)
