"""A voyage: one bundle fetched through whatever a seed makes up, run after run, until it is there.

Mirrors with weather of their own, over HTTP and UDP, some of which lie, die, lag, or hold half a file; sticks that are
torn, full of holes, pulled out in the middle, or hold another release; kills. Days of it pass in milliseconds.
`sail(seed, place)` checks that the file is right, that nothing unverified ever stood at the output, and that nothing
was paid for twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import repeat
from pathlib import Path
from random import Random

from bundle.archives.engines import present_features
from bundle.host.progress import Quiet
from tests.support.contents.tiny_bundle import PIECE_BYTES, TRUST, Shape, TinyBundle, tiny_bundle, tree_hash
from tests.support.links.simulated_link import (
    Dial,
    Killed,
    SimulatedSources,
    VirtualClock,
    random_weather,
)
from tests.support.links.voyage_ports import CHUNK_BYTES, HEAD_BYTES, LIARS, Port, UdpPort, WebPort
from transfer.errors import Incomplete, Silent, SourceCorrupt, SourceRefused
from transfer.fetch.fetch import Fetch
from transfer.fetch.figures import Figures
from transfer.fetch.request import FetchRequest
from transfer.plan import SiteHoldings

MOST_RUNS = 120
MOST_RATIO = 1.01
KINDS = ("honest", "liar", "dying", "short", "another", "slow", "udp", "udp", "udp liar")
MOST_LIED = 1.5  # what sources that lie may have sent, over what is needed
SHAPES = (
    Shape(full_bytes=30_000),
    Shape(full_bytes=9_000, delta_bytes={"old": 40_000}),
    Shape(delta_bytes={"old": 70_000, "older": 20_000}),
    Shape(full_bytes=4096 * 20),
    Shape(full_bytes=700_000, delta_bytes={"old": 25_000}),
)


@dataclass(frozen=True)
class Voyage:
    """How one went, in bytes of links that cost something.

    excused_bytes   lost through no fault of the fetch: in headers, in damaged pieces, in flight, and to lies
    lied_bytes      from sources that lie, good pieces included
    """

    seed: int
    runs: int
    seconds: float
    needed_bytes: int
    paid_bytes: int
    excused_bytes: int
    lied_bytes: int
    kinds: tuple[str, ...]

    @property
    def ratio(self) -> float:
        """What was paid over what was needed, without losses that no fetch can avoid."""
        return (self.paid_bytes - self.excused_bytes) / self.needed_bytes

    def check(self) -> None:
        """Raises AssertionError if more was paid than it had to be."""
        assert self.ratio <= MOST_RATIO, f"voyage {self.seed}: {self.ratio:.3f} times what was needed: {self}"
        liars = sum(kind in LIARS for kind in self.kinds)
        most = MOST_LIED * self.needed_bytes + 4 * PIECE_BYTES * liars * self.runs
        assert self.lied_bytes <= most, f"voyage {self.seed}: lies were believed: {self}"


class Stick(Quiet):
    """A file on a medium; it is pulled out once so many pieces were verified."""

    def __init__(self, path: Path, content: bytes, pulled_after: int) -> None:
        self.path = path
        self._left = pulled_after
        path.write_bytes(content)

    def advance(self, amount: int) -> None:
        self._left -= 1
        if self._left == 0:
            self.path.unlink()


def sail(seed: int, directory: Path) -> Voyage:
    """One voyage; the directory is empty before, and holds the output after it. Raises AssertionError with the seed."""
    try:
        return _sail(seed, directory)
    except Exception as error:
        raise AssertionError(f"voyage {seed}: {type(error).__name__}: {error}") from error


def _sail(seed: int, directory: Path) -> Voyage:
    random = Random(seed)
    bundle = _bundle(random.randrange(len(SHAPES)))
    site = _site(random, bundle)
    ports = _ports(random, bundle)
    clock, output = VirtualClock(), directory / "out"
    paid = excused = lied = 0
    for number in range(1, MOST_RUNS + 1):
        world = SimulatedSources(clock)
        for port in ports:
            port.enter(world)
        stick = _stick(random, directory, bundle)
        world.paths = [stick.path]
        fetch = Fetch(
            FetchRequest(
                links=world,
                trust=TRUST,
                output=output,
                holdings=site,
                allow_full=True,
                clock=clock,
                progress=stick,
                jitter=Random(number),
            )
        )
        try:
            fetch.run()
        except (Killed, Incomplete, SourceRefused):
            pass
        except SourceCorrupt:
            assert any(port.kind in LIARS for port in ports)
        world.close()
        stick.path.unlink(missing_ok=True)
        paid += world.delivered
        excused += sum(port.excused() for port in ports)
        lied += sum(port.delivered for port in ports if port.kind in LIARS)
        figures = fetch.figures()
        if figures.complete:
            _check_end(directory, bundle, figures)
            excused -= _of_use(bundle, figures)
            kinds = tuple(port.kind for port in ports)
            return Voyage(seed, number, clock.seconds, figures.bytes_needed, paid, excused, lied, kinds)
        _check_standing(output, bundle)
        clock.sleep(random.choice((60, 3600, 86_400)))
    raise AssertionError(f"not done in {MOST_RUNS} runs")


def _check_end(directory: Path, bundle: TinyBundle, figures: Figures) -> None:
    assert (directory / "out").read_bytes() == bundle.holding(*figures.sections), "another file"
    left = [path.name for path in directory.iterdir()]
    assert left == ["out"], f"left behind: {left}"


def _check_standing(output: Path, bundle: TinyBundle) -> None:
    """Verified pieces and holes, and nothing else."""
    assert not output.exists()
    path = output.with_name("out.part")
    if not path.exists():
        return
    data = path.read_bytes()
    assert len(data) == len(bundle.data) and data.startswith(bundle.header)
    for section in bundle.root.sections:
        for offset, piece in bundle.verified.pieces(section):
            place = slice(offset, offset + piece.length)
            assert data[place] == bundle.data[place] or not any(data[place]), f"neither piece nor hole at {offset}"


def _of_use(bundle: TinyBundle, figures: Figures) -> int:
    """How much of what the first request brings is needed: the header, and pieces of what was chosen."""
    pieces = [at for section in figures.sections for at in bundle.verified.pieces(section)]
    used = sum(max(0, min(HEAD_BYTES, offset + piece.length) - offset) for offset, piece in pieces)
    return len(bundle.header) + used


@cache
def _bundle(number: int) -> TinyBundle:
    return tiny_bundle(SHAPES[number], seed=number)


@cache
def _older() -> TinyBundle:
    return tiny_bundle(Shape(seq=1, version="1.0.0", full_bytes=30_000), seed=0)


def _site(random: Random, bundle: TinyBundle) -> SiteHoldings | None:
    sites: list[SiteHoldings | None] = [None]
    if bundle.root.delta_section(tree_hash("old"), present_features()):
        sites.append(SiteHoldings((tree_hash("old"),), is_empty=False))
    if bundle.root.full_section(present_features()):
        sites.append(SiteHoldings((), is_empty=True))
    return random.choice(sites)


def _ports(random: Random, bundle: TinyBundle) -> list[Port]:
    """At least one that is honest in the end, and up to three of any kind, in any order."""
    kinds = ["honest", *random.choices(KINDS, k=random.randrange(4))]
    ports = [_port(random, kind, bundle) for kind in kinds]
    random.shuffle(ports)
    return ports


def _port(random: Random, kind: str, bundle: TinyBundle) -> Port:
    content = bundle.data
    if kind in ("liar", "udp liar"):
        content = _spoiled(random, bundle)
    elif kind == "another":
        content = bundle.header + random.randbytes(len(bundle.data) - len(bundle.header))
    elif kind == "short":
        content = content[: random.randrange(len(bundle.header), len(content))]
    if kind in ("udp", "udp liar"):
        return UdpPort(kind, content, Random(random.random()), random.randrange(4))
    weather = random_weather(random, random.randrange(4))
    script = (replace(one, chunk_bytes=CHUNK_BYTES) for one in weather)
    dials: Iterator[Dial] = repeat(Dial(random.random()))
    if kind == "dying":
        dials = iter([*[Dial(0.2)] * random.randrange(4), *[Dial(fault=Silent("nothing"))] * 1_000_000])
    elif kind == "slow":
        script = (replace(one, bytes_per_s=500.0) for one in script)
    return WebPort(kind, content, script, dials)


def _spoiled(random: Random, bundle: TinyBundle) -> bytes:
    """Some pieces are wrong, always in the same way, or most."""
    data, share = bytearray(bundle.data), random.choice((0.02, 0.2, 1.0))
    for section in bundle.root.sections:
        for offset, piece in bundle.verified.pieces(section):
            if random.random() < share:
                data[offset + random.randrange(piece.length)] ^= 0xFF
    return bytes(data)


def _stick(random: Random, directory: Path, bundle: TinyBundle) -> Stick:
    """Mostly of no use, so that the links have something to do; pulled out at once, later, or never."""
    whole = bytearray(bundle.data)
    kind = random.choice(("nothing", "nothing", "nothing", "torn", "holes", "spoiled", "older", "renamed"))
    if kind == "torn":
        del whole[random.randrange(len(whole)) :]
    elif kind == "holes":
        start = random.randrange(len(whole))
        whole[start:] = bytes(len(whole) - start)
    elif kind == "spoiled":
        whole[:] = _spoiled(random, bundle)
    content = {"nothing": b"a photo", "older": _older().data}.get(kind, bytes(whole))
    return Stick(directory / "stick", content, random.randrange(1, 30))
