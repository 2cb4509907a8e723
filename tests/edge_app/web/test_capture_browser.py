"""The camera's page in Chromium, over a real folder and drawn stones."""

from __future__ import annotations

import threading
import time

import pytest

from edge_app.capture.folder import TrainingFolder
from edge_app.capture.photographer import Photographer
from edge_app.live.reading import Reading
from edge_app.web.capture_api import capture_routes
from edge_app.web.screen import WebSettings, web_screen
from edge_app.web.server import Listen
from tests.edge_app.web.browser import free_port, open_browser
from tests.trays import Laid, lay, photographed, tray

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SLOW_MS = 30_000
STEPS = 12


@pytest.fixture(scope="module")
def browser():
    with open_browser() as opened:
        yield opened


@pytest.fixture
def camera(tmp_path):
    """A photographer before a stone that turns, and the address of its page."""
    ground = tray()
    pictures = [photographed(lay(ground, Laid(turned=n / 2)), n) for n in range(STEPS)]
    photographer = Photographer(TrainingFolder(tmp_path, ["Ruby", "Spinel"]), tray=False)
    session = {"mode": "capture", "source": "drawn"}
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(0.1):
            now = time.monotonic()
            picture = pictures[int(now * 2) % STEPS]
            photographer.see(picture, now)
            live.update(picture, Reading(None, None, 10.0, 0.0, "", prompt=photographer.prompt))

    def more(reading: Reading) -> dict:
        return {"capture": photographer.live_json()}

    settings, routes = WebSettings(Listen(port=free_port())), capture_routes(photographer)
    assert settings.listen is not None
    url = f"http://127.0.0.1:{settings.listen.port}/"
    with photographer, web_screen(settings, session, routes, more, page="capture.html") as live:
        thread = threading.Thread(target=run)
        thread.start()
        yield photographer, url
        stop.set()
        thread.join()


@pytest.fixture
def page(browser, camera):
    page = browser.new_page()
    page.set_default_timeout(SLOW_MS)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(camera[1])
    page.wait_for_selector("#stage[data-live=true]")
    yield page
    page.close()
    assert problems == []


def choose(page, label: str) -> None:
    page.click(f"#class-list button[title='{label}']")
    page.wait_for_selector(f"#class-list button[title='{label}'][aria-pressed=true]")
    page.wait_for_selector("#hold:enabled")


RECORDING = "#hold[data-recording={}]"


def test_holding_the_button_records_and_letting_go_ends_it(page, camera):
    assert page.is_disabled("#hold")
    choose(page, "Ruby")
    box = page.locator("#hold").bounding_box()
    page.mouse.move(box["x"] + 40, box["y"] + 40)
    page.mouse.down()
    page.wait_for_selector(RECORDING.format("true"))
    page.wait_for_selector("#last li:nth-child(2)")
    page.mouse.up()
    page.wait_for_selector(RECORDING.format("false"))

    kept = camera[0].written
    time.sleep(0.6)
    assert camera[0].written == kept >= 2
    page.keyboard.press("u")
    page.wait_for_selector(f"#kept:text-is('{kept - 1} kept')")


def test_the_space_bar_records_until_the_page_is_left(page, camera):
    choose(page, "Spinel")
    page.keyboard.down(" ")
    page.wait_for_selector(RECORDING.format("true"))
    page.goto("about:blank")

    until = time.monotonic() + 10
    while camera[0].recording and time.monotonic() < until:
        time.sleep(0.05)
    assert not camera[0].recording


def test_a_class_is_added_and_a_bad_name_is_refused_in_one_sentence(page, camera):
    page.fill("#label", "../up")
    page.keyboard.press("Enter")
    page.wait_for_selector("#problem:has-text('cannot be')")

    page.fill("#label", "Новый <b>камень")
    page.keyboard.press("Enter")
    page.wait_for_selector("#problem:has-text('holds <')")
    page.fill("#label", "Новый камень")
    page.keyboard.press("Enter")

    page.wait_for_selector("#chosen:text-is('Новый камень')")
    assert page.inner_text("#problem") == ""
    assert camera[0].chosen == "Новый камень"
    page.fill("#label", "новый  КАМЕНЬ")
    page.wait_for_selector("#add:text-is('Choose')")
    page.fill("#label", "новыи камень")
    page.wait_for_selector("#add:text-is('Add')")
    assert page.is_visible("#class-list button[title='Новый камень']")


@pytest.mark.parametrize("size", [(390, 844), (1280, 720)])
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_no_serious_accessibility_fault(browser, camera, size, scheme):
    from axe_playwright_python.sync_playwright import Axe

    viewport = {"width": size[0], "height": size[1]}
    context = browser.new_context(viewport=viewport, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    page.set_default_timeout(SLOW_MS)
    page.goto(camera[1])
    page.wait_for_selector("#stage[data-live=true]")
    choose(page, "Ruby")

    found = Axe().run(page).response["violations"]

    assert [v["id"] for v in found if v["impact"] in ("serious", "critical")] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    context.close()
