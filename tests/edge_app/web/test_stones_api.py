"""The record over HTTP."""

from __future__ import annotations

import csv
import io
import re
import shutil
import threading
from datetime import datetime

import cv2
import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from deploy.decision import LIST, REFER, Candidate, Verdict
from deploy.record.place import DATABASE
from deploy.record.reader import RecordReader
from deploy.record.stones import Provisional, new_key
from edge_app.desk.desk import Desk
from edge_app.record.log_lines import CSV_COLUMNS, csv_lines
from edge_app.record.store import Store
from edge_app.web.stones_api import stones_routes
from tests.desks import look, make_desk, scanned, until

JADES = Verdict(
    LIST, (Candidate("Jade", 0.5), Candidate("Jadeite", 0.4), Candidate("Opal", 0.1)), 2
)
STRANGER = Verdict(REFER, (Candidate("Ruby", 0.6), Candidate("Opal", 0.1)), unfamiliar=True)


def keep(desk: Desk, **other) -> str:
    """Scan a stone; gives its key once it is written."""
    stone, before = scanned(**other), desk.revision
    desk.view(look(stone.key))
    desk.keep(stone)
    until(lambda: desk.revision > before)
    return stone.key


def error(answer, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ["error"]
    return answer.json()["error"]


def test_the_newest_stones_come_first_with_all_that_the_page_shows(client, desk):
    ruby = keep(desk)
    keep(desk, verdict=JADES)
    taught = keep(desk, verdict=STRANGER, provisional=Provisional("Kunzite", 0.97))
    desk.correct(ruby, "Spinel", "RI 1.718")

    told = client.get("/api/stones").json()

    assert (told["more"], told["today"]) == (False, 3)
    third, second, first = told["stones"]
    assert [stone["id"] for stone in told["stones"]] == [3, 2, 1]
    assert first.pop("correction").pop("at") > first.pop("laid_at")
    assert first == {
        "id": 1,
        "key": ruby,
        "kind": "name",
        "names": ["Ruby"],
        "confidence": 0.9,
        "candidates": [
            {"label": "Ruby", "confidence": 0.9},
            {"label": "Spinel", "confidence": 0.1},
        ],
        "unfamiliar": False,
        "seconds": pytest.approx(0.6, abs=0.01),
        "thumbnail": True,
    }
    assert (second["kind"], second["names"]) == ("list", ["Jade", "Jadeite"])
    assert (second["confidence"], second["correction"]) == (None, None)
    assert (third["key"], third["kind"], third["names"]) == (taught, "taught", ["Kunzite"])
    assert third["unfamiliar"]


def test_the_list_goes_on_where_it_ended(client, desk):
    for _ in range(5):
        keep(desk)

    first = client.get("/api/stones?limit=3").json()
    rest = client.get(f"/api/stones?limit=3&before={first['stones'][-1]['id']}").json()

    assert [[s["id"] for s in page["stones"]] for page in (first, rest)] == [[5, 4, 3], [2, 1]]
    assert (first["more"], rest["more"]) == (True, False)


def test_stones_are_found_by_a_text_and_a_time(client, desk):
    ruby = keep(desk)
    keep(desk, verdict=JADES)
    desk.correct(ruby, "Émeraude", "100 % sure")

    def found(**asked) -> list[int]:
        return [s["id"] for s in client.get("/api/stones", params=asked).json()["stones"]]

    assert found(q="éMERAUDE") == found(q="100 %") == [1]
    assert found(q="  jadeite ") == [2]
    assert found(q="beryl") == []
    assert found(since="today") == found(since="1h") == [2, 1]
    assert found(since="2999-01-01") == []


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("limit=-1", "“limit” must be a whole number"),
        ("limit=0", "“limit” must be a whole number"),
        ("limit=many", "“limit” must be a whole number"),
        ("limit=²", "“limit” must be a whole number"),
        ("before=99999999999999999999", "“before” must be a whole number"),
        ("since=long+ago", "“long ago” is no moment"),
        ("q=" + "x" * 201, "200 characters at most"),
    ],
)
def test_what_cannot_be_looked_for_is_one_sentence(client, desk, query, said):
    assert said in error(client.get(f"/api/stones?{query}"), 400)


def test_no_more_than_200_stones_come_at_once(client, desk, monkeypatch):
    asked = []
    keep(desk)
    monkeypatch.setattr(
        RecordReader, "latest", lambda self, limit, *rest: asked.append(limit) or []
    )
    client.get("/api/stones?limit=100000")
    assert asked == [201]  # one more shows whether there is more


def test_a_thumbnail_is_a_picture(client, desk):
    key = keep(desk)

    answer = client.get(f"/api/stones/{key}/thumbnail")

    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    picture = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (48, 48, 3)
    assert "has no such picture" in error(client.get(f"/api/stones/{new_key()}/thumbnail"), 404)


@pytest.mark.parametrize(
    "key", ["1", "0123456789ABCDEF", "0123456789abcdef0", "..%2f..%2fetc", "'"]
)
def test_a_key_that_is_none_is_looked_up_nowhere(client, key, monkeypatch):
    monkeypatch.setattr("edge_app.web.stones_api.RecordReader", lambda _: pytest.fail("opened"))
    for answer in (
        client.get(f"/api/stones/{key}/thumbnail"),
        client.post(f"/api/stones/{key}/correction", json={"label": "Ruby"}),
    ):
        assert error(answer, 404).startswith(("there is no such stone", "Not Found"))


def test_a_recorded_stone_is_corrected(client, desk):
    key = keep(desk)

    answer = client.post(
        f"/api/stones/{key}/correction", json={"label": "Spinel", "note": "by its RI"}
    )

    assert (answer.status_code, answer.content) == (204, b"")
    (stone,) = client.get("/api/stones").json()["stones"]
    assert (stone["correction"]["label"], stone["correction"]["note"]) == ("Spinel", "by its RI")
    assert client.get("/api/labels").json() == {"labels": ["cat", "dog", "Spinel"]}


def test_the_stone_on_the_tray_is_corrected_too(client, desk):
    stone = scanned()
    desk.view(look(stone.key))

    answer = client.post(f"/api/stones/{stone.key}/correction", json={"label": "Spinel"})

    assert answer.status_code == 204
    assert client.get("/api/stones").json()["stones"] == []
    desk.keep(stone)
    until(lambda: desk.revision == 2)
    assert client.get("/api/stones").json()["stones"][0]["correction"]["label"] == "Spinel"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "is no JSON"),
        (b"{", "is no JSON"),
        (b"\xff", "is no JSON"),
        (b'{"label": NaN}', "is no JSON"),
        (b"[" * 9000, "is no JSON"),
        (b"[]", "no JSON object"),
        (b"{}", "“label” is missing"),
        (b'{"label": 5}', "“label” must be a text"),
        (b'{"label": null}', "“label” must be a text"),
        (b'{"label": "Ruby", "note": ["x"]}', "“note” must be a text"),
        (b'{"label": "Ruby", "colour": "red"}', "'colour' is not known"),
        (b'{"label": " "}', "1 to 100 characters"),
        (b'{"label": "\\ud800"}', "no whole text"),
        (b'{"label": "' + b"x" * 20000 + b'"}', "16 KB at most"),
    ],
)
def test_a_correction_that_makes_no_sense_is_one_sentence(client, desk, body, said):
    key = keep(desk)
    answer = client.post(f"/api/stones/{key}/correction", content=body)
    assert said in error(answer, 400)
    assert client.get("/api/stones").json()["stones"][0]["correction"] is None


def test_a_stone_that_nobody_knows_cannot_be_corrected(client, desk):
    keep(desk)
    answer = client.post(f"/api/stones/{new_key()}/correction", json={"label": "Ruby"})
    assert "was not recorded" in error(answer, 404)


def test_the_spreadsheet_is_the_one_of_the_log(client, desk, folder):
    keep(desk)
    desk.correct(keep(desk, verdict=JADES), "=Émeraude")

    answer = client.get("/api/stones.csv?since=today&until=today")

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert re.fullmatch(
        r'attachment; filename="gemscan-\d{4}-\d\d-\d\d.csv"',
        answer.headers["content-disposition"],
    )
    with RecordReader(folder) as reader:
        written = "".join(csv_lines(reader.entries()))
    assert answer.content.decode() == "\ufeff" + written  # which Excel tells UTF-8 by
    first, second = csv.DictReader(io.StringIO(written))
    assert list(first) == list(CSV_COLUMNS)
    assert second["corrected_to"] == "'=Émeraude"
    assert len(client.get("/api/stones.csv?since=2999-01-01").text.splitlines()) == 1
    assert "is no moment" in error(client.get("/api/stones.csv?until=soon"), 400)


def test_a_long_spreadsheet_comes_in_parts(client, desk, folder, monkeypatch):
    monkeypatch.setattr("edge_app.web.stones_api.LINES_AT_ONCE", 2)
    for _ in range(5):
        keep(desk)
    with client.stream("GET", "/api/stones.csv") as answer:
        parts = [part for part in answer.iter_raw() if part]
    assert len(b"".join(parts).splitlines()) == 6


def test_a_record_that_does_not_exist_yet_is_an_empty_list(bundle, fakes, tmp_path):
    desk = make_desk(None, tmp_path, bundle, fakes.FixedBackend([1, 0]))
    for folder in (None, tmp_path / "nowhere"):
        client = TestClient(Starlette(routes=stones_routes(desk, folder)))
        assert client.get("/api/stones").json() == {"stones": [], "more": False, "today": 0}
        assert len(client.get("/api/stones.csv").text.splitlines()) == 1
        assert "no record" in error(client.get(f"/api/stones/{new_key()}/thumbnail"), 404)
        assert client.get("/api/labels").json() == {"labels": ["cat", "dog"]}
        answer = client.post(f"/api/stones/{new_key()}/correction", json={"label": "Ruby"})
        assert "keeps no stones" in error(answer, 409)


def test_trouble_with_the_record_is_one_sentence(client, desk, folder):
    key = keep(desk)
    for suffix in ("", "-wal", "-shm"):
        (folder / f"{DATABASE}{suffix}").unlink(missing_ok=True)
    (folder / DATABASE).write_bytes(b"x" * 4096)  # another file: what the recorder writes is gone
    for path in ("/api/stones", "/api/stones.csv", f"/api/stones/{key}/thumbnail", "/api/labels"):
        assert "is damaged" in error(client.get(path), 503)

    shutil.rmtree(folder)
    answer = client.post(f"/api/stones/{key}/correction", json={"label": "Ruby"})
    assert "is gone" in error(answer, 507)


def test_one_who_waits_for_the_disk_keeps_nobody_else_waiting(client, desk, monkeypatch):
    key, writes = keep(desk), threading.Event()
    real = Store.correct
    monkeypatch.setattr(Store, "correct", lambda *a: writes.wait(20) and real(*a))
    answers = []
    waiting = threading.Thread(
        target=lambda: answers.append(
            client.post(f"/api/stones/{key}/correction", json={"label": "Ruby"})
        )
    )
    waiting.start()
    assert client.get("/api/stones").status_code == 200
    assert answers == []
    writes.set()
    waiting.join(20)
    assert answers[0].status_code == 204


def test_what_http_or_this_program_gets_wrong_is_one_sentence_too(client, monkeypatch):
    assert error(client.get("/api/nothing"), 404) == "Not Found: GET /api/nothing"
    assert error(client.put("/api/stones"), 405) == "Method Not Allowed: PUT /api/stones"
    monkeypatch.setattr(Desk, "labels", lambda _: 1 // 0)
    assert "made a mistake" in error(client.get("/api/labels"), 500)


def test_today_begins_at_midnight_of_this_place(client, desk, monkeypatch):
    keep(desk)
    asked = []
    monkeypatch.setattr(RecordReader, "count", lambda _, since: asked.append(since) or 0)
    client.get("/api/stones")
    moment = datetime.fromisoformat(asked[0].replace("Z", "+00:00")).astimezone()
    assert (moment.hour, moment.minute, moment.date()) == (0, 0, datetime.now().date())
