"""The command `unrep fetch` as a ship runs it: real servers, a real bad link, kills, and everything named wrongly."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.support.contents.tiny_bundle import Shape, tiny_bundle
from tests.support.links.bad_link import weather
from tests.support.links.bad_server import BadServer
from tests.support.links.killed_fetch import ANSWER_HEAD_BYTES, LinkRate, killed_fetch
from tests.support.links.nginx import free_port, nginx
from tests.support.machines.wine_junctions import UNDER_WINE

PIECE_BYTES = 64 * 1024
KILLS = 10


@dataclass(frozen=True)
class Run:
    """What a command left behind."""

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.stdout)
        return document


HEAD_BYTES = 400  # an answer of nginx has fewer before its body


def unrep(directory: Path, *argv: object) -> Run:
    """Runs the command in a directory."""
    command = [sys.executable, "-m", "unrep", *map(str, argv)]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=60)
    return Run(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def shore(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two releases, a bundle of the first, one of the second with a delta and the full release, and keys."""
    directory = tmp_path_factory.mktemp("shore")
    random = Random(11)
    for release, line in (("one", "ahoy"), ("two", "ahoy there")):
        (directory / release).mkdir()
        (directory / release / "greeting.py").write_text(f"print({line!r})\n" * 50, encoding="utf-8")
    for name in ("charts.bin", "tides.bin"):
        data = random.randbytes(200_000)
        (directory / "one" / name).write_bytes(data)
        (directory / "two" / name).write_bytes(data if name == "tides.bin" else random.randbytes(200_000))
    (directory / "www").mkdir()
    for line in (
        "keygen --out shore",
        "keygen --out stranger",
        "build one --product vms --version 1.0.0 --seq 1 --key shore.key --out www/one.unrep",
        "build two --product vms --version 1.0.1 --seq 2 --base one --full --key shore.key --out www/two.unrep",
    ):
        assert unrep(directory, *line.split()).code == 0, line
    return directory


@pytest.fixture
def ship(tmp_path: Path, shore: Path) -> Path:
    """A directory with the key of the shore."""
    directory = tmp_path / "ship"
    directory.mkdir()
    shutil.copy(shore / "shore.pub", directory)
    return directory


def fetch(ship: Path, source: object, *options: object) -> Run:
    return unrep(ship, "fetch", source, "--trust", "shore.pub", "--out", "new.unrep", "--json", *options)


def files(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_a_bundle_comes_from_nginx_and_the_figures_say_what_it_cost(ship: Path, shore: Path, tmp_path: Path) -> None:
    """[T-30]: by the command's own figures and by the server's log."""
    content = (shore / "www" / "two.unrep").read_bytes()
    with nginx(shore / "www", tmp_path / "nginx") as server:
        first, second = fetch(ship, server.url("two.unrep")), fetch(ship, server.url("two.unrep"))
        log = server.requests(3)
    assert (ship / "new.unrep").read_bytes() == content and sorted(files(ship)) == ["new.unrep", "shore.pub"]
    assert (first.code, second.code) == (0, 0), first.stderr + second.stderr
    figures = first.document
    assert figures["complete"] is True and 1 <= figures["connections"] <= 4 and figures["bytes_resumed"] == 0
    assert figures["bytes_total"] == figures["bytes_needed"] == len(content)
    assert [section["kind"] for section in figures["sections"]] == ["delta", "full"]
    assert sum(request.body_bytes_sent for request in log) == len(content) + log[-1].body_bytes_sent
    assert len(content) < figures["bytes_received"] < len(content) + (len(log) - 1) * HEAD_BYTES
    assert second.document["bytes_resumed"] == len(content)
    assert log[-1].body_bytes_sent < second.document["bytes_received"] < log[-1].body_bytes_sent + HEAD_BYTES < 1500
    assert unrep(ship, "verify", "new.unrep", "--trust", "shore.pub").code == 0


def test_it_comes_through_bad_weather(ship: Path, shore: Path) -> None:
    """[T-22], [T-23]: drops every 0.3 s, half of them with an outage, and bits that flip on the way."""
    content = (shore / "www" / "two.unrep").read_bytes()
    seed = 5
    print(f"seed {seed}")
    options = {"rate_kbps": 4000, "delay_ms": 20, "mtbf_s": 0.3, "outage": (0.1, 0.3), "outage_prob": 0.5}
    with (
        BadServer(content, ["honest"]) as server,
        weather(server.port, seed=seed, outage_mode="refuse", corrupt_every=400_000, **options) as link,
    ):
        run = fetch(ship, link.url("two.unrep"))
        stats = link.stats()
    assert run.code == 0, run.stderr
    assert (ship / "new.unrep").read_bytes() == content
    assert stats["drops"] >= 3 and run.document["connections"] >= 3
    assert run.document["bytes_received"] <= len(content) + (stats["corruptions"] + 1) * PIECE_BYTES


@pytest.mark.slow
def test_ten_kills_lose_a_piece_each_and_what_was_in_flight(tmp_path: Path) -> None:
    """[T-9], [T-12]: the moments are random; what came and does not stand there is less than a piece."""
    seed = 3
    print(f"seed {seed}")
    bundle = tiny_bundle(Shape(full_bytes=900_000, piece_bytes=PIECE_BYTES), seed)
    rate = LinkRate(bits_per_s=6_000_000, round_trip_s=0.005)
    a_moment = rate.bits_per_s // 8 // 10  # bytes that come while a busy machine does not let the command run
    with killed_fetch(tmp_path, bundle, rate) as command:
        kills = list(command.kill_often(KILLS, Random(seed)))
        verified, _ = command.kept()
        last = command.finish()
    assert command.output.read_bytes() == bundle.data
    each = PIECE_BYTES + len(bundle.header) + 2 * ANSWER_HEAD_BYTES
    for kill in kills:
        assert kill.kept_after >= kill.kept_before and kill.again <= each + a_moment, kill
    assert last["bytes_resumed"] == verified > len(bundle.data) // 4
    missing = len(bundle.data) - last["bytes_resumed"] + len(bundle.header)
    heads = last["connections"] * 2 * ANSWER_HEAD_BYTES  # which are paid for, too [T-134]
    last_received = last["bytes_received"]
    assert missing - 4 * PIECE_BYTES <= last_received <= missing + heads, "beginnings of pieces are not lost either"
    received = sum(kill.received for kill in kills) + last["bytes_received"]
    assert received <= len(bundle.data) + KILLS * (each + a_moment)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent to one process there")
def test_ctrl_c_says_so_and_its_figures_add_up(tmp_path: Path) -> None:
    """[T-30]: exit code 130, figures of what was paid, and the next run goes on."""
    seed = 4
    print(f"seed {seed}")
    bundle = tiny_bundle(Shape(full_bytes=1_000_000, piece_bytes=PIECE_BYTES), seed)
    with killed_fetch(tmp_path, bundle, LinkRate(round_trip_s=0.01)) as command:
        runs = [command.stop_at(moment, interrupt=True) for moment in (120_000, 300_000, 200_000)]
        last = command.finish()
    documents = [document for _, document in runs]
    assert command.output.read_bytes() == bundle.data
    for kill, document in runs:
        assert document["complete"] is False and document["exit_code"] == 130
        assert document["bytes_resumed"] == kill.kept_before - kill.unfinished_before
        assert document["error"] == "interrupted; run the same command again, it goes on from there"
    needed, header = last["bytes_needed"], len(bundle.header)
    received = sum(document["bytes_received"] for document in [*documents, last])
    assert needed <= received <= needed + len(runs) * (header + PIECE_BYTES)


@pytest.mark.slow
def test_for_a_site_only_the_ranges_that_it_needs_are_asked_for(ship: Path, shore: Path, tmp_path: Path) -> None:
    """[T-5], [T-10]: first the full release for an empty site, then a delta; all by nginx's log."""
    site = ship / "site"
    site.mkdir()
    with nginx(shore / "www", tmp_path / "nginx") as server:
        empty = fetch(ship, server.url("one.unrep"), "--site", site)
        assert empty.code == 0 and [section["kind"] for section in empty.document["sections"]] == ["full"]
        assert unrep(ship, "apply", "new.unrep", "--site", site, "--trust", "shore.pub").code == 0
        (ship / "new.unrep").unlink()
        before = len(server.requests(2))
        delta = fetch(ship, server.url("two.unrep"), "--site", site)
        assert delta.code == 0, delta.stderr
        figures = delta.document
        asked = server.requests(before + 1)[before:]
        assert [section["kind"] for section in figures["sections"]] == ["delta"]
        assert figures["bytes_needed"] < figures["bytes_total"] - 390_000
        bodies = sum(request.body_bytes_sent for request in asked)
        assert bodies < figures["bytes_received"] < bodies + len(asked) * HEAD_BYTES
        assert figures["bytes_received"] <= figures["bytes_needed"] + 4096 + len(asked) * HEAD_BYTES
        assert unrep(ship, "apply", "new.unrep", "--site", site, "--trust", "shore.pub").code == 0
        again = fetch(ship, server.url("two.unrep"), "--site", site)
    assert again.code == 0 and again.document["sections"] == []
    greeting = (site / "current" / "greeting.py").read_text(encoding="utf-8")
    assert "ahoy there" in greeting


@pytest.mark.slow
def test_the_full_release_waits_for_consent(ship: Path, shore: Path) -> None:
    """[T-6]: a site whose releases the bundle does not start from."""
    site = ship / "site"
    site.mkdir()
    (ship / "other").mkdir()
    (ship / "other" / "f").write_text("another release\n", encoding="utf-8")
    build = "build other --product vms --version 0.9 --seq 1 --out other.unrep --key"
    assert unrep(ship, *build.split(), shore / "shore.key").code == 0
    assert unrep(ship, "apply", "other.unrep", "--site", site, "--trust", "shore.pub").code == 0
    with nginx(shore / "www", ship / "nginx") as server:
        url = server.url("two.unrep")
        refused = fetch(ship, url, "--site", site)
        assert refused.code == 4 and "--allow-full accepts that" in refused.stderr
        assert refused.document["complete"] is False and not (ship / "new.unrep.part").exists()
        agreed = fetch(ship, url, "--site", site, "--allow-full")
    assert agreed.code == 0 and [section["kind"] for section in agreed.document["sections"]] == ["full"]
    (ship / "new.unrep").unlink()
    free = fetch(ship, shore / "www" / "two.unrep", "--site", site)
    assert free.code == 0 and free.document["bytes_paid"] == 0, "a file costs nothing"


def test_a_limited_rate_takes_its_time(ship: Path, shore: Path, tmp_path: Path) -> None:
    """[T-27]"""
    with nginx(shore / "www", tmp_path / "nginx") as server:
        run = fetch(ship, server.url("two.unrep"), "--limit-rate", "0.4M")
    assert run.code == 0, run.stderr
    figures = run.document
    assert figures["seconds"] >= 0.8 * figures["bytes_received"] / 400_000


def test_a_second_fetch_into_the_same_file_is_turned_away(tmp_path: Path) -> None:
    """[T-13]"""
    bundle = tiny_bundle(Shape(full_bytes=150_000, piece_bytes=PIECE_BYTES))
    # In Wine a command takes seconds to start, and the first must still be at it.
    with killed_fetch(tmp_path, bundle, LinkRate(bits_per_s=50_000 if UNDER_WINE else 1_000_000)) as command:
        first = command.start()
        try:
            while not command.output.with_name("new.unrep.part").exists():
                assert first.poll() is None
            second = unrep(tmp_path, *command.arguments)
            assert second.code == 5 and f"process {first.pid} is fetching into it" in second.stderr
            assert first.wait(30) == 0
        finally:
            first.kill()
            first.communicate()
    assert command.output.read_bytes() == bundle.data


def gone(shore: Path) -> list[object]:
    return [shore / "www" / "three.unrep"]


def no_bundle(shore: Path) -> list[object]:
    return [shore / "two" / "greeting.py"]


def untrusted(shore: Path) -> list[object]:
    return [shore / "www" / "two.unrep", "--trust", shore / "stranger.pub"]


def trust_is_gone(shore: Path) -> list[object]:
    return [shore / "www" / "two.unrep", "--trust", "nobody.pub"]


def trust_is_no_key(shore: Path) -> list[object]:
    return [shore / "www" / "two.unrep", "--trust", shore / "two" / "greeting.py"]


def site_is_gone(shore: Path) -> list[object]:
    return [shore / "www" / "two.unrep", "--site", "nowhere"]


def output_nowhere(shore: Path) -> list[object]:
    return [shore / "www" / "two.unrep", "--out", "nowhere/new.unrep"]


def output_is_taken(shore: Path) -> list[object]:
    return [shore / "www" / "two.unrep", "--out", "shore.pub"]


def nobody_there(shore: Path) -> list[object]:
    return [f"http://127.0.0.1:{free_port()}/two.unrep", "--patience", "0.3"]


def no_such_scheme(shore: Path) -> list[object]:
    return ["ftp://127.0.0.1/two.unrep"]


def no_rate(shore: Path) -> list[object]:
    return [shore / "www" / "two.unrep", "--limit-rate", "fast"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (gone, 2, "three.unrep: cannot be read"),
        (no_bundle, 3, "this is not an unrep bundle"),
        (untrusted, 3, "check that the bundle is from the right sender"),
        (trust_is_gone, 2, "nobody.pub: cannot be read"),
        (trust_is_no_key, 2, "not a public key"),
        (site_is_gone, 2, "nowhere: no such directory"),
        (output_nowhere, 2, "nowhere: no such directory; make it first"),
        (output_is_taken, 2, "shore.pub: exists, but this is not an unrep bundle"),
        (nobody_there, 4, "connection refused"),
        (no_such_scheme, 2, "fetched from an http:// or https:// URL"),
        (no_rate, 2, "'fast' is no rate, such as 8000"),
    ],
)
def test_what_is_named_wrongly_is_one_sentence_and_changes_nothing(
    ship: Path, shore: Path, arguments: Callable[[Path], list[object]], code: int, said: str
) -> None:
    before = files(ship)
    run = fetch(ship, *arguments(shore))
    check_refusal(run, code, said)
    assert files(ship) == before


@pytest.mark.parametrize(
    ("script", "code", "said"),
    [
        (["not_found"], 2, "answers 404"),
        (["whole_to_range"], 2, "does not answer ranges"),
        (["redirect_loop"], 2, "more than 5 redirects"),
        (["wrong_content_range"], 2, "3 times; fetch from another one"),
        (["honest", "wrong_bytes", "wrong_bytes", "honest"], 3, "are not the ones that were signed"),
        (["honest", "closed_for_today"], 4, "left alone for"),
        (["no_http"], 2, "does not speak HTTP"),
    ],
)
def test_a_server_that_cannot_serve_is_one_sentence(
    ship: Path, shore: Path, script: list[str], code: int, said: str
) -> None:
    """[T-15], [T-16], [T-17], [T-19], [T-25]"""
    with BadServer((shore / "www" / "two.unrep").read_bytes(), script) as server:
        run = fetch(ship, server.url("two.unrep"))
        check_refusal(run, code, said)
        assert run.document["complete"] is False and len(server.requests) <= 6
    assert not (ship / "new.unrep").exists()


def check_refusal(run: Run, code: int, said: str) -> None:
    assert run.code == code and "Traceback" not in run.stderr, run.stderr
    lines = [line for line in run.stderr.splitlines() if line.startswith("unrep: ")]
    assert len(lines) == 1 and said in lines[0] and os.linesep not in lines[0]
    assert run.document["exit_code"] == code and said in run.document["error"]
