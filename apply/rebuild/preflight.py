"""What is checked before anything at the site changes, the cheapest first. spec/apply.md, section 3."""

import os
import shutil
from typing import TYPE_CHECKING

from apply.errors import DiskFull, SiteInvalid
from apply.rebuild.installed import verify_places
from apply.rebuild.room import Savings, needed_bytes
from apply.record.release import Release
from apply.record.state import SiteState
from apply.site import durable
from apply.site.layout import Site
from bundle.errors import Unsupported
from bundle.format.manifest import TreeManifest
from bundle.host import presence
from bundle.host.progress import Progress
from bundle.read.tree import DirectoryBase

if TYPE_CHECKING:  # the room for a path is checked before a fetch begins, which does not wait for what rebuilds
    from bundle.read.evaluate import Evaluation


def check_platform(release: Release) -> None:
    """Raises Unsupported for a release that this operating system cannot hold."""
    if release.platform == "posix" and os.name == "nt":
        raise Unsupported(
            f"version {release.version} was built with --platform posix, and this is Windows; build it anew"
        )


def check_place(site: Site, state: SiteState, release: Release) -> None:
    """Raises SiteInvalid if something that unrep did not make stands where the version would go [A-14]."""
    # Without letter case: to Windows 1.0-RC and 1.0-rc are one directory.
    known = {r.version.casefold() for r in state.releases}
    with durable.storage_errors(site.versions):
        present = (
            {path.name.casefold(): path for path in site.versions.iterdir()}
            if presence.is_directory(site.versions)
            else {}
        )
    in_the_way = present.get(release.version.casefold())
    if in_the_way and release.version.casefold() not in known:
        raise SiteInvalid(f"{in_the_way}: is in the way of version {release.version}, and not unrep's; move it away")
    # A tree moves from staging into place by one rename, which no system does across file systems.
    if (
        presence.is_directory(site.private)
        and presence.is_directory(site.versions)
        and site.private.stat().st_dev != site.versions.stat().st_dev
    ):
        raise SiteInvalid(f"{site.versions}: lies on another file system than {site.private}; a site must lie on one")


def check_free(site: Site, needed: int) -> None:
    """Raises DiskFull if so many bytes are not free while the old versions stand [A-15]."""
    free = shutil.disk_usage(site.root).free
    if free < needed:
        raise DiskFull(
            f"{site.root}: the new version needs {needed:,} bytes, and {free:,} are free; "
            "free some, or let 'unrep gc' remove old versions"
        )


def check_room(site: Site, manifest: TreeManifest, room_bytes: int = 0, savings: Savings | None = None) -> None:
    """Raises DiskFull if the version and what is needed to make it would not fit [A-15]."""
    check_free(site, needed_bytes(manifest, room_bytes, savings))
    if hasattr(os, "statvfs"):
        inodes = os.statvfs(site.root)
        # 0 in all: a file system such as Btrfs that makes inodes as they are needed.
        if inodes.f_files and inodes.f_favail < len(manifest.entries):
            raise DiskFull(
                f"{site.root}: its file system has room for {inodes.f_favail:,} more files only; remove some"
            )


def check_base(base: DirectoryBase, evaluation: "Evaluation", progress: Progress) -> None:
    """Hashes the base files that recipes read. Those that stay as they are get hashed as they are copied [A-13].

    Raises BaseDrifted.
    """
    verify_places(base, sorted(evaluation.base_places()), progress)
