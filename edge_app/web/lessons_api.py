"""Lessons over HTTP: teaching a new kind with a few views, and forgetting it."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from edge_app.desk.desk import Desk
from edge_app.desk.lessons import Lessons
from edge_app.web.answers import done, read_json, route


def lessons_routes(desk: Desk) -> list[Route]:
    """The addresses /api/taught, /api/lesson, and those below it."""
    lessons = _Lessons(desk.lessons)
    return [
        route("/api/taught", lessons.kinds),
        route("/api/taught", lessons.forget, "DELETE"),
        route("/api/lesson", lessons.begin, "POST"),
        route("/api/lesson", lessons.cancel, "DELETE"),
        route("/api/lesson/view", lessons.take_view, "POST"),
        route("/api/lesson/save", lessons.save, "POST"),
    ]


class _Lessons:
    def __init__(self, lessons: Lessons) -> None:
        self._lessons = lessons

    async def kinds(self, request: Request) -> Response:
        kinds = self._lessons.kinds().items()
        return JSONResponse({"kinds": [{"label": label, "views": n} for label, n in kinds]})

    async def forget(self, request: Request) -> Response:
        given = await read_json(request, {"label": str})  # not every name can be an address
        await run_in_threadpool(self._lessons.forget, given["label"])
        return done()

    async def begin(self, request: Request) -> Response:
        given = await read_json(request, {"label": str})
        label = await run_in_threadpool(self._lessons.begin, given["label"])
        return JSONResponse({"label": label, "views": 0}, 201)

    async def take_view(self, request: Request) -> Response:
        label, views = await run_in_threadpool(self._lessons.take_view, await _meant(request))
        return JSONResponse({"label": label, "views": views}, 201)

    async def save(self, request: Request) -> Response:
        await run_in_threadpool(self._lessons.save, await _meant(request))
        return done()

    async def cancel(self, request: Request) -> Response:
        self._lessons.cancel(await _meant(request))
        return done()


async def _meant(request: Request) -> str:
    """The label of the lesson that a page has begun; empty where it says none."""
    if not await request.body():
        return ""
    return str((await read_json(request, {}, {"label": str})).get("label", ""))
