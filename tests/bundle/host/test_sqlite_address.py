"""Addresses of SQLite files: bundle.host.sqlite_address."""

import os
import sqlite3
from pathlib import Path, PureWindowsPath
from typing import cast

import pytest

from bundle.host.sqlite_address import sqlite_address


class OfWindows(PureWindowsPath):
    def absolute(self) -> "OfWindows":
        return self


@pytest.mark.parametrize(
    ("path", "address"),
    [
        (r"\\server\share\repo.db", "file:////server/share/repo.db?mode=ro"),
        (r"C:\ship one\repo.db", "file:///C:/ship%20one/repo.db?mode=ro"),
    ],
)
def test_paths_of_windows(path: str, address: str) -> None:
    assert sqlite_address(cast(Path, OfWindows(path)), "mode=ro") == address


@pytest.mark.parametrize("name", ["plain.db", "blank and ü#%.db", *(["what?.db"] if os.name != "nt" else [])])
def test_it_leads_to_the_file(name: str, tmp_path: Path) -> None:
    database = sqlite3.connect(sqlite_address(tmp_path / name, "mode=rwc"), uri=True)
    database.execute("CREATE TABLE t (a)")
    database.close()
    assert [path.name for path in tmp_path.iterdir()] == [name] and (tmp_path / name).stat().st_size
