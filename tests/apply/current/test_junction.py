"""The bytes of a junction, and how its switch behaves when Windows refuses."""

import struct
from pathlib import Path, PureWindowsPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from apply.current.junction import JunctionSwitch, junction_target, reparse_buffer
from apply.errors import SiteInvalid, SwitchFailed
from tests.support.sites import ntfs_image
from tests.support.sites.fake_kernel import DIRECTORY, FakeKernel

CURRENT = PureWindowsPath("C:\\site\\current")
OLD, NEW = Path("C:\\site\\versions\\1.0.0"), Path("C:\\site\\versions\\1.0.1")
ACCESS_DENIED, NOT_READY, SHARING_VIOLATION, LOCK_VIOLATION = 5, 21, 32, 33


class Site:
    """A site on a fake kernel with two versions, the pauses of its switch written down."""

    def __init__(self) -> None:
        self.kernel = FakeKernel()
        self.pauses: list[float] = []
        for version in (OLD, NEW):
            self.kernel.make_directories(str(version))
        self.switch = JunctionSwitch(Path("C:\\site"), self.kernel, self.pauses.append)

    def names(self) -> set[str]:
        return self.kernel.names("C:\\site")


@pytest.fixture
def fresh() -> Site:
    return Site()


@pytest.fixture
def site() -> Site:
    site = Site()
    site.switch.point_to(OLD)
    site.kernel.calls.clear()
    return site


def test_golden_bytes() -> None:
    buffer = reparse_buffer("C:\\versions\\1.0")
    assert buffer[:16].hex(" ", 2) == "0300 00a0 5000 0000 0000 2600 2800 1e00"
    assert buffer[16:] == "\\??\\C:\\versions\\1.0\0C:\\versions\\1.0\0".encode("utf-16-le")
    assert len(buffer) == 8 + 0x50


def test_golden_bytes_read_back() -> None:
    golden = bytes.fromhex("030000a0500000000000260028001e00") + "\\??\\C:\\versions\\1.0\0C:\\versions\\1.0\0".encode(
        "utf-16-le"
    )
    assert junction_target(golden) == "C:\\versions\\1.0"


@given(st.lists(st.text(st.characters(exclude_characters="\\/:\0", exclude_categories=["Cs"]), min_size=1), min_size=1))
@example(["half a letter \ud83d", "\udcff"])
def test_every_local_path_comes_back_as_it_was(parts: list[str]) -> None:
    """[A-97]"""
    target = "C:\\" + "\\".join(parts)
    assert junction_target(reparse_buffer(target)) == target


@pytest.mark.parametrize(
    "target",
    [
        "versions\\1.0",
        "\\versions\\1.0",
        "C:versions",
        "\\\\server\\share\\1.0",
        "\\\\?\\C:\\1.0",
        "\\\\.\\C:\\1.0",
        "",
        "C:\\a\0b",
    ],
)
def test_a_target_that_no_junction_can_have_is_refused(target: str) -> None:
    with pytest.raises(SwitchFailed, match="local drive"):
        reparse_buffer(target)


@given(st.binary(max_size=64))
def test_garbage_is_no_junction(garbage: bytes) -> None:
    with pytest.raises(ValueError, match="reparse point"):
        junction_target(garbage)


@pytest.mark.parametrize("cut", range(88))
def test_a_truncated_junction_is_refused(cut: int) -> None:
    with pytest.raises(ValueError, match="reparse point"):
        junction_target(reparse_buffer("C:\\versions\\1.0")[:cut])


def test_a_name_beyond_the_end_is_refused() -> None:
    header = struct.pack("<LHHHHHH", 0xA0000003, 8 + 4, 0, 0, 6, 0, 0)
    with pytest.raises(ValueError, match="lengths"):
        junction_target(header + b"a\0b\0")


def test_a_mounted_volume_is_not_taken_for_a_version(site: Site) -> None:
    name = "\\??\\Volume{01234567-89ab-cdef-0123-456789abcdef}\\".encode("utf-16-le")
    header = struct.pack("<LHHHHHH", 0xA0000003, 8 + len(name) + 4, 0, 0, len(name), len(name) + 2, 0)
    site.kernel.nodes[CURRENT] = header + name + b"\0\0\0\0"
    with pytest.raises(SiteInvalid, match="current"):
        site.switch.read()


def test_a_symlink_is_refused_by_its_tag_and_stays(site: Site) -> None:
    symlink = struct.pack("<L", 0xA000000C) + reparse_buffer(str(OLD))[4:]
    site.kernel.nodes[CURRENT] = symlink
    with pytest.raises(SiteInvalid, match="0xA000000C"):
        site.switch.point_to(NEW)
    assert site.kernel.nodes[CURRENT] == symlink


def test_a_retarget_sets_the_link_once_and_is_never_seen_without(site: Site) -> None:
    seen = []
    site.kernel.watchers.append(lambda: seen.append(junction_target(site.kernel.nodes[CURRENT])))
    site.switch.point_to(NEW)
    assert seen == [str(NEW)]


def test_a_first_install_shows_current_only_when_it_is_whole(fresh: Site) -> None:
    def look() -> None:
        if CURRENT in fresh.kernel.nodes:
            assert junction_target(fresh.kernel.nodes[CURRENT]) == str(OLD)

    fresh.kernel.watchers.append(look)
    fresh.switch.point_to(OLD)
    assert fresh.names() == {"versions", "current"}
    assert fresh.kernel.calls.count("rename") == 1


@pytest.mark.parametrize("code", [ACCESS_DENIED, SHARING_VIOLATION, LOCK_VIOLATION])
@pytest.mark.parametrize("call", ["get_reparse_point", "set_reparse_point"])
def test_what_holds_the_link_for_a_moment_is_waited_for(site: Site, call: str, code: int) -> None:
    site.kernel.fail(call, code, code, code)
    site.switch.point_to(NEW)
    assert site.switch.read() == NEW
    assert len(site.pauses) == 3
    assert site.pauses == sorted(site.pauses)


@pytest.mark.parametrize("call", ["set_reparse_point", "rename"])
def test_a_first_install_waits_too(fresh: Site, call: str) -> None:
    fresh.kernel.fail(call, SHARING_VIOLATION)
    fresh.switch.point_to(OLD)
    assert fresh.switch.read() == OLD


def test_waiting_ends_after_0_8_s_in_all_whichever_calls_fail(site: Site) -> None:
    site.kernel.fail("get_reparse_point", *[SHARING_VIOLATION] * 4)
    site.kernel.fail("set_reparse_point", *[ACCESS_DENIED] * 100)
    with pytest.raises(SwitchFailed, match=r"current.*1\.0\.1.*Windows error 5"):
        site.switch.point_to(NEW)
    assert sum(site.pauses) == pytest.approx(0.8)
    assert junction_target(site.kernel.nodes[CURRENT]) == str(OLD)


def test_a_lasting_error_is_not_tried_again(site: Site) -> None:
    site.kernel.fail("set_reparse_point", NOT_READY)
    with pytest.raises(SwitchFailed, match="Windows error 21"):
        site.switch.point_to(NEW)
    assert site.pauses == []
    assert site.switch.read() == OLD


@pytest.mark.parametrize("call", ["create_directory", "set_reparse_point", "rename"])
def test_a_first_install_that_fails_leaves_nothing(fresh: Site, call: str) -> None:
    fresh.kernel.fail(call, NOT_READY)
    with pytest.raises(SwitchFailed, match="Windows error 21"):
        fresh.switch.point_to(OLD)
    assert fresh.names() == {"versions"}


@pytest.mark.parametrize("step", ["made", "set"])
def test_a_first_install_that_was_killed_is_done_again(fresh: Site, step: str) -> None:
    def cut() -> None:
        if step == "made" or fresh.kernel.nodes.get(PureWindowsPath("C:\\site\\.current.new"), DIRECTORY) != DIRECTORY:
            raise KeyboardInterrupt

    fresh.kernel.watchers.append(cut)
    with pytest.raises(KeyboardInterrupt):
        fresh.switch.point_to(NEW)
    assert fresh.names() == {"versions", ".current.new"}
    fresh.kernel.watchers.clear()
    fresh.switch.point_to(OLD)
    assert fresh.names() == {"versions", "current"}
    assert fresh.switch.read() == OLD


def test_a_system_that_says_done_and_did_nothing_is_found_out(site: Site) -> None:
    site.kernel.set_reparse_point = lambda path, reparse_point: None  # type: ignore[method-assign]
    with pytest.raises(SwitchFailed, match="reads back"):
        site.switch.point_to(NEW)


def test_a_refused_flush_is_no_failure(site: Site) -> None:
    site.kernel.fail("flush", ACCESS_DENIED)
    site.switch.point_to(NEW)
    assert site.switch.read() == NEW
    assert "flush" in site.kernel.calls


def test_names_differ_in_case_only_and_mean_the_same(site: Site) -> None:
    site.switch.point_to(Path("c:\\SITE\\Versions\\1.0.0"))
    assert "set_reparse_point" not in site.kernel.calls


@pytest.mark.skipif(ntfs_image.missing() != "", reason=ntfs_image.missing())
def test_a_real_ntfs_follows_the_junction(tmp_path: Path) -> None:
    image, directory = tmp_path / "ntfs.img", tmp_path / "mounted"
    ntfs_image.format_image(image)
    for version in (OLD, NEW):
        with ntfs_image.mounted(image, directory) as root:  # mounted anew, for FUSE remembers what `current` was
            kernel = ntfs_image.NtfsKernel(root)
            kernel.make_directories(str(version))
            (kernel.place(str(version)) / "VERSION").write_text(version.name)
            JunctionSwitch(Path("C:\\site"), kernel).point_to(version)
        with ntfs_image.mounted(image, directory) as root:
            assert (root / "site/current/VERSION").read_text() == str(version)
