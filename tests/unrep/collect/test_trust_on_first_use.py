"""Hashes of wheels are saved the first time and compared from then on."""

import hashlib
from pathlib import Path

import pytest

from unrep.collect.trust_on_first_use import checked, hashes_file, save
from unrep.errors import CollectError

NAME = "alpha-1.0-py3-none-any.whl"


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    (tmp_path / NAME).write_bytes(b"wheel")
    return tmp_path / NAME


def test_the_same_wheel_again(wheel: Path) -> None:
    file = hashes_file(wheel.with_name("requirements.txt"))
    found = checked(file, [wheel])
    assert found == {NAME: hashlib.sha256(b"wheel").hexdigest()} and not file.exists()
    assert save(file, found) == ""
    assert file.name == "requirements.txt.wheels.sha256" and checked(file, [wheel]) == checked(file, []) == found


def test_another_file_of_that_name(wheel: Path) -> None:
    file = hashes_file(wheel.with_name("requirements.txt"))
    save(file, checked(file, [wheel]))
    wheel.write_bytes(b"another")
    with pytest.raises(CollectError, match=f"{NAME}: is another file than when it was first collected"):
        checked(file, [wheel])


@pytest.mark.parametrize("line", ["", "0" * 64, f"{'0' * 63}  {NAME}", f"{'0' * 64}  ../{NAME}", f"{'0' * 64} {NAME}"])
def test_a_file_that_is_not_one_of_hashes(line: str, wheel: Path) -> None:
    file = hashes_file(wheel.with_name("requirements.txt"))
    file.write_text(f"{'0' * 64}  other-1.0-py3-none-any.whl\n{line}\n")
    with pytest.raises(CollectError, match="line 2 is not the hash of one more wheel"):
        checked(file, [wheel])


def test_hashes_that_cannot_be_saved(wheel: Path) -> None:
    file = hashes_file(wheel.with_name("requirements.txt"))
    file.mkdir()
    assert str(file) in save(file, {NAME: "0" * 64})
