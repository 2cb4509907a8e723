"""A request that is not let in, and how that is said."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import JSONResponse, PlainTextResponse, Response


class RefusedError(Exception):
    """A request is refused. The message is one sentence for whoever sent it."""

    def __init__(
        self, status: int, sentence: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.headers = dict(headers or {})

    def response(self, path: str) -> Response:
        """The answer: JSON for programs, plain text for who opened a page."""
        if is_api(path):
            return JSONResponse({"error": str(self)}, self.status, self.headers)
        return PlainTextResponse(str(self), self.status, self.headers)


def is_api(path: str) -> bool:
    """Whether a path is for programs, not a page or a file of one."""
    return path == "/api" or path.startswith("/api/")
