"""What MkDocs calls while it builds: adds the pages that are not in docs/, and turns links into those of the site."""

import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from docs.generator.pages import MADE, brought, linked, within

_ELSEWHERE = re.compile(r'"https://unpkg\.com/[^"]*"')


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Puts pages that were brought in into the navigation: `folder/*` stands for all of that folder."""
    config.nav = _expanded(config.nav)
    return config


def _expanded(entry: Any) -> Any:
    if isinstance(entry, list):
        return [one for given in entry for one in (within(given[:-1]) if _is_pattern(given) else [_expanded(given)])]
    if isinstance(entry, dict):
        return {name: _expanded(one) for name, one in entry.items()}
    return entry


def _is_pattern(entry: Any) -> bool:
    return isinstance(entry, str) and entry.endswith("/*")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that are made, and those that the repository has elsewhere."""
    for place, make in MADE.items():
        files.append(File.generated(config, place, content=make()))
    for place, path in brought().items():
        files.append(File.generated(config, place, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turns links of the repository into links of the site."""
    return linked(markdown, page.file.src_uri)


def on_post_build(config: MkDocsConfig) -> None:
    """Takes other hosts out of the theme's scripts, which would ask them for what this site never uses."""
    for path in Path(config.site_dir, "assets", "javascripts").glob("*.js"):
        text = path.read_text(encoding="utf-8")
        path.write_text(_ELSEWHERE.sub('"data:text/javascript,"', text), encoding="utf-8")
