"""Bad inputs 21 to 40, of the attack list: paths that leave the tree, or that some file system takes for others.

Each under the rule set `any`, and those that POSIX would not keep inside the tree under `posix` too.
"""

import pytest

from bundle.errors import Malformed
from tests.support.contents.raw_bundles import raw, with_paths
from tests.support.sites.attacked_site import Besieged


def refuses_paths(site: Besieged, *paths: str, posix: bool = False) -> None:
    """Each alone in a release, as a file and as a directory."""
    for path in paths:
        for platform in ("any", "posix") if posix else ("any",):
            site.refuses(with_paths(path, platform=platform), Malformed, "path ")
            site.refuses(with_paths(f"{path}/x", platform=platform), Malformed, "path ")


def refuses_together(site: Besieged, one: str, other: str) -> None:
    """Beside each other, and as directories of others."""
    site.refuses(with_paths(one, other), Malformed, "path ")
    site.refuses(with_paths(f"{one}/x", f"{other}/y"), Malformed, "directory ")
    site.refuses(with_paths(one, f"{other}/y"), Malformed, "path ")


def test_bad_input_21_up_and_out(site: Besieged) -> None:
    site.refuses_vectors("path-01", "path-02", "path-up", "path-inside")
    refuses_paths(site, "../x", "a/../../x", "a/..", "..", "../outside/precious", posix=True)


def test_bad_input_22_up_and_out_with_backslashes(site: Besieged) -> None:
    site.refuses_vectors("path-13")
    refuses_paths(site, "a\\..\\x", "..\\x", "a\\b")


def test_bad_input_23_absolute(site: Besieged) -> None:
    site.refuses_vectors("path-03")
    refuses_paths(site, "/etc/x", "/", posix=True)
    refuses_paths(site, "\\x")


def test_bad_input_24_drives(site: Besieged) -> None:
    site.refuses_vectors("path-14")
    refuses_paths(site, "C:\\x", "C:x", "c:", "C:/x", "\u00c4:x", "\u2170:\\x")


def test_bad_input_25_shares(site: Besieged) -> None:
    site.refuses_vectors("path-15")
    refuses_paths(site, "\\\\srv\\share\\x")
    refuses_paths(site, "//srv/share/x", posix=True)


def test_bad_input_26_device_namespaces(site: Besieged) -> None:
    refuses_paths(site, "\\\\?\\C:\\x", "\\\\.\\C:", "\\??\\C:\\x", "\\\\?\\UNC\\srv\\share", "\\\\.\\PhysicalDrive0")
    refuses_paths(site, "//?/C:/x", "//./C:/x", posix=True)


def test_bad_input_27_streams(site: Besieged) -> None:
    site.refuses_vectors("path-16")
    refuses_paths(site, "f:ads", "d::$INDEX_ALLOCATION", "f::$DATA", "a/f:ads")


def test_bad_input_28_devices(site: Besieged) -> None:
    site.refuses_vectors("path-17", "path-18", "path-19", "path-20", "path-21", "path-device-arc", "path-device-0")
    site.refuses_vectors("path-device-directory", "path-console-out", "version-device", "version-com")
    refuses_paths(site, "CON", "NUL.txt", "COM1", "COM\u00b9", "LPT9 .txt", "CONIN$", "conout$", "a/Aux", "prn.tar.gz")


def test_bad_input_29_a_dot_or_space_at_the_end(site: Besieged) -> None:
    site.refuses_vectors("path-22", "path-23", "path-space-within", "version-dot")
    refuses_paths(site, "a.", "a ", "a. .", "a/b.")


def test_bad_input_30_characters_that_windows_refuses(site: Besieged) -> None:
    site.refuses_vectors("path-24", "path-25", "path-quote", "path-pipe", "path-star", "path-less", "path-delete")
    refuses_paths(site, *(f"a{character}b" for character in '<>"|?*'), *(f"a{chr(code)}b" for code in (1, 9, 10, 31)))


def test_bad_input_31_components_that_are_none(site: Besieged) -> None:
    site.refuses_vectors("path-04", "path-05", "path-06", "path-empty", "link-dot", "link-double", "link-slash")
    refuses_paths(site, "", ".", "a//b", "a/", "./a", "a/./b", "//", posix=True)


def test_bad_input_32_letter_case(site: Besieged) -> None:
    site.refuses_vectors("paths-1", "paths-4", "paths-deep")
    refuses_together(site, "A.txt", "a.txt")


def test_bad_input_33_letters_that_fold_to_others(site: Besieged) -> None:
    """Upper case and case folding, which differ: ß is SS by both, ı is I by the upper case alone."""
    site.refuses_vectors("paths-2", "paths-3", "paths-long-s", "paths-ligature")
    for one, other in (("\u00df", "SS"), ("\u0131", "I"), ("\u017f", "s"), ("\ufb00", "FF"), ("\u0390", "\u1fd3")):
        site.refuses(with_paths(one, other), Malformed, "path ")


def test_bad_input_34_one_name_in_two_normal_forms(site: Besieged) -> None:
    site.refuses_vectors("path-10", "path-form-within", "link-form")
    refuses_paths(site, "e\u0301", posix=True)
    site.refuses(with_paths("\u00e9", "e\u0301"), Malformed, "normal form C")


def test_bad_input_35_short_aliases(site: Besieged) -> None:
    site.refuses_vectors("path-26", "path-alias-short", "path-alias-directory")
    refuses_paths(site, "LONGFI~1.TXT", "progra~1", "a~1.b")


def test_bad_input_36_too_long(site: Besieged) -> None:
    site.refuses_vectors("path-08", "path-09", "path-units", "link-long", "link-huge")
    refuses_paths(site, "x" * 256, "\U0001f600" * 128, "/".join(["x" * 200] * 6), posix=True)


def test_bad_input_37_a_file_that_is_a_directory(site: Besieged) -> None:
    site.refuses_vectors("paths-5", "paths-file-directory")
    for platform in ("any", "posix"):
        site.refuses(with_paths("a", "a/b", platform=platform), Malformed, "is the parent of others")


def test_bad_input_38_a_path_twice(site: Besieged) -> None:
    site.refuses_vectors("manifest-same")
    site.refuses(with_paths("a", "a", platform="posix"), Malformed, "stands there twice")


def test_bad_input_39_names_that_are_unreps_own(site: Besieged) -> None:
    site.refuses_vectors("path-11", "path-12", "path-reserved-mixed")
    refuses_paths(site, ".unrep", ".UNREP", ".unrep/state.db", posix=True)


@pytest.mark.parametrize("kind", [4, 5, 6, 0x80, 0xFF])
def test_bad_input_40_kinds_that_are_none(site: Besieged, kind: int) -> None:
    """A hard link, a junction, a device: there is no way to say so."""
    for platform in ("any", "posix"):
        site.refuses(raw.with_tree([("a", kind, b"x")], platform=platform), Malformed, "kind")


def test_bad_input_40_links_that_leave_the_tree(site: Besieged) -> None:
    site.refuses_vectors("manifest-kind", "manifest-link", "link-1", "link-2", "link-3", "link-back", "link-empty")
    for target in (b"../../outside/precious", b"/", b"..", b"bin/../..", b"../../../.unrep/state.db"):
        tree = [("bin/run", 1, b"x"), ("run", 3, target)]
        site.refuses(raw.with_tree(tree, platform="posix"), Malformed, "symbolic link")
