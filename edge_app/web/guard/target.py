"""What a request asks for: a path, a query and a method that the screen may have."""

from __future__ import annotations

from starlette.types import Scope

from edge_app.web.guard.refusal import RefusedError

METHODS = ("GET", "HEAD", "POST", "DELETE")
LONGEST_PATH = 1024  # bytes, as sent
LONGEST_QUERY = 2048


def check_target(scope: Scope) -> None:
    """Refuse paths that could lead out of a folder, and whatever the screen never sends.

    The path is looked at as it was decoded, once, as the app takes it.

    Raises:
        RefusedError: 400 for the path, 405 for the method, 414 for the length.
    """
    path = scope["path"]
    if len(scope.get("raw_path") or path) > LONGEST_PATH:
        raise RefusedError(414, "The address is too long.")
    if len(scope["query_string"]) > LONGEST_QUERY:
        raise RefusedError(414, "The address asks for too much at once.")
    if not _is_plain(path):
        raise RefusedError(400, "The address is not one of the scanner's.")
    if scope["type"] == "http" and scope["method"] not in METHODS:
        allowed = ", ".join(METHODS)
        raise RefusedError(405, f"The scanner takes {allowed} only.", {"Allow": allowed})


def _is_plain(path: str) -> bool:
    return (
        path.startswith("/")
        and path.isprintable()
        and "\\" not in path
        and not {".", ".."}.intersection(path.split("/"))
    )
