"""The paired devices over HTTP, for the scanner itself: listed, and forgotten one by one."""

from __future__ import annotations

from dataclasses import asdict

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from edge_app.web.guard.access import Access
from edge_app.web.guard.body import json_text
from edge_app.web.guard.devices import Device
from edge_app.web.guard.peers import is_stranger
from edge_app.web.guard.refusal import RefusedError

API_DEVICES = "/api/devices"


def devices_routes(access: Access) -> list[Route]:
    """`GET` and `DELETE /api/devices`."""

    async def devices(request: Request) -> Response:
        try:
            if is_stranger(request.scope):
                raise RefusedError(403, "Paired devices are shown on the scanner itself only.")
            if request.method == "DELETE":
                device_id = json_text(await request.body(), "id", "Say which device is meant.")
                await run_in_threadpool(access.forget, device_id)  # it writes a file
                return Response(status_code=204)
            return JSONResponse({"devices": [_shown(device) for device in access.devices()]})
        except RefusedError as refused:
            return refused.response(API_DEVICES)

    return [Route(API_DEVICES, devices, methods=["GET", "DELETE"])]


def _shown(device: Device) -> dict[str, str]:
    shown = asdict(device)
    del shown["token_sha256"]
    return {"id": device.id, **shown}
