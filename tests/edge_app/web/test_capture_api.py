"""The addresses of the camera that fills a folder, over a real folder."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from deploy.errors import DataError
from edge_app.capture.folder import TrainingFolder
from edge_app.capture.photographer import Photographer
from edge_app.web.answers import HANDLERS
from edge_app.web.capture_api import capture_routes
from tests.trays import Laid, lay, photographed, tray

GROUND = tray()


@pytest.fixture
def photographer(tmp_path) -> Iterator[Photographer]:
    with Photographer(TrainingFolder(tmp_path / "photos", ["Ruby"]), tray=False) as photographer:
        yield photographer


@pytest.fixture
def client(photographer) -> Iterator[TestClient]:
    app = Starlette(routes=capture_routes(photographer), exception_handlers=HANDLERS)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def record(client, photographer, *, pictures: int) -> None:
    """Hold the button, and push a stone along; each picture is waited for."""
    for number in range(pictures):
        picture = photographed(lay(GROUND, Laid(x=200 + 15 * number)), number)
        assert client.post("/api/capture/hold", json={"on": True}).status_code == 204
        photographer.see(picture, 100 + number)
        until = time.monotonic() + 10
        while photographer.written <= number and time.monotonic() < until:
            time.sleep(0.005)
        assert photographer.written == number + 1, photographer.live_json()
    assert client.post("/api/capture/hold", json={"on": False}).status_code == 204
    time.sleep(0.3)  # a short press lasts a moment
    assert not photographer.recording


def test_what_was_recorded_is_counted_shown_and_taken_back(client, photographer, tmp_path):
    chosen = client.post("/api/capture/class", json={"label": "spinel"})
    assert (chosen.status_code, chosen.json()["chosen"]) == (200, "spinel")
    record(client, photographer, pictures=3)

    said = client.get("/api/capture").json()
    assert said["folder"] == "photos"
    assert said["classes"] == [{"label": "Ruby", "count": 0}, {"label": "spinel", "count": 3}]
    assert [last["number"] for last in said["last"]] == [3, 2, 1]
    assert (said["kept"], said["recording"]) == (3, False)
    shown = client.get("/api/capture/last/3")
    assert (shown.headers["content-type"], shown.content[:2]) == ("image/jpeg", b"\xff\xd8")

    gone = client.delete("/api/capture/last").json()

    assert gone == {"file": said["last"][0]["file"]}
    assert not (tmp_path / "photos" / "spinel" / gone["file"]).exists()
    assert client.get("/api/capture").json()["kept"] == 2
    assert client.get("/api/capture/last/3").status_code == 404


def test_every_picture_that_is_listed_has_a_thumbnail(client, photographer):
    photographer.choose("Ruby")
    record(client, photographer, pictures=14)
    client.delete("/api/capture/last")

    last = client.get("/api/capture").json()["last"]

    assert [each["number"] for each in last] == list(range(13, 2, -1))
    for each in last:
        assert client.get(f"/api/capture/last/{each['number']}").status_code == 200


def test_nothing_is_recorded_before_a_class_is_chosen(client):
    answer = client.post("/api/capture/hold", json={"on": True})

    assert answer.status_code == 400
    assert answer.json()["error"] == "No class is chosen. Choose one first."
    assert client.delete("/api/capture/last").status_code == 409


@pytest.mark.parametrize(
    "label", ["../up", "/etc", ".ssh", "a/b", "a\\b", "\x00", "nul", "\ud800", "", "x" * 5000]
)
def test_a_class_that_would_lead_out_of_the_folder_is_refused(client, tmp_path, label):
    body = b'{"label": "%s"}' % label.encode("unicode_escape")
    answer = client.post("/api/capture/class", content=body)

    assert answer.status_code == 400
    assert answer.json()["error"]
    assert client.get("/api/capture").json()["chosen"] == ""
    assert sorted(tmp_path.rglob("*")) == [tmp_path / "photos"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/capture/hold", {"on": 1}),
        ("/api/capture/hold", {}),
        ("/api/capture/class", {"label": ["Ruby"]}),
        ("/api/capture/class", {"label": "Ruby", "folder": "/tmp"}),
        ("/api/capture/class", []),
    ],
)
def test_a_request_of_another_form_is_refused(client, path, body):
    assert client.post(path, json=body).status_code == 400


def test_a_button_held_for_another_class_records_nothing(client, photographer):
    client.post("/api/capture/class", json={"label": "Spinel"})

    answers = [
        client.post("/api/capture/hold", json={"on": True, "label": label}).status_code
        for label in ("Ruby", "Spinel")
        if not photographer.recording
    ]

    assert answers == [204, 204]
    assert photographer.recording


def test_a_folder_that_cannot_be_read_is_told_in_its_own_words(client, photographer, monkeypatch):
    """The guard in front says of a 500 that the log says why."""

    def refuse() -> None:
        raise DataError("photos/Ruby cannot be read (permission denied).")

    monkeypatch.setattr(photographer, "json", refuse)

    answer = client.get("/api/capture")

    assert answer.status_code == 503
    assert answer.json() == {"error": "photos/Ruby cannot be read (permission denied)."}


def test_a_thumbnail_is_asked_for_by_a_number_alone(client):
    assert client.get("/api/capture/last/1").status_code == 404
    assert client.get("/api/capture/last/..%2f..%2fetc").status_code == 404
