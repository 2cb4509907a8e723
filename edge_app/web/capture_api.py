"""What `gemscan capture` answers: classes and their pictures, the held button, undo."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from edge_app.capture.album import NothingKeptError
from edge_app.capture.photographer import Photographer
from edge_app.web.answers import done, fail, read_json, route


def capture_routes(photographer: Photographer) -> list[BaseRoute]:
    """The addresses, by method."""
    api = _CaptureApi(photographer)
    return [
        route("/api/capture", api.tell),
        route("/api/capture/class", api.choose, "POST"),
        route("/api/capture/hold", api.hold, "POST"),
        route("/api/capture/last", api.undo, "DELETE"),
        route("/api/capture/last/{number:int}", api.thumbnail),
    ]


class _CaptureApi:
    """What touches the disk is done in a thread, so that the live picture goes on."""

    def __init__(self, photographer: Photographer) -> None:
        self._photographer = photographer

    async def tell(self, request: Request) -> Response:
        """Folder, classes and how many pictures each has, the last pictures."""
        return JSONResponse(await run_in_threadpool(self._photographer.json))

    async def choose(self, request: Request) -> Response:
        """Choose the class `label`; it is made where it is not known."""
        label = (await read_json(request, {"label": str}))["label"]
        await run_in_threadpool(self._photographer.choose, label)
        return await self.tell(request)

    async def hold(self, request: Request) -> Response:
        """The button is held, for the class `label`, or was let go."""
        given = await read_json(request, {"on": bool}, {"label": str})
        self._photographer.hold(given["on"], given.get("label", ""))
        return done()

    async def undo(self, request: Request) -> Response:
        """Remove the last picture of this run; says which that was."""
        try:
            kept = await run_in_threadpool(self._photographer.undo)
        except NothingKeptError as exc:
            return fail(409, str(exc))
        return JSONResponse({"file": kept.path.name})

    async def thumbnail(self, request: Request) -> Response:
        """One of the last pictures, small. A number means one picture for as long as this runs."""
        jpeg = self._photographer.thumbnail(request.path_params["number"])
        if jpeg is None:
            return fail(404, "That picture is none of the last ones.")
        return Response(jpeg, media_type="image/jpeg")
