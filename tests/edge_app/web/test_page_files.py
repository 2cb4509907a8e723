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
INDEX = PAGE / "index.html"
SCRIPTS = sorted(path for path in PAGE.glob("*.js") if not path.name.startswith("capture"))
STYLES = sorted(path for path in PAGE.glob("*.css") if not path.name.startswith("capture"))
EVERY = [INDEX, *SCRIPTS, *STYLES, PAGE / "manifest.webmanifest", PAGE / "icon.svg"]

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


def test_the_page_has_no_script_or_style_of_its_own():
    """The scanner's content policy refuses both; a page that has one would be half dead."""
    page = Attributes(text(INDEX))

    assert page.scripts == ""
    for tag, attributes in page.found:
        assert tag != "style"
        assert tag != "script" or attributes.get("src")
        assert not [name for name in attributes if name == "style" or name.startswith("on")]


@pytest.mark.parametrize("path", EVERY, ids=lambda path: path.name)
def test_no_file_names_another_server(path):
    said = text(path).replace(NAMESPACE, "")
    assert not re.findall(r"""https?://|["'(]//|@import|data:""", said)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_what_a_user_wrote_becomes_text_alone(path):
    assert not re.findall(WRITES_MARKUP, text(path))
    assert not re.findall(SETS_STYLE, text(path))


def test_every_file_that_is_asked_for_is_there():
    manifest = json.loads(text(PAGE / "manifest.webmanifest"))
    asked = [address for address in Page(INDEX).loads if not address.startswith(("#", "/api/"))]
    asked += [icon["src"] for icon in manifest["icons"]]

    assert all(address.startswith("/page/") for address in asked)
    assert [name for name in asked if not (PAGE / name.removeprefix("/page/")).is_file()] == []


def test_every_module_imports_files_that_are_there_and_is_reached():
    reached, ahead = set(), ["./main.js"]
    while ahead:
        script = PAGE / ahead.pop()
        assert script.is_file(), script.name
        if script not in reached:
            reached.add(script)
            ahead += imported(script)

    assert {path.name for path in SCRIPTS} == {path.name for path in reached}


def test_every_style_sheet_is_used():
    linked = {Path(address).name for address in Page(INDEX).loads if address.endswith(".css")}
    assert {path.name for path in STYLES} == linked


def test_every_element_that_a_module_asks_for_is_on_the_page():
    ids = re.findall(r'\bid="([^"]+)"', text(INDEX))
    asked = {name for path in SCRIPTS for name in re.findall(r'byId\("([^"]+)"\)', text(path))}

    assert len(ids) == len(set(ids))
    assert asked
    assert asked <= set(ids)


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
