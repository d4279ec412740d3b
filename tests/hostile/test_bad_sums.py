"""What adds up to more than it looks: sizes that contradict, and recipes that take more than the release is worth.

What can be told from the index is refused before the first byte is written anywhere: [F-63] to [F-68], [A-15].
"""

from collections.abc import Iterator
from types import SimpleNamespace
from unittest import mock

import pytest

from apply.errors import DiskFull
from apply.rebuild.room import MARGIN_BYTES
from bundle.errors import Malformed
from tests.support.contents.raw_bundles import raw, vector
from tests.support.sites.attacked_site import Besieged

TIB = 1 << 40


@pytest.fixture
def nothing_written() -> Iterator[None]:
    """Fails the test if an intermediate result is kept, in memory or on disk."""
    with mock.patch(
        "bundle.format.objects.Scratch.save", side_effect=AssertionError("an intermediate result was saved")
    ):
        yield


@pytest.mark.usefixtures("nothing_written")
def test_one_content_of_two_sizes(site: Besieged) -> None:
    """[F-63] Such a file would be copied, and called damaged for ever after."""
    site.refuses_vectors("size-base", "size-base-less", "size-base-link", "size-twice", "size-twice-link")
    site.refuses(vector("size-base"), Malformed, "path 'b.bin': has 201 bytes, but 'b.bin', the same content, 200")


@pytest.mark.usefixtures("nothing_written")
def test_a_disk_bomb_of_concats(site: Besieged) -> None:
    """[F-64] [F-65] Some hundred bytes that would write gigabytes, declared or not."""
    site.refuses_vectors("doubled-room", "room-missing", "room-short", "room-negative", "grown-one", "grown-frames")
    assert vector("doubled-24").stat().st_size < 1000
    site.refuses(vector("doubled-43"), DiskFull, "the new version needs 9,007,199,254,741,091 bytes, and ", code=5)
    with mock.patch("apply.rebuild.preflight.shutil.disk_usage", return_value=SimpleNamespace(free=1 << 60)):
        site.refuses_vectors("doubled-24", "doubled-43")
        site.refuses(vector("doubled-24"), Malformed, "makes 3,355,443,100 bytes on the way to a release of 100")


def test_what_looks_like_one_and_is_none(site: Besieged) -> None:
    """[F-64] [F-65]"""
    for name in ("doubled", "grown"):
        assert site.copied(site.directory.with_name(name)).apply(vector(name))[0] == 0


@pytest.mark.usefixtures("nothing_written")
def test_a_bomb_of_uses_and_numbers(site: Besieged) -> None:
    """[F-68] A few kB that would take minutes to go through, and are refused with the index."""
    site.refuses_vectors("uses-many", "numbers-many")
    site.refuses(vector("uses-many"), Malformed, "use objects more than 4000000 times")
    site.refuses(vector("numbers-many"), Malformed, "bytes of numbers for a release of ")


def test_a_bomb_of_members_and_images(site: Besieged) -> None:
    """[F-68] One member that is deflated into archive after archive, one image that is rebased again and again."""
    site.refuses_vectors("deflated-more")
    site.refuses(vector("deflated-more"), Malformed, "too many members of archives for a release of 100 bytes")
    assert site.copied(site.directory.with_name("often")).apply(vector("deflated-often"))[0] == 0
    with mock.patch("bundle.read.work_limit.FREE_BYTES", -1):
        site.refuses(vector("reaimed-shrunk"), Malformed, "too many images to rebase for a release of ")
    with mock.patch("bundle.read.work_limit.FREE_BYTES", 0):
        assert site.copied(site.directory.with_name("shrunk")).apply(vector("reaimed-shrunk"))[0] == 0


def test_the_disk_is_asked_for_all_that_is_taken(site: Besieged) -> None:
    """[A-15]: the release, the room, and a file that is kept because a recipe uses it."""
    needed = 4096 + 104_000 + 100 + MARGIN_BYTES
    with mock.patch("apply.rebuild.preflight.shutil.disk_usage", return_value=SimpleNamespace(free=needed - 1)):
        site.refuses(vector("grown"), DiskFull, f"needs {needed:,} bytes, and {needed - 1:,} are free", code=5)
    with mock.patch("apply.rebuild.preflight.shutil.disk_usage", return_value=SimpleNamespace(free=needed)):
        assert site.apply(vector("grown"))[0] == 0


@pytest.mark.usefixtures("nothing_written")
@pytest.mark.parametrize("room", [16 * TIB, (1 << 53) - 1])
def test_a_room_that_no_ship_has(site: Besieged, room: int) -> None:
    """[A-15] [F-64] The root's word is enough: the section is not parsed."""
    bundle = raw.write(raw.Bundle([raw.delta(room=room)]))
    needed = room + sum(len(content) for _, _, content in raw.TARGET)
    site.refuses(bundle, DiskFull, f"the new version needs {needed:,} bytes, and ", code=5)
