"""A page as one HTML file that loads nothing from anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deploy.errors import require
from deploy.files import write_bytes
from deploy.report.blocks import Page
from deploy.report.svg import REMEDY

TEMPLATE = "page.html.j2"


def require_libraries() -> None:
    """See that a page can be written, before the work that it will be about.

    Raises:
        MissingDependencyError: matplotlib or jinja2 is not installed.
    """
    for name in ("matplotlib", "jinja2"):
        require(name, remedy=REMEDY)


def write_page(path: Path, page: Page) -> None:
    """Render a page and write it, whole or not at all.

    Raises:
        StorageError: the file cannot be written.
        MissingDependencyError: there is no jinja2.
    """
    # A file name that is not UTF-8 holds lone surrogates, which HTML cannot.
    write_bytes(path, render(page).encode("utf-8", "replace"))


def render(page: Page) -> str:
    """The HTML of a page. Every name in it is escaped; only drawings stand as they are."""
    jinja2 = require("jinja2", remedy=REMEDY)
    environment: Any = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    html: str = environment.get_template(TEMPLATE).render(page=page)
    return html
