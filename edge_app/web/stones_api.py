"""The record of stones over HTTP, and their correction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import chain, islice
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from deploy.arrays import Json
from deploy.decision import NAME
from deploy.errors import SettingsError
from deploy.record.place import DATABASE
from deploy.record.reader import NoPictureError, RecordReader
from deploy.record.stones import Entry, is_key
from edge_app.desk.desk import Desk
from edge_app.record.log_lines import csv_lines
from edge_app.record.moments import read_moment
from edge_app.record.store import UnknownStoneError
from edge_app.web.answers import done, query_number, read_json, route

AT_ONCE, MOST_AT_ONCE = 50, 200  # stones
LONGEST_SEARCH = 200  # characters
LINES_AT_ONCE = 500  # of CSV
BYTE_ORDER_MARK = "\ufeff"  # without it Excel reads UTF-8 as the letters of its own country


def stones_routes(desk: Desk, folder: Path | None) -> list[Route]:
    """The addresses below /api/stones, and /api/labels.

    Args:
        folder: the record's, which need not be there yet; None where nothing is kept.
    """
    stones = _Stones(desk, folder)
    return [
        route("/api/stones", stones.list),
        route("/api/stones.csv", stones.csv),
        route("/api/stones/{key}/thumbnail", stones.thumbnail),
        route("/api/stones/{key}/correction", stones.correct, "POST"),
        route("/api/labels", stones.labels),
    ]


class _Stones:
    """Each request opens the record anew: that takes half a millisecond, and a record that was
    moved, replaced or begun meanwhile is found."""

    def __init__(self, desk: Desk, folder: Path | None) -> None:
        self._desk = desk
        self._folder = folder

    async def list(self, request: Request) -> Response:
        limit = min(query_number(request, "limit", AT_ONCE) or AT_ONCE, MOST_AT_ONCE)
        before = query_number(request, "before", None)
        text = request.query_params.get("q", "").strip()
        if len(text) > LONGEST_SEARCH:
            raise SettingsError(f"search for {LONGEST_SEARCH} characters at most.")
        since = _moment(request, "since", "")
        return JSONResponse(await run_in_threadpool(self._list, limit, before, text, since))

    def _list(self, limit: int, before: int | None, text: str, since: str) -> Json:
        with self._reader() as reader:
            if reader is None:
                return {"stones": [], "more": False, "today": 0}
            entries = reader.latest(limit + 1, before, text, since)
            today = reader.count(read_moment("today", _now()))
        stones = [stone_json(entry) for entry in entries[:limit]]
        return {"stones": stones, "more": len(entries) > limit, "today": today}

    async def csv(self, request: Request) -> Response:
        since, until = _moment(request, "since", ""), _moment(request, "until", "9999")
        parts = _parts(self._csv(since, until))
        first = await run_in_threadpool(next, parts)  # trouble is told before the answer begins
        name = f"gemscan-{_now():%Y-%m-%d}.csv"
        return StreamingResponse(
            chain([first], parts),
            media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    def _csv(self, since: str, until: str) -> Iterator[str]:
        yield BYTE_ORDER_MARK
        with self._reader() as reader:
            yield from csv_lines(reader.entries(since, until) if reader else ())

    async def thumbnail(self, request: Request) -> Response:
        picture = await run_in_threadpool(self._thumbnail, _key(request))
        headers = {"Cache-Control": "private, max-age=86400"}  # it never changes
        return Response(picture, media_type="image/jpeg", headers=headers)

    def _thumbnail(self, key: str) -> bytes:
        with self._reader() as reader:
            if reader is None:
                raise NoPictureError("there is no record of stones yet.")
            return reader.thumbnail(key)

    async def correct(self, request: Request) -> Response:
        key = _key(request)
        given = await read_json(request, {"label": str}, {"note": str})
        await run_in_threadpool(self._desk.correct, key, given["label"], given.get("note", ""))
        return done()

    async def labels(self, request: Request) -> Response:
        return JSONResponse({"labels": await run_in_threadpool(self._desk.labels)})

    @contextmanager
    def _reader(self) -> Iterator[RecordReader | None]:
        """The record, if there is one."""
        if self._folder is None or not (self._folder / DATABASE).is_file():
            yield None
            return
        with RecordReader(self._folder) as reader:
            yield reader


def stone_json(entry: Entry) -> Json:
    """A stone as the page gets it."""
    stone, correction = entry.stone, entry.correction
    candidates = [
        {"label": c.label, "confidence": round(c.confidence, 4)} for c in stone.verdict.candidates
    ]
    return {
        "id": entry.id,
        "key": stone.key,
        "laid_at": stone.laid_at,
        "kind": stone.kind,
        "names": stone.names,
        "confidence": candidates[0]["confidence"] if stone.kind == NAME else None,
        "candidates": candidates,
        "unfamiliar": stone.verdict.unfamiliar,
        "seconds": round(stone.seconds, 3),
        "correction": correction
        and {"label": correction.label, "note": correction.note, "at": correction.corrected_at},
        "thumbnail": entry.has_thumbnail,
    }


def _parts(lines: Iterable[str]) -> Iterator[bytes]:
    """Lines by the hundred: each part costs a change of threads."""
    lines = iter(lines)
    while part := "".join(islice(lines, LINES_AT_ONCE)):
        yield part.encode()


def _key(request: Request) -> str:
    key = str(request.path_params["key"])
    if not is_key(key):
        raise UnknownStoneError("there is no such stone: a key is 16 hexadecimal digits.")
    return key


def _moment(request: Request, name: str, default: str) -> str:
    text = request.query_params.get(name, "").strip()
    return read_moment(text, _now(), end=name == "until") if text else default


def _now() -> datetime:
    return datetime.now().astimezone()
