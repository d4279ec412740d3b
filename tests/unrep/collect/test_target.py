"""What a platform tag and a Python version mean for pip and for markers."""

import sys

import pytest
from packaging.markers import Marker, default_environment

from unrep.collect.target import Target
from unrep.errors import CollectError


def test_windows_from_anywhere() -> None:
    target = Target(("win_amd64",), "3.11")
    assert target.windows
    marker = "sys_platform == 'win32' and platform_machine == 'AMD64' and python_full_version < '3.11.1'"
    assert Marker(marker).evaluate(target.environment())
    assert target.pip_options() == ["--platform=win_amd64", "--python-version=3.11", "--implementation=cp"]
    assert str(target) == "win_amd64 and Python 3.11"


def test_older_c_libraries_fit_too() -> None:
    options = Target(("manylinux_2_18_aarch64",)).pip_options()
    platforms = [option.removeprefix("--platform=") for option in options if option.startswith("--platform=")]
    assert platforms[:3] == ["manylinux_2_18_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"]
    assert "manylinux_2_5_aarch64" in platforms and "manylinux_2_4_aarch64" not in platforms
    assert platforms[-1] == "linux_aarch64"
    assert Target(("manylinux2014_x86_64",)).pip_options()[0] == "--platform=manylinux_2_17_x86_64"
    assert Target(("musllinux_1_1_x86_64",)).pip_options()[:2] == [
        "--platform=musllinux_1_1_x86_64",
        "--platform=musllinux_1_0_x86_64",
    ]


def test_this_machine_needs_no_options() -> None:
    target = Target()
    assert target.pip_options() == []
    assert target.environment() == dict(default_environment())
    assert target.windows == (sys.platform == "win32")


@pytest.mark.parametrize(
    ("platforms", "python", "message"),
    [
        (("plan9",), None, "'plan9' is not known"),
        (("linux_x86_64",), None, "'linux_x86_64' is not known"),
        (("win_amd64", "manylinux2014_x86_64"), None, "are different systems"),
        (("manylinux2014_aarch64", "manylinux2014_x86_64"), None, "are different systems"),
        ((), "311", "write it like 3.11"),
        ((), "2.7", "write it like 3.11"),
    ],
)
def test_what_no_ship_has_is_refused(platforms: tuple[str, ...], python: str | None, message: str) -> None:
    with pytest.raises(CollectError, match=message):
        Target(platforms, python)


def test_tags_of_one_system_go_together() -> None:
    assert not Target(("manylinux_2_17_x86_64", "manylinux_2_28_x86_64"), "3.12.4").windows
