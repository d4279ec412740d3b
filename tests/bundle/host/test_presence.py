"""What stands at a path, and that an account which may not look is told so: bundle.host.presence [A-111]"""

import errno
import os
from pathlib import Path

import pytest

from bundle.host import presence


def test_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = [
        (presence.exists(path), presence.is_file(path), presence.is_directory(path))
        for path in (tmp_path, tmp_path / "file", tmp_path / "none", tmp_path / "file" / "below", Path("a\0b"))
    ]
    nothing = (False, False, False)
    assert found == [(True, False, True), (True, True, False), nothing, nothing, nothing]


@pytest.mark.skipif(os.name == "nt", reason="POSIX links")
def test_links_are_followed_and_one_to_itself_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    assert presence.is_directory(tmp_path / "link") and not presence.exists(tmp_path / "loop")


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO])
def test_no_answer_is_not_a_no(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        raise OSError(number, os.strerror(number), str(self))

    monkeypatch.setattr(Path, "stat", refuse)
    for ask in (presence.exists, presence.is_file, presence.is_directory):
        with pytest.raises(OSError, match=os.strerror(number)):
            ask(Path("closed"))
