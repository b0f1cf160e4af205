"""What the site needs beside plain Markdown, so that the same pages also read well in the repository.

- A link out of ``docs``, to a file or folder of the repository, becomes a page of the site that shows it.
- SVG pictures are written into the page, so that they follow its light or dark colours.
- Mermaid, which needs a script from the network, is replaced by its picture.
"""

import posixpath
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"(?<=\]\()(?P<to>(?:\.\./)+[^)\s]+)(?=\))")
IMAGE = re.compile(r'<img alt="(?P<alt>[^"]*)" src="(?P<to>[^"]+\.svg)" ?/>')
MERMAID = re.compile(r"```mermaid\n.*?```", re.DOTALL)
LANGUAGES = {".py": "python", ".toml": "toml", ".md": "markdown", ".json": "json"}


def on_files(files: Any, config: Any) -> Any:
    """Adds a page for everything in the repository that some page links to."""
    linked = set()
    for file in files.documentation_pages():
        for match in LINK.finditer(file.content_string):
            place = outside(file.src_uri, match["to"])
            if place is not None:
                linked.add(place)
    for place in sorted(linked):
        files.append(File.generated(config, page_of(place), content=shown(ROOT / place)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Points links out of ``docs`` to the pages that `on_files` added."""
    own = page.file.src_uri

    def rewritten(match: re.Match[str]) -> str:
        place = outside(own, match["to"])
        return match["to"] if place is None else posixpath.relpath(page_of(place), posixpath.dirname(own))

    return MERMAID.sub("![The architecture](images/architecture.svg)", LINK.sub(rewritten, markdown))


def on_page_content(html: str, page: Any, config: Any, files: Any) -> str:
    """Writes SVG pictures into the page."""

    def inline(match: re.Match[str]) -> str:
        place = posixpath.normpath(posixpath.join(posixpath.dirname(page.file.src_uri), match["to"]))
        picture = (Path(config.docs_dir) / place).read_text(encoding="utf-8")
        return f'<span class="diagram" role="img" aria-label="{match["alt"]}">{picture}</span>'

    return IMAGE.sub(inline, html)


def outside(page: str, link: str) -> str | None:
    """Where in the repository a link leads that leaves ``docs``; None if it stays inside."""
    place = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), urlsplit(link).path))
    return None if place == "docs" or place.startswith("docs/") else place


def page_of(place: str) -> str:
    return f"source/{place}.md"


def shown(path: Path) -> str:
    """A page for one file, as it is, or for the files of a folder."""
    name = path.relative_to(ROOT).as_posix()
    head = f"---\ntitle: {path.name}\nsearch:\n  exclude: true\n---\n\n# `{name}`\n\n"
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix == ".py")
        return head + "\n\n".join(f"## {file.name}\n\n{fenced(file)}" for file in files)
    return head + fenced(path)


def fenced(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    return f'````{LANGUAGES.get(path.suffix, "text")} linenums="1"\n{text}\n````\n'
