"""Links that work in the repository work on the site: README, benchmarks and the like are pages there."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from sphinx.application import Sphinx

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = {
    "ARCHITECTURE.md": "/project/architecture.md",
    "CHANGELOG.md": "/project/changelog.md",
    "CONTRIBUTING.md": "/project/contributing.md",
    "SECURITY.md": "/project/security.md",
    "THIRD_PARTY.md": "/project/third-party.md",
    "benchmarks/README.md": "/explanation/benchmarks.md",
}
_LINK = re.compile(
    r"(?<!!)\[(?P<text>[^\[\]]*(?:\[[^\]]*\][^\[\]]*)?)\]\((?P<to>[^)\s:#]+)(?P<anchor>#[^)\s]*)?\)"
)
_CODE = re.compile(r"(^```.*?^```|`[^`\n]*`)", re.M | re.S)


def on_the_site(text: str, folder: str) -> str:
    """The text with links into the repository as links to pages, or to copies of files.

    Parameters
    ----------
    text : str
        Markdown.
    folder : str
        Where the text stands in the repository, as a POSIX path.
    """

    def turned(link: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(folder, link["to"]))
        anchor = link["anchor"] or ""
        if path == "README.md":
            return f"[{link['text']}](/index.md)"
        if path in PAGES:
            return f"[{link['text']}]({PAGES[path]}{anchor})"
        if path.startswith("docs/"):
            return f"[{link['text']}](/{path.removeprefix('docs/')}{anchor})"
        if (REPOSITORY / path).is_file():
            return f"{{download}}`{link['text'].strip('`')} </../{path}>`"
        return link["text"] if (REPOSITORY / path).exists() else link[0]

    parts = _CODE.split(text)  # code is at odd places
    return "".join(
        part if place % 2 else _LINK.sub(turned, part) for place, part in enumerate(parts)
    )


def _of_page(app: Sphinx, name: str, content: list[str]) -> None:
    content[0] = on_the_site(content[0], posixpath.join("docs", posixpath.dirname(name)))


def _of_included(app: Sphinx, path: Path, name: str, content: list[str]) -> None:
    where = (app.srcdir / path).resolve().relative_to(REPOSITORY)
    content[0] = on_the_site(content[0], where.parent.as_posix())


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("source-read", _of_page)
    app.connect("include-read", _of_included)
    return {"parallel_read_safe": True}
