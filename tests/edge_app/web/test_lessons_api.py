"""Lessons over HTTP."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from deploy.record.stones import new_key
from edge_app.web.guard.access import Access
from edge_app.web.guard.door import guard
from edge_app.web.lessons_api import lessons_routes
from tests.desks import embedding, look, make_desk, until


def take(client, desk, seed: int, **body):
    """Press the button while a stone lies on the tray."""
    with ThreadPoolExecutor() as pool:
        pressed = pool.submit(client.post, "/api/lesson/view", **body)
        until(lambda: desk.view(look(new_key(), seed)) or pressed.done())
    return pressed.result()


def begin(client, label: str):
    return client.post("/api/lesson", json={"label": label})


def forget(client, label: str):
    return client.request("DELETE", "/api/taught", json={"label": label})


def test_a_kind_is_taught_named_listed_and_forgotten(client, desk):
    begun = begin(client, " Mint /  green ")
    taken = [take(client, desk, 1) for _ in range(2)]
    saved = client.post("/api/lesson/save")

    assert (begun.status_code, begun.json()) == (201, {"label": "Mint / green", "views": 0})
    assert [answer.status_code for answer in taken] == [201, 201]
    assert taken[1].json() == {"label": "Mint / green", "views": 2}
    assert (saved.status_code, saved.content) == (204, b"")
    assert desk.taught(embedding(1)).label == "Mint / green"
    assert client.get("/api/taught").json() == {"kinds": [{"label": "Mint / green", "views": 2}]}

    forgotten = forget(client, "Mint / green")

    assert (forgotten.status_code, forgotten.content) == (204, b"")
    assert client.get("/api/taught").json() == {"kinds": []}
    assert desk.taught(embedding(1)) is None


def test_a_lesson_is_dropped(client, desk):
    begin(client, "Kunzite")
    take(client, desk, 1)

    assert client.delete("/api/lesson").status_code == 204
    assert client.post("/api/lesson/save").status_code == 409
    assert client.get("/api/taught").json() == {"kinds": []}


def test_of_two_pages_that_teach_neither_adds_to_the_lesson_of_the_other(client, desk):
    first, second = {"label": "Kunzite"}, {"label": "Peridot"}
    begin(client, **first)
    begin(client, **second)

    refused = [
        client.post("/api/lesson/view", json=first),
        client.post("/api/lesson/save", json=first),
    ]

    assert [answer.status_code for answer in refused] == [409, 409]
    assert "“Peridot” was begun meanwhile" in refused[0].json()["error"]
    assert client.request("DELETE", "/api/lesson", json=first).status_code == 204
    assert take(client, desk, 1, json=second).json() == {"label": "Peridot", "views": 1}
    assert client.post("/api/lesson/save", json=second).status_code == 204
    assert client.get("/api/taught").json() == {"kinds": [{"label": "Peridot", "views": 1}]}


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("POST", "/api/lesson/view", 409, "no lesson is open"),
        ("POST", "/api/lesson/save", 409, "no lesson is open"),
        ("DELETE", "/api/taught", 400, "no JSON"),
    ],
)
def test_what_does_not_go_is_one_sentence(client, method, path, status, said):
    answer = client.request(method, path)
    assert answer.status_code == status
    assert said in answer.json()["error"]


@pytest.mark.parametrize(
    ("label", "status", "said"),
    [("Kunzite", 404, "no kind named “Kunzite” was taught"), ("x" * 101, 400, "1 to 100 char")],
)
def test_what_was_not_taught_is_not_forgotten(client, label, status, said):
    answer = forget(client, label)
    assert answer.status_code == status
    assert said in answer.json()["error"]


@pytest.mark.parametrize("label", ["می\u200cدرخشد", "..", "Blue\\Green", "👩\u200d🔬"])
def test_a_kind_of_any_name_is_forgotten_through_the_door(client, desk, label):
    access = Access("127.0.0.1", 80, None, tls=False)
    headers = {"Origin": "http://127.0.0.1"}
    page = TestClient(
        guard(client.app, access), "http://127.0.0.1", client=("127.0.0.1", 1), headers=headers
    )
    assert begin(page, label).status_code == 201
    take(page, desk, 1, json={"label": label})
    assert page.post("/api/lesson/save", json={"label": label}).status_code == 204

    assert forget(page, label).status_code == 204
    assert page.get("/api/taught").json() == {"kinds": []}


def test_no_view_without_a_stone_and_no_lesson_without_a_name(client, desk, monkeypatch):
    monkeypatch.setattr(desk.lessons, "look_timeout_s", 0.05)
    assert begin(client, "").status_code == 400
    begin(client, "Kunzite")

    answer = client.post("/api/lesson/view")

    assert answer.status_code == 409
    assert "no stone lies still" in answer.json()["error"]


def test_a_run_that_keeps_nothing_teaches_nothing(tmp_path, bundle, fakes):
    desk = make_desk(None, tmp_path, bundle, fakes.FixedBackend([1, 0]))
    client = TestClient(Starlette(routes=lessons_routes(desk)))

    assert client.get("/api/taught").json() == {"kinds": []}
    assert "keeps no stones" in begin(client, "Kunzite").json()["error"]
