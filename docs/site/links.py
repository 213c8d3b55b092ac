"""Checks every link and anchor of a site and of its search.

Nothing may be loaded from a network, and no text may have asterisks that should have made it bold.

    python3 docs/site/links.py SITE

Links to other hosts are not followed.
"""

import json
import re
import sys
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# Elements whose target a browser loads by itself.
LOADED = {"audio", "embed", "iframe", "img", "link", "object", "script", "source", "video"}


# Elements whose text is shown as it is.
VERBATIM = {"code", "pre", "script", "style"}


class Page(HTMLParser):
    """Anchors and links of a page, and text with stray asterisks."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[tuple[str, str]] = []
        self.stray: list[str] = []
        self.verbatim = 0
        self.feed(path.read_text(encoding="utf-8", errors="replace"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.verbatim += tag in VERBATIM
        values = dict(attrs)
        for name in ("id", "name"):
            if (name == "id" or tag == "a") and values.get(name):
                self.anchors.add(values[name] or "")
        for name in ("href", "src", "data", "action"):
            value = values.get(name)
            # rustdoc's settings and themes are attributes of other elements.
            if value is not None and not (name == "data" and tag != "object"):
                self.links.append((tag, value))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        self.verbatim -= tag in VERBATIM

    def handle_data(self, data: str) -> None:
        if not self.verbatim and re.search(r"[.:!]\*\*", data):
            self.stray.append(data.strip())


@lru_cache(maxsize=None)
def page(path: Path) -> Page:
    return Page(path)


def problem(source: Path, tag: str, link: str) -> str | None:
    """Returns what is wrong with a link, or None."""
    url = urlsplit(link)
    if url.scheme or url.netloc:
        is_loaded = tag in LOADED and url.scheme != "data"
        return "is loaded from a network" if is_loaded else None
    # rustdoc names a list of implementations in other crates, and writes it only if there are any.
    if "/trait.impl/" in url.path:
        return None
    path = (source.parent / unquote(url.path)).resolve() if url.path else source
    if path.is_dir():
        return "is a folder, which a browser does not open from a file"
    if not path.is_file():
        return "does not exist"
    if not url.fragment or path.suffix != ".html":
        return None
    # As browsers do. In sources, rustdoc's script marks a range of lines.
    lines = re.fullmatch(r"(\d+)-\d+", url.fragment)
    candidates = {lines[1]} if lines else {url.fragment, unquote(url.fragment)}
    return None if candidates & page(path).anchors else "has no such anchor"


def main() -> None:
    site = Path(sys.argv[1]).resolve()
    sources = sorted(site.rglob("*.html"))
    failures, links = [], 0
    for source in sources:
        for tag, link in page(source).links:
            links += 1
            reason = problem(source, tag, link)
            if reason:
                failures.append(f"{source.relative_to(site)}: {link}: {reason}")
        for text in page(source).stray:
            failures.append(f"{source.relative_to(site)}: not made bold: {text}")
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    index = index.replace("\\\\", "\\").replace("\\'", "'")
    start = index.index('"doc_urls":') + len('"doc_urls":')
    for link in json.JSONDecoder().raw_decode(index, start)[0]:
        reason = problem(site / "search", "a", link)
        if reason:
            failures.append(f"searchindex.js: {link}: {reason}")
    for style in sorted(site.rglob("*.css")):
        for link in re.findall(r"""(?:@import\s+|url\()['"]?(https?:[^'")]*)""", style.read_text()):
            failures.append(f"{style.relative_to(site)}: {link}: is loaded from a network")
    for failure in sorted(set(failures))[:100]:
        print(failure)
    print(f"links: {links} in {len(sources)} pages, {len(failures)} broken")
    sys.exit(1 if failures or not links else 0)


if __name__ == "__main__":
    main()
