"""The files of the page: complete, and loaded from the scanner alone."""

from __future__ import annotations

import json
import re
from configparser import ConfigParser
from fnmatch import fnmatch
from html.parser import HTMLParser
from pathlib import Path

import pytest

import gemscan
from tests.pages import Page

ROOT = Path(gemscan.__file__).parent
PAGE = ROOT / "edge_app" / "web" / "page"
PAGES = sorted(PAGE.glob("*.html"))
SCRIPTS = sorted(PAGE.glob("*.js"))
STYLES = sorted(PAGE.glob("*.css"))
EVERY = sorted(PAGE.iterdir())

NAMESPACE = "http://www.w3.org/2000/svg"  # a name, which nobody fetches
WRITES_MARKUP = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function"
SETS_STYLE = r"""setAttribute\(\s*["']style|\.cssText|<style"""


class Attributes(HTMLParser):
    """Every tag of a page with its attributes, and the text inside of scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.found and self.found[-1][0] in ("script", "style"):
            self.scripts += data.strip()


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def imported(script: Path) -> list[str]:
    return re.findall(r"""(?:from|import)\s*\(?["']([^"']+)["']""", text(script))


def scripts_of(page: Path) -> set[Path]:
    """Every script that a page loads, and what those import."""
    reached: set[Path] = set()
    ahead = [address for address in Page(page).loads if address.endswith(".js")]
    while ahead:
        script = PAGE / Path(ahead.pop()).name
        assert script.is_file(), script.name
        if script not in reached:
            reached.add(script)
            ahead += imported(script)
    return reached


def name_of(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_has_no_script_or_style_of_its_own(page):
    """The scanner's content policy refuses both; a page that has one would be half dead."""
    parts = Attributes(text(page))

    assert parts.scripts == ""
    for tag, attributes in parts.found:
        assert tag != "style"
        assert tag != "script" or attributes.get("src")
        assert not [name for name in attributes if name == "style" or name.startswith("on")]


@pytest.mark.parametrize("path", EVERY, ids=name_of)
def test_no_file_names_another_server(path):
    said = text(path).replace(NAMESPACE, "")
    assert not re.findall(r"""https?://|["'(]//|@import|data:""", said)


@pytest.mark.parametrize("path", SCRIPTS, ids=name_of)
def test_what_a_user_wrote_becomes_text_alone(path):
    assert not re.findall(WRITES_MARKUP, text(path))
    assert not re.findall(SETS_STYLE, text(path))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_file_that_a_page_asks_for_is_there(page):
    local = ("#", "/api/")
    asked = [address for address in Page(page).loads if not address.startswith(local)]

    assert all(address == "/" or address.startswith("/page/") for address in asked)
    assert [name for name in asked if not (PAGE / name.removeprefix("/page/")).exists()] == []


def test_the_icons_of_the_home_screen_are_there():
    for icon in json.loads(text(PAGE / "manifest.webmanifest"))["icons"]:
        assert (PAGE / icon["src"].removeprefix("/page/")).is_file()


def test_no_script_and_no_style_sheet_is_left_over():
    linked = {Path(address).name for page in PAGES for address in Page(page).loads}

    assert set(SCRIPTS) == set().union(*(scripts_of(page) for page in PAGES))
    assert {path.name for path in STYLES} <= linked


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_element_that_a_module_asks_for_is_on_its_page(page):
    ids = re.findall(r'\bid="([^"]+)"', text(page))
    asked = {name for path in scripts_of(page) for name in elements_in(path)}

    assert len(ids) == len(set(ids))
    assert asked
    assert asked <= set(ids)


def elements_in(script: Path) -> list[str]:
    return re.findall(r'(?:byId|getElementById)\("([^"]+)"\)', text(script))


def test_both_themes_name_the_same_colours():
    """A colour that the light theme forgot would be the dark one's on white."""

    def colours(path: Path) -> set[str]:
        return set(re.findall(r"(--[a-z-]+): #", text(path)))

    assert colours(PAGE / "light.css") == colours(PAGE / "base.css")


def test_an_installed_package_has_every_file():
    config = ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    patterns = [each.strip() for each in config["options.package_data"]["edge_app"].split(",")]
    files = [path.relative_to(ROOT / "edge_app").as_posix() for path in PAGE.iterdir()]

    assert [name for name in files if not any(fnmatch(name, each) for each in patterns)] == []
