"""`unrep plan` against a real server whose log says what was paid, and then the fetch that it foretold."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.support.contents.releases import KEY, build_from, write_tree
from tests.support.contents.tiny_bundle import Shape, tiny_bundle, write_trust
from tests.support.links.nginx import nginx
from tests.support.observers.command import run
from unrep.cli import main

BUNDLE = tiny_bundle(Shape(full_bytes=300_000, delta_bytes={"old": 20_000}))


@pytest.fixture
def ship(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with the key of the shore and a served directory."""
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "b.unrep").write_bytes(BUNDLE.data)
    write_trust(tmp_path / "k.pub")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def unrep(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[int, dict[str, Any], str]:
    """Exit code, document and messages of a command."""
    with pytest.raises(SystemExit) as ended:
        main([*(str(word) for word in argv), "--trust", "k.pub", "--json"])
    said = capsys.readouterr()
    return int(ended.value.code or 0), json.loads(said.out), said.err


def test_only_the_header_is_paid_and_the_figures_are_those_of_the_fetch(
    ship: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """[T-80]: by the log of nginx."""
    before = sorted(ship.rglob("*"))
    with nginx(ship / "www", ship / "nginx") as server:
        url = server.url("b.unrep")
        code, plan, said = unrep(capsys, "plan", url, "--rate", "16k", "--price-per-mb", "5")
        asked = server.requests(2)
        assert code == 0, said
        assert sum(request.body_bytes_sent for request in asked) == len(BUNDLE.header)
        assert len(BUNDLE.header) < plan["bytes_received"] < len(BUNDLE.header) + 2 * 400, "with two heads [T-134]"
        assert all(request.status == 206 for request in asked)
        assert [path for path in sorted(ship.rglob("*")) if "nginx" not in str(path)] == before
        told = run("plan", url, "--trust", "k.pub", "--rate", "16k", "--price-per-mb", "5")
        _, fetched, _ = unrep(capsys, "fetch", url, "--out", "f")
    assert plan["bytes_needed"] == plan["bytes_to_fetch"] == fetched["bytes_needed"] == len(BUNDLE.data)
    assert plan["sections"] == fetched["sections"] and plan["bytes_present"] == 0
    pieces = [piece for section in BUNDLE.root.sections for piece in BUNDLE.verified.pieces(section)]
    assert plan["pieces"] == plan["pieces_to_fetch"] == len(pieces)
    assert plan["seconds"] == pytest.approx(len(BUNDLE.data) / 16_000, abs=0.1)
    assert plan["cost"] == pytest.approx(len(BUNDLE.data) * 5 / 1e6, abs=1e-4)
    assert "s at 16,000 bytes per second; costs 1.6" in told[1] and not told[2]


def test_what_is_there_already_is_counted_and_not_touched(ship: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """[T-80], [T-9]: a partial file, a damaged one, a finished one."""
    part = ship / "f.part"
    half = bytearray(BUNDLE.data)
    half[200_000:] = bytes(len(half) - 200_000)
    half[150_000] ^= 1
    part.write_bytes(half)
    _, plan, _ = unrep(capsys, "plan", "www/b.unrep", "--out", "f")
    assert 185_000 < plan["bytes_present"] < 200_000 - 4096 + 1 and part.read_bytes() == half
    assert plan["bytes_present"] + plan["bytes_to_fetch"] == plan["bytes_needed"]
    assert plan["seconds"] is None and plan["cost"] is None
    assert "costs" not in run("plan www/b.unrep --out f --trust k.pub")[1]
    part.unlink()
    shutil.copy("www/b.unrep", "f")
    _, plan, _ = unrep(capsys, "plan", "www/b.unrep", "--out", "f")
    assert plan["pieces_to_fetch"] == 0 and plan["bytes_to_fetch"] == len(BUNDLE.header)


def test_for_a_site_by_the_channel(ship: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """[T-80], [T-5], [T-6], [T-142], [T-150]"""
    old = write_tree(ship / "old", {"a.txt": b"ahoy\n" * 900, "b.bin": bytes(range(256)) * 40})
    new = write_tree(ship / "new", {"a.txt": b"ahoy there\n" * 900, "b.bin": bytes(range(256)) * 40})
    other = write_tree(ship / "other", {"c": b"c"})
    for name, tree in (("1", old), ("9", other)):
        build_from(tree, [], ship / f"{name}.unrep", version=name)
    build_from(new, [old], ship / "2.unrep", version="2", full=True)
    key_file(ship / "k.key")
    assert run("publish 2.unrep www --key k.key")[0] == 0
    for site, bundle in (("site", "1.unrep"), ("elsewhere", "9.unrep")):
        (ship / site).mkdir()
        assert unrep(capsys, "apply", bundle, "--site", site)[0] == 0
    code, plan, said = unrep(capsys, "plan", "www/stable.channel", "--site", "site")
    assert code == 0 and [section["kind"] for section in plan["sections"]] == ["delta"], said
    assert plan["bytes_needed"] < plan["bytes_total"]
    code, plan, said = unrep(capsys, "plan", "www/stable.channel", "--site", "elsewhere")
    assert code == 0 and [section["kind"] for section in plan["sections"]] == ["full"], "it costs nothing here"
    with nginx(ship / "www", ship / "nginx") as server:
        url = server.url("stable.channel")
        code, plan, said = unrep(capsys, "plan", url, "--site", "elsewhere")
        assert code == 4 and "--allow-full accepts that" in said
        code, plan, _ = unrep(capsys, "plan", url, "--site", "elsewhere", "--allow-full", "--price-per-mb", "1000")
    assert code == 0 and [section["kind"] for section in plan["sections"]] == ["full"]
    (way,) = plan["ways"]
    assert way["needs_allow_full"] and way["bytes"] == way["bytes_paid"] == plan["bytes_needed"]
    assert way["cost"] == pytest.approx(way["bytes"] / 1000, abs=0.01)


def key_file(path: Path) -> None:
    path.write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["www/none.unrep"], 2, "none.unrep: cannot be read"),
        (["k.pub"], 3, "this is not an unrep bundle"),
        (["www/b.unrep", "--rate", "fast"], 2, "no rate"),
        (["www/b.unrep", "--price-per-mb", "-1"], 2, "price-per-mb"),
        (["www/b.unrep", "--site", "nowhere"], 2, "nowhere: no such directory"),
        (["www/b.unrep", "--out", "other"], 2, "is another bundle"),
        (["www/b.unrep", "--out", "k.pub"], 2, "this is not an unrep bundle"),
    ],
)
def test_what_is_named_wrongly_is_one_sentence(
    ship: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, said: str
) -> None:
    """[T-80]"""
    (ship / "other").write_bytes(tiny_bundle(Shape(product="ecdis", full_bytes=100)).data)
    found, document, message = unrep(capsys, "plan", *arguments)
    assert found == code and said in message and document["exit_code"] == code and "Traceback" not in message
