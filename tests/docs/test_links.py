"""No relative link of a page leads nowhere, neither to a file nor to an anchor."""

import re
from pathlib import Path

import pytest

from docs.generator.pages import MADE
from tests.architecture.prose import pages
from tests.support.repository import REPOSITORY

FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
PAGES = [*pages(REPOSITORY), REPOSITORY / "CHANGELOG.md", REPOSITORY / "examples" / "vms" / "README.md"]


def dead_links(page: Path, text: str) -> list[str]:
    """The links of a page that lead nowhere."""
    found = LINK.findall(CODE.sub("", FENCE.sub("", text)))
    return [link for link in found if "://" not in link and not leads_somewhere(page, link)]


def leads_somewhere(page: Path, link: str) -> bool:
    name, _, anchor = link.partition("#")
    target = (page.parent / name).resolve() if name else page
    docs = REPOSITORY / "docs"
    if target.is_relative_to(docs) and (make := MADE.get(target.relative_to(docs).as_posix())):
        text = make()
    elif not target.exists():
        return False
    else:
        text = target.read_text(encoding="utf-8") if anchor else ""
    return not anchor or anchor in anchors(text)


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub and MkDocs make them, and those that are named."""
    headings = HEADING.findall(FENCE.sub("", text))
    made = {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
    return made | set(re.findall(r"\{ #([\w-]+) \}", text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(REPOSITORY).as_posix())
def test_page(page: Path) -> None:
    assert dead_links(page, page.read_text(encoding="utf-8")) == []


def test_dead_links_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    text = "# A heading\n[a](nothing.md) [b](#none) [c](#a-heading) [d](page.md#none) [e](page.md) `[f](g)`\n"
    page.write_text(text, encoding="utf-8")
    assert dead_links(page, text) == ["nothing.md", "#none", "page.md#none"]
