"""The version stands in two places, which agree: bundle.version."""

import tomllib

from bundle.version import VERSION
from tests.support.repository import REPOSITORY


def test_the_package_has_the_version_that_the_program_says() -> None:
    document = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    assert document["project"]["version"] == VERSION
