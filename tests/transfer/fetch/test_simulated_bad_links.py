"""A session through the bad link of chaosproxy.py in virtual time: it never stays silent, and wastes little.

What is measured here is the same on every machine. `bench/link.py` measures the same over sockets, beside other tools.
"""

from random import Random
from typing import Any

import pytest

from tests.support.links.bad_link import earliest_s
from tests.support.links.simulated_bad_link import VirtualWeather
from tests.support.links.simulated_link import expect_length
from transfer.config import TransferConfig
from transfer.scheduling.range_queue import RangeQueue
from transfer.scheduling.scheduler import Scheduler

CONTENT = Random(3).randbytes(12 * 1024 * 1024)
SATELLITE: dict[str, Any] = {"delay_ms": 300, "rate_kbps": 2000}
WEATHER: dict[str, Any] = {**SATELLITE, "mtbf_s": 20, "outage": (5, 15), "outage_prob": 0.5, "outage_mode": "mix"}


def arrivals(link: VirtualWeather, seed: int = 1) -> list[float]:
    """Fetches all that the link serves, the header first; returns when bytes came, in seconds from the first dial."""
    scheduler = Scheduler(link, TransferConfig(), link, lambda line: None, Random(seed))
    began = link.now()
    parts = {0: scheduler.receive_range(0, 4096)}
    moments = [link.now() - began]
    expect_length(scheduler, len(link.content))
    queue = RangeQueue()
    queue.add(4096, len(link.content))
    for offset, data, _ in scheduler.receive(queue):
        parts[offset] = data
        moments.append(link.now() - began)
    scheduler.disconnect()
    assert b"".join(parts[offset] for offset in sorted(parts)) == link.content
    return moments


def longest_silence_s(moments: list[float], events: list[dict[str, Any]]) -> float:
    """How long nothing came at the most, counted from the last byte, or from when the link was back after trouble."""
    troubles = [(event["t"], event["t"] + event["dur"]) for event in events]
    longest, since = 0.0, 0.0
    for at, back_at, is_byte in sorted([(t, t, True) for t in moments] + [(t, back, False) for t, back in troubles]):
        longest = max(longest, at - since)
        since = max(since, at if is_byte else back_at)
    return longest


@pytest.mark.parametrize("seed", range(24))
def test_whatever_the_link_does_bytes_come_again_when_it_works(seed: int) -> None:
    """[T-20], [T-21], [T-23]: within 8 s, unless trouble comes again before."""
    random = Random(seed)
    mtbf_s, outage = random.choice(((0.5, (0.1, 0.3)), (2.0, (1, 5)), (8.0, (5, 30))))
    link = VirtualWeather(
        CONTENT[: random.randrange(300_000, 1_500_000)],
        seed=seed,
        delay_ms=random.choice((3, 20, 100, 300)),
        rate_kbps=random.choice((500, 2000, 8000)),
        mtbf_s=mtbf_s,
        drop_mode="mix",
        outage=outage,
        outage_prob=0.5,
        after_blackhole=random.choice(("resume", "zombie", "rst")),
    )
    moments = arrivals(link, seed)
    assert longest_silence_s(moments, link.proxy.stats()["events"]) < 8.0


def test_a_link_that_fails_every_20_seconds_takes_little_longer_than_its_outages() -> None:
    """[T-21], [T-31]: the mean of three weathers; what is lost in flight when the link drops is some 3 %."""
    ratios, paid, delivered = [], [], []
    for seed in (1, 8, 12):
        link = VirtualWeather(CONTENT, seed=seed, **WEATHER)
        took = arrivals(link)[-1]
        stats = link.proxy.stats()
        ratios.append(took / earliest_s(stats["events"], 250_000, len(CONTENT)))
        paid.append(stats["link_down"] / len(CONTENT))
        delivered.append(stats["delivered_down"] / len(CONTENT))
    assert sum(ratios) / 3 < 1.185, ratios
    assert max(paid) < 1.045 and max(delivered) < 1.001, (paid, delivered)


def test_a_clean_link_is_filled() -> None:
    """[T-31]: 4 Mbit/s, 600 ms."""
    link = VirtualWeather(CONTENT, delay_ms=300, rate_kbps=4000)
    assert arrivals(link)[-1] < 1.12 * len(CONTENT) / 500_000


def test_connections_that_die_in_silence_cost_less_than_five_seconds() -> None:
    """[T-20]"""
    clean = arrivals(VirtualWeather(CONTENT, **SATELLITE))[-1]
    assert arrivals(VirtualWeather(CONTENT, at=[(15.0, "zombie", 0.0)], **SATELLITE))[-1] < clean + 5.0
