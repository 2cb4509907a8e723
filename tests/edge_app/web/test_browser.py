"""The page in Chromium, before the command that a user starts."""

from __future__ import annotations

import csv
import re
import signal
import time
from pathlib import Path

import httpx
import pytest

from deploy.bundle import load_bundle
from deploy.record.reader import RecordReader
from edge_app.defaults import SHIPPED_BUNDLE
from tests.edge_app.web.browser import Scanner, open_browser

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PHONE, TABLET, SCREEN = (390, 844), (820, 1180), (1920, 1080)
LABELS = load_bundle(SHIPPED_BUNDLE).labels
# What Chromium says of a request that was under way, or is tried, when the server is no more.
OF_A_KILLED_SERVER = re.compile(
    "net::ERR_(CONNECTION_REFUSED|CONNECTION_RESET|CONTENT_LENGTH_MISMATCH|EMPTY_RESPONSE)"
)
SLOW_MS = 30_000  # a machine of two cores draws the scene, runs the model and the browser

PICTURE = """() => {
    const canvas = document.querySelector("#stage canvas");
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    let sum = 0;
    for (let at = 0; at < pixels.length; at += 401) sum = (sum * 31 + pixels[at]) % 1000000007;
    return [canvas.width, sum];
}"""


@pytest.fixture(scope="module")
def browser():
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def scanner(browser, tmp_path_factory):
    started = Scanner(tmp_path_factory.mktemp("record"), source="demo://?rest=6")
    started.start()
    yield started
    printed = started.stop()
    assert "Traceback" not in printed, printed


@pytest.fixture
def page(browser, scanner):
    with browser_page(browser, scanner.url) as opened:
        yield opened


class browser_page:  # noqa: N801  (used as a function)
    """A page on which nothing may go wrong."""

    def __init__(self, browser, url: str, size: tuple[int, int] = SCREEN, **how) -> None:
        self._context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, accept_downloads=True, **how
        )
        self._url, self.problems = url, []

    def __enter__(self):
        page = self._context.new_page()
        page.set_default_timeout(SLOW_MS)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", self._note)
        page.goto(self._url)
        page.problems = self.problems
        return page

    def _note(self, message) -> None:
        if message.type == "error" and not OF_A_KILLED_SERVER.search(message.text):
            self.problems.append(message.text)

    def __exit__(self, kind, error, trace) -> None:
        self._context.close()
        if kind is None:
            assert not self.problems


def until(page, condition: str) -> None:
    """Ask again and again; playwright's own way is forbidden by the page's security policy."""
    end = time.monotonic() + SLOW_MS / 1000
    while not page.evaluate(condition):
        assert time.monotonic() < end, condition
        page.wait_for_timeout(100)


def live(page) -> None:
    page.wait_for_selector("#stage[data-live=true]")


def verdict(page) -> str:
    """The next verdict that is final."""
    page.wait_for_selector("#verdict:not([data-tone=waiting]):not([data-tone=looking])")
    return page.inner_text("#verdict-name")


def test_the_page_loads_and_its_video_moves(page):
    live(page)
    width, first = page.evaluate(PICTURE)
    assert width >= 640
    until(page, f"({PICTURE})()[1] !== {first}")


def test_a_stone_gets_its_verdict_and_comes_into_the_list(page):
    said = verdict(page)

    assert said in LABELS or said == "Refer" or " or " in said or "\n" in said
    page.wait_for_selector("#stones li[data-key]")
    until(
        page,
        "() => { const img = document.querySelector('#stones li img');"
        " return img && img.complete && img.naturalWidth > 0; }",
    )


def test_a_correction_is_stored(page, scanner):
    page.wait_for_selector("#not-right:enabled")
    page.click("#not-right")
    page.fill("#correct-filter", "Tsavorite 石榴石")
    page.fill("#correct-note", "seen under the loupe")
    page.click("#correct-save")
    page.wait_for_selector("#correct-dialog", state="hidden")
    page.wait_for_selector("#stones li[data-tone=corrected]")

    with RecordReader(scanner.record) as reader:
        corrected = [entry.correction for entry in reader.corrected()]
    assert [(c.label, c.note) for c in corrected if c] == [
        ("Tsavorite 石榴石", "seen under the loupe")
    ]


NAMES = [
    *("पुखराज", "पन्ना", "ガーネット", "が", "Paraíba", "Гранат красный", "Λίθος", "Weißer Stein"),
]
REFERRED = {
    **{"id": 1, "key": "0123456789abcdef", "laid_at": "2026-03-01T08:00:00.000Z"},
    **{"kind": "refer", "names": [], "confidence": None, "candidates": []},
    **{"unfamiliar": True, "seconds": 0.4, "correction": None, "thumbnail": False},
}
FOUND = {
    "पु": ["पुखराज"],  # its vowel is a mark, without which it is another word
    "ガ": ["ガーネット"],
    "paraiba": ["Paraíba"],
    "гранат  КРАСНЫИ": ["Гранат красный"],
    "λιθοσ": ["Λίθος"],
    "weissER": ["Weißer Stein"],
}


def test_a_name_is_found_in_every_script(page):
    page.route("**/api/labels", lambda route: route.fulfill(json={"labels": NAMES}))
    page.route("**/api/stones?*", lambda route: route.fulfill(json=told(REFERRED)))
    page.reload()
    page.click("#stones [data-key='0123456789abcdef'] button")
    page.click("#stone-correct")
    until(page, f"document.querySelectorAll('#correct-names label').length === {len(NAMES)}")

    found = {}
    for typed in FOUND:
        page.fill("#correct-filter", typed)
        shown = page.locator("#correct-names label").all_inner_texts()
        found[typed] = [name for name in shown if not name.startswith("Another name")]

    assert found == FOUND


def told(*stones: dict) -> dict:
    """What the scanner answers to who asks for stones."""
    return {"stones": [*stones], "more": False, "today": len(stones)}


def open_correction(page, key: str) -> None:
    page.click(f"#stones [data-key='{key}'] button")
    page.click("#stone-correct")


def test_a_corrected_stone_is_asked_for_by_what_the_scanner_said(page):
    right = {"label": "Spinel", "note": "", "at": "2026-03-01T09:00:00.000Z"}
    named = {**REFERRED, "kind": "name", "names": ["Ruby"], "confidence": 0.9, "correction": right}
    page.route("**/api/stones?*", lambda route: route.fulfill(json=told(named)))
    page.reload()

    open_correction(page, named["key"])

    assert page.inner_text("#correct-said") == "The scanner said: Ruby"


def test_another_accent_is_another_name(page):
    page.route("**/api/labels", lambda route: route.fulfill(json={"labels": ["Peridot"]}))
    page.route("**/api/stones?*", lambda route: route.fulfill(json=told(REFERRED)))
    page.reload()
    open_correction(page, REFERRED["key"])
    page.wait_for_selector("#correct-names label")

    page.fill("#correct-filter", "Péridot")

    shown = page.locator("#correct-names label").all_inner_texts()
    assert shown == ["Peridot", "Another name: Péridot"]
    assert page.is_disabled("#correct-save")


def test_a_slow_save_leaves_the_dialog_of_the_next_stone_alone(page):
    other = {**REFERRED, "id": 2, "key": "fedcba9876543210"}
    waiting = []
    page.route("**/api/labels", lambda route: route.fulfill(json={"labels": NAMES}))
    page.route("**/api/stones?*", lambda route: route.fulfill(json=told(other, REFERRED)))
    page.route("**/api/stones/*/correction", lambda route: waiting.append(route))
    page.reload()
    open_correction(page, REFERRED["key"])
    page.fill("#correct-filter", "Paraíba")
    with page.expect_request("**/api/stones/*/correction"):
        page.click("#correct-save")
    page.keyboard.press("Escape")
    page.wait_for_selector("#correct-dialog", state="hidden")

    open_correction(page, other["key"])
    page.fill("#correct-filter", "Λίθος")
    waiting[0].fulfill(status=204)

    page.wait_for_selector("#toast:has-text('Saved: Paraíba')")
    assert page.is_visible("#correct-dialog")
    assert page.input_value("#correct-filter") == "Λίθος"
    assert page.is_enabled("#correct-save")


def test_a_search_that_fails_says_so_over_the_old_list(page):
    page.route("**/api/stones?*", lambda route: route.fulfill(json=told(REFERRED)))
    page.reload()
    page.wait_for_selector("#stones li[data-key]")
    page.route(
        "**/api/stones?*q=spinel*",
        lambda route: route.fulfill(status=503, json={"error": "the record is busy."}),
    )

    page.fill("#search", "spinel")

    page.wait_for_selector("#no-stones:has-text('the record is busy.')")
    page.problems[:] = [each for each in page.problems if "503" not in each]


def test_a_kind_is_taught_from_the_screen(page, scanner):
    live(page)
    page.click("#teach")
    page.fill("#teach-label", "Paraíba")
    page.click("#teach-start")
    while not page.evaluate("document.querySelector('#teach-count').innerText.includes('2')"):
        if page.is_enabled("#teach-view"):
            page.click("#teach-view")
        page.wait_for_timeout(1700)
    page.click("#teach-save")
    page.wait_for_selector("#teach-dialog", state="hidden")
    page.click("#teach")
    until(page, "document.querySelector('#taught').innerText.includes('Paraíba')")

    with RecordReader(scanner.record) as reader:
        assert {view.label for view in reader.taught()} == {"Paraíba"}


def test_the_day_is_exported_as_csv(page, tmp_path: Path):
    page.wait_for_selector("#stones li[data-key]")
    with page.expect_download() as started:
        page.click("#export")
    started.value.save_as(tmp_path / "day.csv")

    with (tmp_path / "day.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows
    assert {"laid_at", "verdict", "names", "corrected_to"} <= set(rows[0])


def test_the_list_is_searched(page):
    page.wait_for_selector("#stones li[data-key]")
    page.keyboard.press("/")
    page.keyboard.type("no stone is called this")
    page.wait_for_selector("#no-stones")
    page.fill("#search", "")
    page.wait_for_selector("#stones li[data-key]")


@pytest.mark.parametrize("size", [PHONE, TABLET, SCREEN])
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_no_serious_accessibility_fault(browser, scanner, size, scheme):
    from axe_playwright_python.sync_playwright import Axe

    how = {"color_scheme": scheme, "bypass_csp": True, "reduced_motion": "reduce"}
    with browser_page(browser, scanner.url, size, **how) as page:
        verdict(page)
        for opened in (None, "#help", "#not-right"):
            if opened:
                page.wait_for_selector(f"{opened}:enabled")
                page.click(opened)
            found = Axe().run(page).response["violations"]
            serious = [f for f in found if f["impact"] in ("serious", "critical")]
            assert not serious, [(f["id"], [n["target"] for n in f["nodes"]]) for f in serious]
            if opened:
                page.keyboard.press("Escape")
        overflow = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
        assert not overflow


def pair_through_a_proxy(url: str, user_agent: str) -> dict[str, str]:
    """What a device sends afterwards: a stranger, on the one machine that a test has."""
    stranger = {"Via": "1.1 shop", "Origin": url.rstrip("/"), "User-Agent": user_agent}
    code = httpx.get(f"{url}api/pairing").json()["code"]
    paired = httpx.post(f"{url}api/pair", json={"code": code}, headers=stranger)
    return {**stranger, "Cookie": paired.headers["set-cookie"].partition(";")[0]}


def test_paired_devices_are_listed_and_forgotten_by_keyboard(browser, tmp_path):
    from axe_playwright_python.sync_playwright import Axe

    scanner = Scanner(tmp_path / "record", source="demo://", host="0.0.0.0")
    scanner.start()
    try:
        phone, tablet = (
            pair_through_a_proxy(scanner.url, words) for words in ("iPhone", "Android 16")
        )
        how = {"bypass_csp": True, "reduced_motion": "reduce", "color_scheme": "light"}
        with browser_page(browser, scanner.url, PHONE, **how) as page:
            live(page)
            page.click("#help")
            page.click("#devices-open")
            page.wait_for_selector("#devices li:nth-child(2)")
            assert "iPhone" in page.inner_text("#devices li:nth-child(2)")
            found = Axe().run(page).response["violations"]
            assert [f["id"] for f in found if f["impact"] in ("serious", "critical")] == []
            sizes = [each.bounding_box() for each in page.locator("#devices button").all()]
            assert all(min(size["width"], size["height"]) >= 44 for size in sizes)
            for key in ("Tab", "Tab", "Enter", "Tab", "Enter"):  # the first Forget, then its yes
                page.keyboard.press(key)
            page.wait_for_selector("#devices li:nth-child(2)", state="detached")
            assert "iPhone" in page.inner_text("#devices li")
            shown = page.inner_text("#devices-code")
            pair_through_a_proxy(scanner.url, "iPad")  # a code serves one device
            until(page, f"document.querySelector('#devices-code').innerText !== '{shown}'")
        asked = [httpx.get(f"{scanner.url}api/session", headers=who) for who in (phone, tablet)]
    finally:
        printed = scanner.stop()
    assert "Traceback" not in printed
    assert [answer.status_code for answer in asked] == [200, 401]
    assert (asked[0].json()["here"], asked[0].json()["network"]) == (False, True)


def test_where_nothing_can_be_paired_no_devices_are_shown(page):
    live(page)
    page.click("#help")
    page.wait_for_selector("#about:visible")
    assert not page.is_visible("#devices-open")


def test_the_page_survives_a_restart_of_the_scanner(browser, tmp_path):
    first = Scanner(tmp_path / "record", source="demo://")
    first.start()
    with browser_page(browser, first.url) as page:
        live(page)
        first.stop(signal.SIGKILL)
        page.wait_for_selector("#connection:visible")
        assert page.get_attribute("#stage", "data-live") == "false"
        second = Scanner(tmp_path / "record", source="demo://", port=first.port)
        second.start()
        try:
            live(page)
            assert not page.is_visible("#connection")
            verdict(page)
        finally:
            printed = second.stop()
    assert re.search(r"\d+ frames in", printed)


def test_a_verdict_is_read_out_once(page):
    verdict(page)
    until(page, "document.querySelector('#announce').innerText.length > 0")
