"""The vectors of spec/vectors, made without our encoder, through our reader; and the generator gives them again."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from bundle.archives.engines import present_features
from bundle.errors import BundleError, Corrupt, Malformed, Revoked, Sealed, Unsupported, Untrusted
from bundle.format.manifest import Kind, TreeManifest, check_link_target
from bundle.format.repair_request import left_by, read_repair_request
from bundle.read.evaluate import open_evaluation
from bundle.read.reader import open_bundle, open_for_display
from bundle.read.tree import DirectoryBase, scan
from bundle.receipts.receipt import open_receipt
from bundle.recipients.ship_key import ShipKey, ShipPublicKey
from bundle.recipients.ticket import TicketFile
from bundle.trust.heartbeat import verify_heartbeat
from bundle.trust.signing import VerifyingKey
from bundle.trust.trust import Trust
from tests.support.repository import REPOSITORY

VECTORS = REPOSITORY / "spec" / "vectors"
DOCUMENT: dict[str, Any] = json.loads((VECTORS / "vectors.json").read_text(encoding="utf-8"))
CLASSES = {
    "malformed": Malformed,
    "corrupt": Corrupt,
    "untrusted": Untrusted,
    "unsupported": Unsupported,
    "revoked": Revoked,
    "sealed": Sealed,
}
SHIP = ShipKey(X25519PrivateKey.from_private_bytes(bytes.fromhex(DOCUMENT["ship"])))
TRUST = Trust((VerifyingKey(bytes.fromhex(DOCUMENT["trusted"])),))


@pytest.fixture
def base(vector: dict[str, Any], tmp_path: Path) -> DirectoryBase:
    directory = tmp_path / "base"
    directory.mkdir()
    for path, content in vector.get("base", DOCUMENT["base"]).items():
        (directory / path).write_bytes(bytes.fromhex(content))
    return DirectoryBase(directory, scan(directory))


def read_through(path: Path, base: DirectoryBase, ticket: Path, trust: Trust = TRUST) -> TreeManifest:
    """Reads a bundle as far as a receiver with that base and ticket does: header, one section, every object."""
    with open_bundle(path, trust, TicketFile(SHIP, ticket)) as bundle:
        delta = bundle.root.delta_section(base.manifest.tree_hash, present_features())
        section = delta or bundle.root.full_section(present_features())
        assert section is not None, "the vector holds nothing for its receiver"
        opened = bundle.open_section(section)
        opened.verify()
        evaluation = open_evaluation(opened, base if delta else None, present_features())
        for place, chunks in evaluation.objects():
            content = b"".join(chunks)
            if place and evaluation.draft.entry(place).kind == Kind.SYMLINK:
                check_link_target(evaluation.draft.entry(place), content)
        return evaluation.finished()


@pytest.mark.parametrize("vector", DOCUMENT["vectors"], ids=lambda vector: vector["name"])
def test_vector(vector: dict[str, str], base: DirectoryBase, tmp_path: Path) -> None:
    path, ticket = VECTORS / f"{vector['name']}.unrep", tmp_path / "ticket"
    if "ticket" in vector:
        ticket.write_bytes(bytes.fromhex(vector["ticket"]))
    if vector["expect"] == "accept":
        read_through(path, base, ticket)
        return
    with pytest.raises(BundleError) as caught:
        read_through(path, base, ticket)
    assert type(caught.value) is CLASSES[vector["expect"]], f"{vector['about']}: {caught.value}"
    assert "\n" not in str(caught.value)


SOUND = [vector["name"] for vector in DOCUMENT["vectors"] if vector["expect"] == "accept"]


@pytest.mark.parametrize("name", SOUND)
def test_every_section_of_a_sound_bundle_is_verified_also_those_of_later_readers(name: str) -> None:
    """[F-8]: without a ship's key, an encrypted one as it stands."""
    with open_bundle(VECTORS / f"{name}.unrep", TRUST) as bundle:
        for section in bundle.root.sections:
            bundle.verify_section(section)


@pytest.mark.parametrize("vector", [v for v in DOCUMENT["vectors"] if "adopted" in v], ids=lambda v: v["name"])
def test_vector_whose_trust_roots_a_person_adopted(vector: dict[str, str], base: DirectoryBase, tmp_path: Path) -> None:
    """[R-1]: the trust roots that it carries were named as a trust file, with the key that they follow."""

    def judged() -> None:
        path = VECTORS / f"{vector['name']}.unrep"
        with open_for_display(path) as bundle:
            adopted = TRUST.following(bundle.signature_block().trust)
        read_through(path, base, tmp_path / "ticket", adopted)

    if vector["adopted"] == "accept":
        judged()
        return
    with pytest.raises(BundleError) as caught:
        judged()
    assert type(caught.value) is CLASSES[vector["adopted"]], f"{vector['about']}: {caught.value}"


@pytest.mark.parametrize("key", DOCUMENT["keys"], ids=lambda key: key["name"])
def test_key(key: dict[str, str]) -> None:
    """[F-29]"""
    raw = bytes.fromhex(key["key"])
    if key["expect"] == "accept":
        assert VerifyingKey(raw).raw == raw
        return
    with pytest.raises(CLASSES[key["expect"]]):
        VerifyingKey(raw)


@pytest.mark.parametrize("key", DOCUMENT["ship_keys"], ids=lambda key: key["name"])
def test_ship_key(key: dict[str, str]) -> None:
    """[S-7]"""
    raw = bytes.fromhex(key["key"])
    if key["expect"] == "accept":
        assert ShipPublicKey(raw).raw == raw
        return
    with pytest.raises(CLASSES[key["expect"]]):
        ShipPublicKey(raw)


@pytest.mark.parametrize("vector", DOCUMENT["heartbeats"], ids=lambda vector: vector["name"])
def test_heartbeat(vector: dict[str, str]) -> None:
    """[R-15]"""
    data = bytes.fromhex(vector["heartbeat"])
    if vector["expect"] == "accept":
        assert verify_heartbeat(data, TRUST)[0].product == "vectors"
        return
    with pytest.raises(BundleError) as caught:
        verify_heartbeat(data, TRUST)
    assert type(caught.value) is CLASSES[vector["expect"]], f"{vector['about']}: {caught.value}"


@pytest.mark.parametrize("vector", DOCUMENT["receipts"], ids=lambda vector: vector["name"])
def test_receipt(vector: dict[str, str]) -> None:
    """[C-1] to [C-7]"""
    data, key = bytes.fromhex(vector["receipt"]), VerifyingKey(bytes.fromhex(DOCUMENT["trusted"]))
    if vector["expect"] == "accept":
        assert open_receipt(data, {key.key_id: key}, "r").receipt.product in ("vectors", "p" * 23)
        return
    with pytest.raises(CLASSES[vector["expect"]]):
        open_receipt(data, {key.key_id: key}, "r")


@pytest.mark.parametrize("vector", DOCUMENT["repairs"], ids=lambda vector: vector["name"])
def test_repair_request(vector: dict[str, str]) -> None:
    """[F-60] [F-61]"""
    data, release = bytes.fromhex(vector["repair"]), TreeManifest.decode(bytes.fromhex(vector["manifest"]), "any")
    if vector["expect"] == "accept":
        left_by(read_repair_request(data, "r"), release, "r")
        return
    with pytest.raises(CLASSES[vector["expect"]]):
        left_by(read_repair_request(data, "r"), release, "r")


def test_there_are_three_rejects_to_one_accept() -> None:
    accepted = [vector for vector in DOCUMENT["vectors"] if vector["expect"] == "accept"]
    assert len(accepted) * 4 <= len(DOCUMENT["vectors"])


def test_the_generator_gives_the_same_files(tmp_path: Path) -> None:
    subprocess.run([sys.executable, VECTORS / "generate.py", tmp_path], check=True)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    kept = {
        path.name: path.read_bytes()
        for path in VECTORS.iterdir()
        if path.suffix == ".unrep" or path.name == "vectors.json"
    }
    assert sorted(made) == sorted(kept)
    assert [name for name in made if made[name] != kept[name]] == []
