"""Encryption to ships as people run it: ship-key, build --recipient, ticket, publish, fetch, apply, resign.

spec/sealing.md [S-1] to [S-17].
"""

import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import pytest

from apply.record.database import read_state
from apply.site.layout import Site
from bundle.format.layout import PREAMBLE_BYTES
from bundle.format.objects import MemoryObject
from bundle.format.pieces import MIN_PIECE_BYTES
from bundle.format.section_cipher import CHUNK_BYTES, ContentKey
from bundle.read.reader import open_bundle, open_for_display
from bundle.recipients.ship_key import load_ship_key, load_ship_public_key
from bundle.recipients.ticket import TicketFile, issue_ticket
from bundle.write import builder, sections
from tests.support.contents.releases import KEY, TRUST, Tree, write_tree
from tests.support.contents.sealed import respoilt
from tests.support.contents.trust import write_keys
from tests.support.observers.command import run
from transfer.serving.server import BundleServer

NAMES = [f"a name that nobody may read {number}.txt" for number in range(6)]
OLD: Tree = {name: f"secret {number} ".encode() * 40 for number, name in enumerate(NAMES)}
OLD["library.bin"] = Random(1).randbytes(90_000)
NEW: Tree = OLD | {NAMES[1]: b"a secret that changed", "library.bin": OLD["library.bin"] + b"and grew"}
AFTER: Tree = NEW | {NAMES[2]: b"and changed again"}


def done(line: str, *more: object) -> str:
    """What a command said on standard output; it must succeed."""
    code, out, err = run(line, *more)
    assert code == 0, err
    return out


def refused(line: str, *more: object) -> str:
    """The one sentence with which a command refused a bundle, or the trust in it."""
    code, _, err = run(line, *more)
    assert code == 3, err
    assert err.startswith("unrep: ") and err.count("\n") == 1, err
    return err


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: releases, shore's keys, a site `alpha` with a key of its own, the key of ship beta."""
    monkeypatch.chdir(tmp_path)
    for name, tree in (("old", OLD), ("new", NEW), ("after", AFTER)):
        write_tree(tmp_path / name, tree)
    (tmp_path / "alpha").mkdir()
    write_keys(tmp_path, "release", KEY)
    done("keygen --out stranger")
    done("ship-key new --out office")
    done("ship-key new --out beta")
    done("ship-key new --site alpha")
    return tmp_path


ALPHA = "alpha/.unrep/ship.pub"
RELEASE = "--product vms --workers 1 --key release.key"


def build(name: str, seq: int, *more: object, recipients: str = f"--recipient {ALPHA} --recipient office.pub") -> Path:
    """Builds NAME.unrep of that release."""
    done(f"build {name} {RELEASE} --version {seq}.0 --seq {seq} {recipients} --out {name}.unrep", *more)
    return Path(f"{name}.unrep")


def ship_id(public: str) -> str:
    return load_ship_public_key(Path(public)).key_id.hex()


def ticket(bundle: str, public: str = ALPHA) -> Path:
    return Path(f"{bundle}.tickets") / f"{ship_id(public)}.ticket"


def installed(site: str = "alpha") -> tuple[Any, dict[str, bytes]]:
    """What must not change where a bundle is refused: the site's state, its versions and where `current` leads."""
    root = Path(site).absolute()
    state = read_state(Site.at(root))
    files = {str(p.relative_to(root)): p.read_bytes() for p in (root / "versions").rglob("*") if p.is_file()}
    return (state.current_version, state.high_water, state.releases), files


def test_an_encrypted_release_comes_to_its_ship_and_nobody_else_reads_it(home: Path) -> None:
    """[S-1] [S-6] [S-12] [S-14] From the first install to a delta."""
    told = run(f"build old {RELEASE} --version 1.0 --seq 1 --recipient {ALPHA} --out old.unrep --json")
    assert json.loads(told[1])["tickets"] == [str(ticket("old.unrep"))]
    assert json.loads(told[1])["encrypted"] is True
    done("apply old.unrep --site alpha --trust release.pub")
    build("new", 2, "--base", "old", "--full")
    done("apply new.unrep --site alpha --trust release.pub --dry-run")
    done("apply new.unrep --site alpha --trust release.pub")
    current = home / "alpha/current"
    assert {path.name: path.read_bytes() for path in current.iterdir()} == NEW
    assert "already-current" in done("apply new.unrep --site alpha --trust release.pub")


def test_the_file_shows_no_name_and_no_content(home: Path) -> None:
    """[S-1] And no sidecar does."""
    build("new", 2, "--base", "old", "--full")
    data = (home / "new.unrep").read_bytes()
    with open_for_display(home / "new.unrep") as bundle:
        root = data[PREAMBLE_BYTES : PREAMBLE_BYTES + bundle.verified.root_bytes]
        sizes = {len(content) for content in NEW.values()}
        listed = {section.length for section in bundle.root.sections} | {
            bundle.root.size,
            bundle.root.manifest_size,
        }
        assert not sizes & listed
    for word in (b"nobody may read", b"secret", b"library"):
        assert word not in data
    assert NEW["library.bin"][:16] not in data and b"library" not in root
    beside = {path.name for path in home.iterdir() if path.name.startswith("new.unrep")}
    assert beside == {"new.unrep", "new.unrep.sha256", "new.unrep.tickets"}
    build("new", 2, recipients="")
    assert NEW["library.bin"][:16] in (home / "new.unrep").read_bytes(), "the same search finds it in the open"
    assert not list(Path("new.unrep.tickets").iterdir()), "tickets of the bundle before"
    assert Path("new.unrep.manifests").exists()
    build("new", 2)
    assert not Path("new.unrep.manifests").exists()


@contextmanager
def serving(directory: Path) -> Iterator[str]:
    server = BundleServer(directory, "127.0.0.1", 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.url
    finally:
        server.shutdown()
        server.server_close()


def test_without_a_key_it_is_verified_carried_and_never_read(home: Path) -> None:
    """[S-6]"""
    build("new", 2, "--base", "old", "--full")
    assert "what it holds was not looked at" in done("verify new.unrep --trust release.pub")
    for name in ("www", "stick"):
        (home / name).mkdir()
    done("publish new.unrep www --key release.key")
    done("export new.unrep --volume-size 70k --out stick")
    with serving(home / "www") as url:
        done(f"fetch {url}stable.channel --trust release.pub --out relay.unrep")
    done("fetch stick --trust release.pub --out joined.unrep")
    whole = (home / "new.unrep").read_bytes()
    assert whole == (home / "relay.unrep").read_bytes() == (home / "joined.unrep").read_bytes()
    assert not Path("relay.unrep.tickets").exists()
    assert "opens with a ship's key and its ticket alone" in refused("inspect new.unrep")
    assert "its id is" not in refused("inspect relay.unrep --ship-key alpha/.unrep/ship.key")
    (home / "keyless").mkdir()
    done("fetch new.unrep --trust release.pub --site keyless --out keyless.unrep")
    said = refused("apply keyless.unrep --site keyless --trust release.pub")
    assert "unrep ship-key new --site" in said and not list((home / "keyless" / "versions").iterdir())


def test_inspect_and_verify_look_inside_with_key_and_ticket(home: Path) -> None:
    """[S-6] [S-10]"""
    build("new", 2, "--base", "old")
    code, out, _ = run("inspect new.unrep --ship-key alpha/.unrep/ship.key --base old --base new")
    assert code == 0 and NAMES[1] in out
    opened = "--ship-key alpha/.unrep/ship.key"
    assert "opened with its ticket" in done(f"verify new.unrep --trust release.pub {opened}")
    assert run("verify new.unrep --trust release.pub --ticket x")[0] == 2
    done(f"ticket new.unrep --ship {ALPHA} --with office.key --key stranger.key --out forged")
    assert "trusted and valid" in refused(f"verify new.unrep --trust release.pub {opened} --ticket forged")
    code, _, err = run("verify new.unrep --trust release.pub --ship-key release.key")
    assert code == 2 and "not the private key of a ship" in err


def test_a_fetch_brings_the_ticket_first(home: Path) -> None:
    """[S-12] [S-15] [T-58] [T-59] From a server by the channel, from a directory, and by another way; else nothing is
    paid for."""
    build("old", 1)
    done("apply old.unrep --site alpha --trust release.pub")
    build("new", 2, "--base", "old", recipients="--recipient office.pub")
    (home / "www").mkdir()
    done("publish new.unrep www --key release.key")
    fetch = "--trust release.pub --site alpha"
    assert run("fetch new.unrep --trust release.pub --ticket x --out x")[0] == 2
    with serving(home / "www") as url:
        said = refused(f"fetch {url}stable.channel {fetch} --out got.unrep")
        assert "no ticket for the ship with key id" in said and ship_id(ALPHA) in said
        assert not Path("got.unrep").exists() and not Path("got.unrep.part").exists()
        done(f"ticket new.unrep --ship {ALPHA} --with office.key --key release.key")
        assert "1 tickets put beside it" in done("publish new.unrep www --key release.key")
        done(f"fetch {url}stable.channel {fetch} --out got.unrep")
    assert ticket("got.unrep").read_bytes() == ticket("new.unrep").read_bytes()
    ticket("new.unrep").unlink()
    done(f"fetch new.unrep {fetch} --out got.unrep")
    done("apply got.unrep --site alpha --trust release.pub")
    assert "only its header was fetched" in done(f"fetch www {fetch} --ship-key beta.key --out none.unrep")
    build("after", 3, "--base", "new")
    shutil.move(ticket("after.unrep"), home / "by-mail")
    done(f"fetch after.unrep {fetch} --ticket by-mail --out mailed.unrep")
    done("apply mailed.unrep --site alpha --trust release.pub")
    assert (home / "alpha/current" / NAMES[2]).read_bytes() == AFTER[NAMES[2]]


def test_a_ticket_that_is_no_good_leaves_no_shore_and_comes_aboard_nowhere(home: Path) -> None:
    """[S-10] [S-15] [T-58] [T-59]"""
    build("new", 2)
    done(f"ticket new.unrep --ship {ALPHA} --with office.key --key stranger.key")
    (home / "www").mkdir()
    assert "trusted and valid" in refused("publish new.unrep www --key release.key")
    assert "trusted and valid" in refused("fetch new.unrep --trust release.pub --site alpha --out got.unrep")
    assert not Path("got.unrep.tickets").exists() and not Path("got.unrep.part").exists()
    ticket("new.unrep").write_bytes(b"\1 no ticket")
    assert "no ticket has" in refused("publish new.unrep www --key release.key")
    assert "no ticket has" in refused("fetch new.unrep --trust release.pub --site alpha --out got.unrep")


def test_a_ship_without_a_key_is_fetched_for_all_the_same(home: Path) -> None:
    """[S-6] Its delta is chosen by the root, and nobody looks into it for what it may lack."""
    shutil.rmtree("alpha")
    (home / "alpha").mkdir()
    build("old", 1, recipients="")
    done("apply old.unrep --site alpha --trust release.pub")
    done("ship-key new --out late")
    build("new", 2, "--base", "old", "--full", recipients="--recipient late.pub")
    done("fetch new.unrep --trust release.pub --site alpha --out got.unrep")
    assert "this one has no key" in refused("apply got.unrep --site alpha --trust release.pub")
    shutil.copytree("new.unrep.tickets", "got.unrep.tickets")
    done("apply got.unrep --site alpha --trust release.pub --ship-key late.key")


def test_a_ticket_is_made_of_a_key_that_opens_the_bundle(home: Path) -> None:
    """[S-9] Whatever the ticket at hand says."""
    build("new", 2)
    office = load_ship_public_key(Path("office.pub"))
    with open_for_display(Path("new.unrep")) as bundle:
        root_hash = bundle.verified.root_hash
    wrong = issue_ticket(ContentKey.new(), office, root_hash, [KEY])
    Path("wrong").write_bytes(wrong)
    more = "ticket new.unrep --ship beta.pub --key release.key --with office.key --out made"
    assert "chunk 0" in refused(f"{more} --ticket wrong") and not Path("made").exists()
    done(more)
    done("verify new.unrep --trust release.pub --ship-key beta.key --ticket made")


def test_of_a_full_section_only_the_chunks_are_fetched_that_hold_what_is_lacking(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[S-5] [T-41] The key opens the delta while it is fetched, and the index of the full release after that."""
    charts = {f"charts/{number}.bin": Random(number).randbytes(30_000) for number in range(40)}
    changed = charts | {f"charts/{number}.bin": charts[f"charts/{number}.bin"] + b"!" for number in range(0, 40, 4)}
    write_tree(home / "old", charts)
    write_tree(home / "new", changed)
    monkeypatch.setattr(sections, "FULL_FRAME_BYTES", 100_000)
    monkeypatch.setattr(builder, "PIECE_BYTES", MIN_PIECE_BYTES)
    build("old", 1)
    done("apply old.unrep --site alpha --trust release.pub")
    build("new", 2, "--base", "old", "--full")
    (home / "alpha/versions/1.0/charts/4.bin").write_bytes(b"damaged")
    fetch = "fetch new.unrep --trust release.pub --site alpha --out got.unrep"
    code, _, err = run(fetch)
    assert code == 4 and "1 files of version 1.0 are damaged: the full release has them" in err
    code, out, err = run(f"{fetch} --allow-full --json")
    assert code == 0, err
    assert 100_000 < json.loads(out)["bytes_needed"] < 400_000 < json.loads(out)["bytes_total"] / 3
    done("apply got.unrep --site alpha --trust release.pub")
    current = home / "alpha/current"
    assert {str(path.relative_to(current)): path.read_bytes() for path in current.rglob("*.bin")} == changed
    with open_for_display(home / "got.unrep") as bundle:
        body = bundle.root.sections[1]
        assert body.length > 10 * CHUNK_BYTES


def test_a_stick_brings_the_ticket_along(home: Path) -> None:
    """[T-73] Volumes with their tickets; one of another bundle in the way is passed over."""
    build("old", 1)
    done("apply old.unrep --site alpha --trust release.pub")
    build("new", 2, "--base", "old", "--full")
    for name in ("one", "two"):
        (home / name).mkdir()
    done("export new.unrep --volume-size 150k --out one")
    (home / "one" / ticket("x").name).write_bytes(ticket("old.unrep").read_bytes())
    done("fetch one --trust release.pub --site alpha --out joined.unrep")
    assert ticket("joined.unrep").read_bytes() == ticket("new.unrep").read_bytes()
    shutil.rmtree("joined.unrep.tickets")
    shutil.rmtree("one/vms-2.0.tickets")
    said = refused("fetch one --trust release.pub --site alpha --out joined.unrep")
    assert "there is no ticket for the ship with key id" in said and "cannot be read" not in said
    assert not Path("joined.unrep.tickets").exists()


def test_bad_input_57_every_wrong_ticket_is_refused_and_the_site_stays(home: Path) -> None:
    """[S-8] to [S-11]"""
    build("old", 1)
    build("new", 2, "--base", "old", recipients=f"--recipient {ALPHA} --recipient beta.pub")
    done("apply old.unrep --site alpha --trust release.pub")
    done(f"ticket old.unrep --ship {ALPHA} --with office.key --key release.key --out other-bundle")
    good = ticket("new.unrep").read_bytes()
    beta = ticket("new.unrep", "beta.pub").read_bytes()
    done(f"ticket new.unrep --ship {ALPHA} --with beta.key --key stranger.key --out stranger")
    wrong = {
        "another ship": beta,
        "another bundle": Path("other-bundle").read_bytes(),
        "trusted and valid, 1 needed": Path("stranger").read_bytes(),
        "cut short": good[:-1],
        "two signatures by one key": good + good[73:],
        "format 2": b"\2" + good[1:],
    }
    before = installed()
    for words, data in wrong.items():
        Path("wrong").write_bytes(data)
        assert words in refused("apply new.unrep --site alpha --trust release.pub --ticket wrong"), words
        assert installed() == before
    choice = Random(7)
    for at in range(1, len(good), 5):
        Path("wrong").write_bytes(good[:at] + bytes([good[at] ^ 1 << choice.randrange(8)]) + good[at + 1 :])
        refused("apply new.unrep --site alpha --trust release.pub --ticket wrong")
    for size in range(0, len(good), 29):
        Path("wrong").write_bytes(good[:size])
        refused("apply new.unrep --site alpha --trust release.pub --ticket wrong")
    assert "cannot be read" in refused("apply new.unrep --site alpha --trust release.pub --ticket nowhere")
    ticket("new.unrep").unlink()
    assert "ask shore for the ticket" in refused("apply new.unrep --site alpha --trust release.pub")
    assert installed() == before
    Path("right").write_bytes(good)
    done("apply new.unrep --site alpha --trust release.pub --ticket right")


Spoil = Callable[[list[bytes], ContentKey], list[bytes]]


def plain_chunks(chunks: list[bytes], key: ContentKey) -> list[bytes]:
    cipher = key.section_cipher(0, len(chunks))
    return [cipher.decrypt(number, chunk) for number, chunk in enumerate(chunks)]


def without_last(chunks: list[bytes], key: ContentKey) -> list[bytes]:
    """The same chunks by whoever has the key, none of them marked as the last."""
    plain = MemoryObject(b"".join(plain_chunks(chunks, key)))
    return list(islice(key.section_cipher(0, len(chunks) + 1).encrypt(plain), len(chunks)))


def with_two_last(chunks: list[bytes], key: ContentKey) -> list[bytes]:
    first = MemoryObject(plain_chunks(chunks, key)[0])
    return [*key.section_cipher(0, 1).encrypt(first), *chunks[1:]]


SPOILT: dict[str, Spoil] = {
    "a bit": lambda c, key: [c[0], c[1][:9] + bytes([c[1][9] ^ 1]) + c[1][10:], *c[2:]],
    "exchanged": lambda c, key: [c[1], c[0], *c[2:]],
    "cut at an edge": lambda c, key: c[:1],
    "the end missing": lambda c, key: c[:-1],
    "no last chunk": without_last,
    "two last chunks": with_two_last,
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_bad_input_61_ciphertext_that_was_changed_is_refused_under_a_good_signature(home: Path, spoil: Spoil) -> None:
    """[S-4] [S-5] Signed, hashed and with a good ticket, and nothing of it reaches the site."""
    build("old", 1)
    done("apply old.unrep --site alpha --trust release.pub")
    write_tree(home / "new", NEW | {"more.bin": Random(9).randbytes(150_000)})
    build("new", 2, "--base", "old")
    alpha = load_ship_key(Path("alpha/.unrep/ship.key"))
    with open_bundle(Path("new.unrep"), TRUST, TicketFile(alpha, ticket("new.unrep"))) as bundle:
        content_key = bundle.content_key()
    spoilt = respoilt(Path("new.unrep"), Path("spoilt.unrep"), lambda chunks: spoil(chunks, content_key))
    with open_bundle(spoilt, TRUST) as bundle:
        Path("ticket").write_bytes(issue_ticket(content_key, alpha.public, bundle.verified.root_hash, [KEY]))
    done("verify spoilt.unrep --trust release.pub")
    before = installed()
    for command in ("apply spoilt.unrep --site alpha --dry-run", "apply spoilt.unrep --site alpha"):
        said = refused(f"{command} --trust release.pub --ticket ticket")
        assert "chunk" in said or "packs do not fill" in said
    refused("verify spoilt.unrep --trust release.pub --ship-key alpha/.unrep/ship.key --ticket ticket")
    assert installed() == before


def test_the_key_may_lie_where_the_configuration_says(home: Path) -> None:
    """[S-14]"""
    (home / "keys").mkdir()
    shutil.move("alpha/.unrep/ship.key", "keys/alpha.key")
    build("old", 1)
    assert "has no key" in refused("apply old.unrep --site alpha --trust release.pub")
    Path("alpha/unrep.toml").write_text('[trust]\nship_key = "../keys/alpha.key"\n')
    done("apply old.unrep --site alpha --trust release.pub")


def test_tickets_survive_new_signatures(home: Path) -> None:
    """[S-13] The root stays, so the seal does; the signatures under the tickets go with those of the bundle."""
    build("old", 1)
    done("keygen --out next")
    done("resign old.unrep --key next.key --out signed.unrep")
    assert "trusted and valid" in refused(
        "apply signed.unrep --site alpha --trust next.pub --ticket", ticket("old.unrep")
    )
    done("apply signed.unrep --site alpha --trust next.pub")
    done("resign old.unrep --key next.key")
    done("verify old.unrep --trust next.pub --ship-key alpha/.unrep/ship.key")
    done("verify old.unrep --trust next.pub --ship-key office.key")


def test_a_repair_of_an_encrypted_release_is_encrypted(home: Path) -> None:
    """[S-16]"""
    build("old", 1)
    done("apply old.unrep --site alpha --trust release.pub")
    build("new", 2, "--base", "old")
    (home / "alpha/versions/1.0/library.bin").write_bytes(b"damaged")
    done("repair-request --site alpha --out request")
    repair = "repair request --bundle new.unrep --new new --base old --key release.key --workers 1 --out repair.unrep"
    code, _, err = run(repair)
    assert code == 2 and "--recipient" in err
    done(f"{repair} --recipient {ALPHA}")
    done("apply repair.unrep --site alpha --trust release.pub")


def test_keys_are_never_overwritten_and_bad_ones_refused(home: Path) -> None:
    """[S-7]"""
    if os.name != "nt":
        assert (Path("alpha/.unrep/ship.key").stat().st_mode & 0o77) == 0
    for line in ("ship-key new --site alpha", "ship-key new --out beta"):
        code, _, err = run(line)
        assert code == 2 and "exists already" in err
    assert run("ship-key new")[0] == run("ship-key new --site alpha --out x")[0] == 2
    for public in ("release.pub", "beta.key", "nowhere"):
        code, _, err = run(f"build old {RELEASE} --version 1.0 --seq 1 --recipient {public} --out no.unrep")
        assert code == 2 and err.startswith(f"unrep: {public}: ")
    build("old", 1, recipients="")
    code, _, err = run("ticket old.unrep --ship beta.pub --with office.key --key release.key")
    assert code == 2 and "is not encrypted" in err
